"""Rounds of a speculation in a trace: drafts that were checked, and the token behind them."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from arlearn.trace import Trace


@dataclass(frozen=True)
class Verdict:
    """What the target says of k drafts.

    Attributes:
        n_accepted: how many drafts stand, counted from the left, 0 .. k.
        next_token: the token behind them, drawn so that all of them follow the target's law.
    """

    n_accepted: Int[Tensor, "*b"]
    next_token: Int[Tensor, "*b"]


def record(
    trace: Trace,
    begin: int,
    drafts: Int[Tensor, "1 k"],
    q: Float[Tensor, "1 k v"],
    p: Float[Tensor, "1 k+1 v"],
    verdict: Verdict,
) -> None:
    """One entry for the drafts, if there are any, and one for the token behind those that stand.

    The drafts cost no evaluation and say in `kept` which of them stand; the pass that checked them
    is counted with the token it adds. That is how players and `tally` know a speculation.

    Args:
        begin: the place of the first draft.
        q, p: the laws the drafts were drawn from, and those they were tested against.
        verdict: what `decode.accept` said.
    """
    k, stands = drafts.shape[1], int(verdict.n_accepted)
    if k:
        chance = q.gather(-1, drafts[..., None])[..., 0]
        places = torch.arange(begin, begin + k)
        trace.record(places, drafts, 0, confidence=chance, kept=torch.arange(k)[None] < stands)
    token = verdict.next_token[:, None]
    chance = p[:, stands].gather(-1, token)
    trace.record(torch.tensor([begin + stands]), token, 1, confidence=chance, kept=token >= 0)


@dataclass(frozen=True)
class Tally:
    """What a speculation cost: passes of the draft model (one per drafted token), drafts that
    stand, passes of the target, and tokens written."""

    drafted: int
    accepted: int
    target_evaluations: int
    tokens: int

    @property
    def rate(self) -> float:
        """Share of the drafted tokens that stand, those behind a fallen one included."""
        return self.accepted / max(self.drafted, 1)

    @property
    def tokens_per_pass(self) -> float:
        """Tokens written per pass of the target; 1 without speculation."""
        return self.tokens / max(self.target_evaluations, 1)


def passes_until(trace: Trace, n: int) -> int:
    """Passes of the target until the first n tokens stood, the one that checked the last counted.

    A speculation that is not told to stop writes on; this is what it would have taken otherwise.

    Raises:
        ValueError: the trace never holds so many tokens.
    """
    passes, standing = 0, torch.zeros(trace.length, dtype=torch.bool)
    for step in trace.steps:
        standing[step.positions] = True if step.kept is None else step.kept[0]
        passes += step.evaluations
        if step.evaluations and standing[:n].all():  # drafts stand once their pass has said so
            return passes
    raise ValueError(f"the trace ends before {n} tokens stand; it has {int(standing.sum())}")


def tally(trace: Trace) -> Tally:
    """Count the drafts of a speculation; they are the entries that cost the target nothing."""
    drafts = [step for step in trace.steps if step.evaluations == 0]
    drafted = sum(step.units.shape[:2].numel() for step in drafts)
    accepted = sum(int(step.kept.sum()) for step in drafts)
    added = sum(step.units.shape[:2].numel() for step in trace.steps if step.evaluations)
    return Tally(drafted, accepted, trace.evaluations, accepted + added)
