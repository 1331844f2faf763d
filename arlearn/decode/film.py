"""What an unmasking did, as tensors to look at or to learn from: states, whole guesses, doubts."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from arlearn.trace import Trace


@dataclass(frozen=True)
class Film:
    """The steps of `decode.unmask`, stacked; s steps, b samples, t positions.

    Attributes:
        states: x_s, what the network read in step s, with masks.
        guesses: x̂_s, what it answered: the units that stood and a guess at every mask. Each is a
            whole draft, that can be judged as it stands.
        confidence: of each unit of the draft, as it was when the unit was guessed.
        hidden: where x_s has a mask, so where step s guessed.
    """

    states: Int[Tensor, "s b t"]
    guesses: Int[Tensor, "s b t"]
    confidence: Float[Tensor, "s b t"]
    hidden: Bool[Tensor, "s b t"]

    def __len__(self) -> int:
        return len(self.states)

    @property
    def taken_back(self) -> Bool[Tensor, "s b t"]:
        """What stood in x_s and is hidden again in x_(s+1); nothing in the last step."""
        after = torch.cat([self.hidden[1:], torch.zeros_like(self.hidden[:1])])
        return after & ~self.hidden


def film(trace: Trace, start: Int[Tensor, "b t"], mask: int) -> Film:
    """The film of an unmasking that began at `start`, on the device of `start`.

    Raises:
        ValueError: the trace is not that of an unmasking of `start`.
    """
    whole = all(len(step.positions) == start.shape[1] for step in trace.steps)
    if not trace.steps or not whole or any(step.kept is None for step in trace.steps):
        raise ValueError(
            "a film is made of a trace of decode.unmask, whose steps hold whole guesses; "
            f"this one has {trace.n_steps} steps that do not"
        )
    guesses = torch.stack([step.units for step in trace.steps]).to(start.device)
    if guesses.shape[1:] != start.shape:
        raise ValueError(
            f"the trace holds units of shape {tuple(guesses.shape[1:])}, the start "
            f"{tuple(start.shape)}; give the start that was unmasked"
        )
    kept = torch.stack([step.kept for step in trace.steps]).to(start.device)
    shown = torch.where(kept, guesses, mask)
    states = torch.cat([start[None], shown[:-1]])
    confidence = torch.stack([step.confidence for step in trace.steps]).to(start.device)
    return Film(states, guesses, confidence, states == mask)
