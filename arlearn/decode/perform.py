"""Let a masked model answer problems by unmasking, and mark the draft of every step."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from arlearn.data.sheet import Sheet
from arlearn.decode.film import Film, film
from arlearn.decode.unmask import Remask, Score, unmask
from arlearn.heads.law import Law
from arlearn.nets.prompted import PromptedDenoiser


@dataclass(frozen=True)
class Way:
    """How answers are unmasked.

    Attributes:
        n_steps: network evaluations an answer.
        temperature: of the logits, for the guesses and for their confidence alike; 0 is greedy
            (the confidence is then that of the model's own law).
        score, remask, block: as in `decode.unmask`.
    """

    n_steps: int = 8
    temperature: float = 0.0
    score: Score = "confidence"
    remask: Remask | None = None
    block: int | None = None


@dataclass(frozen=True)
class Performance:
    """Answers to some problems, with every draft marked.

    Attributes:
        film: states, drafts and confidences, step by step.
        marks: whether each draft was right, 0 or 1.
    """

    film: Film
    marks: Float[Tensor, "s b"]

    @property
    def solved(self) -> Bool[Tensor, "b"]:
        """Right at the end."""
        return self.marks[-1] > 0

    @property
    def once_right(self) -> Bool[Tensor, "b"]:
        """Right at some step: what an oracle that stops in time would reach."""
        return self.marks.amax(0) > 0

    @property
    def over_denoised(self) -> Bool[Tensor, "b"]:
        """Right at some step and wrong at the end."""
        return self.once_right & ~self.solved


@torch.no_grad()
def perform(
    model: PromptedDenoiser,
    sheet: Sheet,
    way: Way | None = None,
    *,
    which: Int[Tensor, "b"] | None = None,
    generator: Generator | None = None,
) -> Performance:
    """Answer the problems `which` (all unless given) and mark the whole guess of every step."""
    way = way or Way()
    which = torch.arange(len(sheet)) if which is None else which
    start = sheet.asked(model.mask)[which.cpu()].to(model.place.device)
    heat = way.temperature
    _, trace = unmask(
        (lambda x: model(x) / heat) if heat else model,
        start,
        mask=model.mask,
        n_steps=way.n_steps,
        score=way.score,
        remask=way.remask,
        block=way.block,
        law=Law(temperature=1.0 if heat else 0.0),
        generator=generator,
    )
    seen = film(trace, start, model.mask)
    return Performance(seen, torch.stack([sheet.marks(draft, which) for draft in seen.guesses]))
