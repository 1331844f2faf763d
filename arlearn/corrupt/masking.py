"""Masked (absorbing) diffusion: units disappear one by one, and a network says what stood there."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from arlearn.corrupt.checks import one_of
from arlearn.corrupt.times import Linear, Schedule, Time, along, draw_times, in_order
from arlearn.heads.law import Law, draw

Model = Callable[[Tensor], Tensor]  # x_t [b t] with masks -> logits [b t v]


@dataclass(frozen=True)
class Absorbing:
    """Every unit is masked at its own random moment: q(x_t = mask | x) = 1 - alpha(t).

    The mask is one unit more than the vocabulary, `vocab` itself, so a network reads vocab + 1
    units and answers with vocab logits. It needs no time: how many masks it sees says enough.

    Attributes:
        vocab: number of units v.
        schedule: alpha(t), the share of units that still stand at time t.

    Source: Austin et al. 2021 (D3PM, arXiv 2107.03006); Sahoo et al. 2024 (MDLM, arXiv
    2406.07524).
    """

    vocab: int
    schedule: Schedule = field(default_factory=Linear)

    @property
    def mask(self) -> int:
        """The index of the mask."""
        return self.vocab

    def corrupt(
        self,
        x: Int[Tensor, "b t"],
        t: Time,
        *,
        given: Bool[Tensor, "b t"] | None = None,
        generator: Generator | None = None,
    ) -> Int[Tensor, "b t"]:
        """x with each unit masked with probability 1 - alpha(t).

        Args:
            t: one time for all, per sample, or per position (blocks with levels of their own).
            given: units that are never masked (a prompt).

        Raises:
            ValueError: a unit that is none of the vocabulary, or a time outside 0..1.
        """
        self._known(x)
        stands = self.schedule.alpha(along(t, x))
        hidden = torch.rand(x.shape, generator=generator, device=x.device) >= stands
        if given is not None:
            hidden &= ~given
        return x.masked_fill(hidden, self.mask)

    def surprise(
        self, model: Model, x: Int[Tensor, "b t"], x_t: Int[Tensor, "b t"]
    ) -> Float[Tensor, "b t"]:
        """-log p(x_i | x_t) in nats where x_t is masked, 0 where the unit still stands.

        Raises:
            ValueError: the model answers with another number of logits than the vocabulary has.
        """
        log_p = self._logits(model, x_t).log_softmax(-1).gather(-1, x[..., None])[..., 0]
        return -log_p.masked_fill(x_t != self.mask, 0.0)

    def loss(
        self,
        model: Model,
        x: Int[Tensor, "b t"],
        *,
        weight: Literal["likelihood", "uniform"] = "likelihood",
        t: Time | None = None,
        given: Bool[Tensor, "b t"] | None = None,
        stratified: bool = True,
        generator: Generator | None = None,
    ) -> Float[Tensor, "b t"]:
        """Cross-entropy at the positions that a random time masks; 0 at the others.

        Weighted for likelihood, each counts -alpha'(t) / (1 - alpha(t)), which is 1/t on the
        linear schedule: the expected sum over a sample is then the bound on -log p(x) in nats
        (`bound`). Uniform weights are less noisy to train with and bound nothing.

        Args:
            t: the times to train at, as in `corrupt`; else one per sample is drawn.
            given: units that are never masked nor scored.
            stratified: spread the drawn times evenly over the batch.

        Raises:
            ValueError: as in `corrupt` and `surprise`.

        Source: MDLM, equation 10; LLaDA (arXiv 2502.09992), equation 3.
        """
        one_of("weight", weight, ("likelihood", "uniform"))
        if t is None:
            t = draw_times(len(x), stratified=stratified, generator=generator, device=x.device)
        x_t = self.corrupt(x, t, given=given, generator=generator)
        loss = self.surprise(model, x, x_t)
        if weight == "uniform":
            return loss
        t = along(t, x)
        # At t = 0 nothing is masked: the rate is infinite there, and must not make 0 a nan.
        lost = (1 - self.schedule.alpha(t)).clamp(min=torch.finfo(torch.float32).tiny)
        return -self.schedule.slope(t) / lost * loss

    @torch.no_grad()
    def bound(
        self,
        model: Model,
        x: Int[Tensor, "b t"],
        *,
        draws: int | None = 64,
        given: Bool[Tensor, "b t"] | None = None,
        generator: Generator | None = None,
    ) -> Float[Tensor, "b"]:
        """Upper bound on -log p(x) in nats per sample (NELBO), whatever the schedule.

        E over n = 1 … N, evenly, and over the sets S of n units out of N:
        (N / n) Σ_{i in S} -log p(x_i | the others).
        It is the mean cost of the N units over all orders of generating them one by one.

        Args:
            draws: how many sets are tried, one evaluation of the model each, with n stratified;
                None tries all of them (at most 12 positions) and is exact.
            given: units that stand; the bound is then on -log p(the others | these).

        Raises:
            ValueError: more than 12 positions for an exact bound, no draw, or as in `surprise`.

        Source: Hoogeboom et al. 2021 (arXiv 2110.02037), section 3; Ou et al. 2024 (arXiv
        2406.03736), theorem 2.
        """
        self._known(x)
        free = torch.ones_like(x, dtype=torch.bool) if given is None else ~given
        sets = _all_sets(free) if draws is None else _some_sets(free, draws, generator)
        total = torch.zeros(len(x), device=x.device)
        for hidden, share in sets:
            costs = self.surprise(model, x, x.masked_fill(hidden, self.mask)).sum(1)
            total += torch.where(share > 0, share * costs, 0.0)
        return total

    def reverse(
        self,
        model: Model,
        x_t: Int[Tensor, "b t"],
        t: float,
        s: float,
        *,
        law: Law | None = None,
        generator: Generator | None = None,
    ) -> Int[Tensor, "b t"]:
        """Draw x_s from q(x_s | x_t, x̂), x̂ drawn from the model's law at every mask.

        A mask stays with probability (1 - alpha(s)) / (1 - alpha(t)), else it becomes x̂; what
        stands is kept. Exact where no two masks are lifted at once; units lifted in one step are
        drawn without looking at each other.

        Raises:
            ValueError: unless 0 <= s < t <= 1; or as in `surprise`.

        Source: MDLM, equations 7 and 11.
        """
        in_order(t, s)
        late, early = (self.schedule.alpha(torch.tensor(time)) for time in (t, s))
        stays = float((1 - early) / (1 - late))
        guess, _ = draw((law or Law()).filter(self._logits(model, x_t)), generator)
        lifted = torch.rand(x_t.shape, generator=generator, device=x_t.device) >= stays
        return torch.where(lifted & (x_t == self.mask), guess, x_t)

    def _known(self, x: Tensor) -> None:
        if x.numel() and not 0 <= x.min() <= x.max() < self.vocab:
            raise ValueError(
                f"clean units run from {x.min()} to {x.max()}, the vocabulary from 0 to "
                f"{self.vocab - 1} ({self.mask} is the mask); give Absorbing a larger vocab"
            )

    def _logits(self, model: Model, x_t: Tensor) -> Tensor:
        logits = model(x_t)
        if logits.shape != (*x_t.shape, self.vocab):
            raise ValueError(
                f"the model answers units of shape {tuple(x_t.shape)} with "
                f"{tuple(logits.shape)}; it must give {self.vocab} logits each, none for the mask"
            )
        return logits.float()


def _all_sets(free: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Every set of positions as a mask, with its weight in the bound: 1 / (n binomial(N, n))."""
    positions = free.shape[1]
    if positions > 12:
        raise ValueError(
            f"an exact bound on {positions} positions asks for 2^{positions} evaluations; "
            "use draws=64 or so instead of None"
        )
    counts = free.sum(1).tolist()
    for number in range(1, 2**positions):
        chosen = torch.tensor([number >> i & 1 for i in range(positions)], device=free.device)
        hidden, n = chosen.bool().expand_as(free), int(chosen.sum())
        inside = (free | ~hidden).all(1)
        ways = torch.tensor([math.comb(count, n) for count in counts], device=free.device)
        yield hidden, torch.where(inside, 1 / (n * ways.clamp(min=1)), 0.0)


def _some_sets(
    free: Tensor, draws: int, generator: Generator | None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Random sets with the weight N / n / draws; over the draws, n is spread evenly over 1 … N."""
    if draws < 1:
        raise ValueError(f"a bound needs at least 1 draw, not {draws}; None tries all sets")
    counts = free.sum(1)
    first = torch.rand(len(free), generator=generator, device=free.device)
    for i in range(draws):
        n = 1 + (((first + i / draws) % 1) * counts).long().clamp(max=counts - 1)
        scores = torch.rand(free.shape, generator=generator, device=free.device)
        rank = scores.masked_fill(~free, 2.0).argsort(1).argsort(1)
        yield (rank < n[:, None]) & free, counts / n.clamp(min=1) / draws
