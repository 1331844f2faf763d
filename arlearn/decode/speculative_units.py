"""Exact speculation on continuous units, in which each sample of a batch goes its own way."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from arlearn.decode.dice import Dice, at
from arlearn.decode.overlap import log_ratio, reflect
from arlearn.decode.reader import Reader
from arlearn.decode.row_rounds import Round, Rounds
from arlearn.nets.vectors import VectorModel

# A unit for a draft x of N(q, σ²) that fell, given p: what has the law norm([N(p) - N(q)]₊).
Residual = Callable[[Tensor, Tensor, Tensor], Tensor]


@torch.no_grad()
def speculative_units(
    target: VectorModel,
    draft: VectorModel,
    labels: Int[Tensor, "b"] | None,
    *,
    length: int,
    dice: Dice,
    prefill: int = 0,
    softness: float = 1.0,
    residual: Residual = reflect,
    cached: bool = True,
) -> tuple[Float[Tensor, "b t c"], Rounds]:
    """Draw samples of the target's law, `length` drafts to a pass of the target.

    A round, for every unfinished sample at its own place: the draft model draws `length` units one
    by one; one pass of the target gives its states at all of them and behind them; its head runs
    once, at all of them in parallel, on the same noise, up to the mean of the last Gaussian. A
    draft x stands where log u < log N(x; p, σ²) - log N(x; q, σ²). At the first that falls,
    `residual` says what stands instead, later drafts are dropped, and both caches are rolled back;
    if all stand, the target adds one of its own.

    Given the path's noise both last steps are known Gaussians with one deviation, so this is
    ordinary speculative sampling and the law is the target's exactly. With length 0 it is plain
    decoding of the target.

    Args:
        prefill: how many first units the target draws alone.
        softness: temperature of the test, on the deviation: the log ratio is divided by its
            square. 1 is exact; anything above lets the draft's law through.
        residual: see `overlap.reflect`; called with the fallen drafts, p and q.
        cached: False reads everything again at every look (the same result, slowly).

    Returns: the units, and the rounds.

    Raises:
        ValueError: a length or prefill below 0, a softness not above 0, dice for another number of
            samples than labels, or models whose heads take other steps or deviations.

    Source: CSpD (Wang et al. 2024, arXiv 2411.11925), algorithm 1, with fixed variances.
    """
    _check(target, draft, labels, length, dice, prefill, softness)
    modes = [model.training for model in (target, draft)]
    session = Speculation(target.eval(), draft.eval(), labels, length, dice, cached, prefill)
    while len(session.rows):
        session.round(softness, residual)
    for model, was in zip((target, draft), modes, strict=True):
        model.train(was)
    return session.units, session.rounds


class Speculation:
    """The samples that are not finished: how far each is, its units with drafts, its dice."""

    def __init__(self, target, draft, labels, length, dice, cached, prefill):
        batch, t = dice.chance.shape
        spare = length + prefill + 2
        self.target = Reader(target, labels, batch, spare, cached)
        self.draft = Reader(draft, labels, batch, spare, cached)
        self.length, self.prefill, self.t = length, prefill, t
        self.sigma = target.head.deviations[-1]
        self.rows = torch.arange(batch, device=dice.chance.device)
        self.known, self.dice = torch.zeros_like(self.rows), dice
        self.units = target.blank(batch)
        self.canvas = torch.cat([self.units, self.units[:, :1].expand(-1, length, -1)], 1)
        self.rounds = Rounds(batch, t)

    def round(self, softness: float, residual: Residual) -> None:
        """Draft, test, settle, roll back."""
        limit = (self.t - 1 - self.known).clamp(max=self.length)
        limit = torch.where(self.known < self.prefill, 0, limit)
        here = self.known[:, None] + torch.arange(int(limit.max()) + 1, device=limit.device)
        x, q = self.draft.draw(self.canvas, here[:, :-1], self.dice.draft)
        states = self.target.states(self.canvas, here)
        noise = at(self.dice.noise, here)
        p = self.target.model.head.chain(states, noise)
        stands = self._stands(log_ratio(x, p[:, :-1], q, self.sigma) / softness**2, limit, here)
        added = _pick(p + self.sigma * noise[-1], stands)
        if (fell := stands < limit).any():
            there = stands[fell]
            added[fell] = residual(
                _pick(x[fell], there), _pick(p[fell], there), _pick(q[fell], there)
            )
        self.canvas.scatter_(1, _wide(self.known + stands, added), added[:, None])
        self.rounds.log.append(
            Round(*(part.cpu() for part in (self.rows, self.known, x, limit, stands, added)))
        )
        self.known = self.known + stands + 1
        self.target.keep(self.known)
        self.draft.keep(self.known)
        self._finish()

    def _stands(self, log_r: Tensor, limit: Tensor, here: Tensor) -> Int[Tensor, "b"]:
        """How many drafts stand, counted until one falls or there are no more."""
        chance = self.dice.chance.gather(1, here[:, :-1].clamp(max=self.t - 1))
        counts = torch.arange(log_r.shape[1], device=log_r.device) < limit[:, None]
        return ((chance.log() < log_r) & counts).long().cumprod(-1).sum(-1)

    def _finish(self) -> None:
        """Write down what is done, and go on with the other samples."""
        done = self.known == self.t
        if not done.any():
            return
        self.units[self.rows[done]] = self.canvas[done, : self.t]
        going = (~done).nonzero()[:, 0]
        self.rows, self.known, self.canvas = (
            some[going] for some in (self.rows, self.known, self.canvas)
        )
        self.dice = self.dice.take(going)
        self.target.drop(going)
        self.draft.drop(going)


def _pick(units: Float[Tensor, "b k c"], place: Int[Tensor, "b"]) -> Float[Tensor, "b c"]:
    return units[torch.arange(len(units), device=units.device), place]


def _wide(place: Int[Tensor, "b"], units: Float[Tensor, "b c"]) -> Int[Tensor, "b 1 c"]:
    return place[:, None, None].expand(-1, 1, units.shape[-1])


def _check(target, draft, labels, length, dice, prefill, softness) -> None:
    if length < 0 or prefill < 0 or not softness > 0:
        raise ValueError(
            f"length={length} and prefill={prefill} must be at least 0, and softness={softness} "
            "above 0 (1 is the exact test)"
        )
    if labels is not None and len(labels) != len(dice.chance):
        raise ValueError(f"{len(labels)} labels, and dice for {len(dice.chance)} samples")
    mine, other = target.head, draft.head
    if mine.times != other.times or mine.deviations != other.deviations:
        raise ValueError(
            "target and draft must take the same steps with the same deviations: "
            f"{mine.times} against {other.times}; then the ratio is that of the last step alone"
        )
