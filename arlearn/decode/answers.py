"""Let a sampler answer problems with an exact checker, and count what each answer cost alone."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from arlearn.data.tasks import Tasks, decode, encode
from arlearn.trace import Trace

END = 0  # the unit that ends an answer, in `data.tasks`
Writer = Callable[[Int[Tensor, "b m"]], tuple[Int[Tensor, "b n"], Trace]]


@dataclass(frozen=True)
class Answers:
    """What a sampler answered.

    Attributes:
        texts: the answers, without their end, in the order of the problems.
        tokens: how many tokens each is long, its end counted.
        passes: network evaluations each took, up to the one that completed it.
    """

    texts: tuple[str, ...]
    tokens: Int[Tensor, "n"]
    passes: Int[Tensor, "n"]

    @property
    def tokens_per_pass(self) -> float:
        """Tokens of all answers per network evaluation; plain sampling has exactly 1."""
        return float(self.tokens.sum() / self.passes.sum())


@torch.no_grad()
def answers(
    problems: Tasks, writer: Writer, *, start: int, device: torch.device | str = "cpu"
) -> Answers:
    """The answers of a sampler, prompts of equal length together.

    Args:
        writer: from prompts, each behind the token `start`, to what follows them, with its trace.
            It should write an `END` unit behind an answer and room enough for the longest one.

    Raises:
        ValueError: the writer's rows are not those it was given.
    """
    lengths = torch.tensor([len(prompt) for prompt in problems.prompts])
    texts, found = [""] * len(problems), torch.zeros(2, len(problems), dtype=torch.long)
    for length in lengths.unique().tolist():
        here = (lengths == length).nonzero().flatten()
        units = encode([problems.prompts[i] for i in here], length + 1)[:, :-1]
        prompt = torch.cat([units.new_full((len(here), 1), start), units], 1)
        written, trace = writer(prompt.to(device))
        if len(written) != len(here):
            raise ValueError(f"{len(here)} prompts were given, the writer returned {len(written)}")
        written = written.cpu()
        for i, text in zip(here.tolist(), decode(written), strict=True):
            texts[i] = text
        tokens = ((written == END).cumsum(1) == 0).sum(1) + 1
        tokens = tokens.clamp(max=written.shape[1])
        found[:, here] = torch.stack([tokens, passes(trace, tokens)])
    return Answers(tuple(texts), *found)


def passes(trace: Trace, tokens: Int[Tensor, "b"]) -> Int[Tensor, "b"]:
    """Evaluations each sample of a batch would have taken alone to show its first `tokens` units.

    A step counts for a sample if it changed what the sample shows: in a batch the others wait for
    the slowest one, and alone they would not. That is exact for samplers whose every evaluation
    shows something new. Drafts of a speculation stand before the pass that checks them is counted;
    `decode.rounds.passes_until` counts those.
    """
    shown = torch.zeros(len(tokens), trace.length, dtype=torch.bool)
    wanted = torch.arange(trace.length) < tokens[:, None]
    taken = torch.zeros_like(tokens)
    for step in trace.steps:
        after = shown.clone()
        after[:, step.positions] = True if step.kept is None else step.kept
        waiting = (wanted & ~shown).any(1)
        taken += step.evaluations * (waiting & (after != shown).any(1))
        shown = after
    return taken
