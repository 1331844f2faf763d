"""CSpD, speculative decoding of continuous tokens (Wang et al. 2024, arXiv 2411.11925).

Tokens: continuous patches. Plan: drafts. Head: diffusion, whose chain target and draft run on the
same noise. The exact sampler is `decode.speculative_units`, its test and its residual
`decode.overlap`. Here is what the paper's release does instead, and what either schedule can gain.
See chapters/06_faster/12_cspd.py.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from arlearn.decode.dice import Dice, at
from arlearn.decode.overlap import log_ratio, reflect
from arlearn.decode.reader import Reader
from arlearn.decode.speculative import expected_tokens
from arlearn.decode.speculative_units import Residual
from arlearn.heads import DiffusionHead
from arlearn.nets.vectors import VectorModel

COST = 0.38  # of a draft step, in passes of the target, as the paper reports it


@dataclass(frozen=True)
class Reported:
    """One row of the paper's table: MAR-H with MAR-B, 256 pixels, batch 256.

    Attributes:
        length: drafts a round.
        speed: times faster than the target alone.
        acceptance: where the table at hand gives it.
    """

    length: int
    speed: float
    acceptance: float | None = None


TABLE = (Reported(4, 1.62, 0.30), Reported(8, 1.96), Reported(16, 2.20), Reported(32, 2.33, 0.19))


def speed_strict(alpha: float, length: int, cost: float) -> float:
    """(1 - α^(γ+1)) / (1 - α) units for γ c + 1 passes' time: the round ends where a draft falls.

    Source: Leviathan et al. 2023 (arXiv 2211.17192), theorem 3.8.
    """
    return expected_tokens(alpha, length) / (length * cost + 1)


def speed_released(length: int, cost: float) -> float:
    """γ units for γ c + 1 passes' time, 1 / (c + 1/γ), whatever is accepted: nothing is dropped.

    Raises:
        ValueError: a length below 1.
    """
    if length < 1:
        raise ValueError(f"a round without drafts has no schedule; length={length} must be >= 1")
    return 1 / (cost + 1 / length)


@dataclass(frozen=True)
class Scheduled:
    """What a schedule without rollback did.

    Attributes:
        passes: of the target, the same for every sample.
        tested, stood: which positions held a draft, and which hold it still.
    """

    passes: int
    tested: Bool[Tensor, "b t"]
    stood: Bool[Tensor, "b t"]

    @property
    def acceptance(self) -> float:
        """Share of the drafts that stand."""
        return float(self.stood.sum() / self.tested.sum().clamp(min=1))


@torch.no_grad()
def released(
    target: VectorModel,
    draft: VectorModel | None,
    labels: Int[Tensor, "b"] | None,
    *,
    length: int,
    dice: Dice,
    prefill: int = 0,
    softness: float = 1.0,
    residual: Residual = reflect,
) -> tuple[Float[Tensor, "b t c"], Scheduled]:
    """The schedule of the released code: every round settles `length` units, nothing is dropped.

    The target predicts all places of a round at once, from what stood before the round and nothing
    else. Each draft is tested alone; one that falls is replaced in its place, later ones stay. So
    the target never hears what a place's neighbours in the round became, nor do drafts hear that
    one before them was replaced.

    Without a draft model the target draws the units of a round itself, each from the prefix alone.

    Args: as for `decode.speculative_units`.

    Raises:
        ValueError: a length below 1, or a target that was never taught to see blanks.

    Source: github.com/MarkXCloud/CSpD, spec_decode_runner.py (the schedule).
    """
    _able(target, length)
    batch, t = dice.chance.shape
    read = Reader(target.eval(), labels, batch, length)
    write = None if draft is None else Reader(draft.eval(), labels, batch, length + prefill)
    units, sigma, n, passes = target.blank(batch), target.head.deviations[-1], 0, 0
    tested = torch.zeros(batch, t, dtype=torch.bool)
    stood = tested.clone()
    while n < t:
        k = 1 if n < prefill else min(length, t - n)
        here = (n + torch.arange(k, device=units.device)).expand(batch, -1)
        place = slice(n, n + k)
        drafted = write is not None and n >= prefill
        x, q = write.draw(units, here, dice.draft) if drafted else (units[:, place], None)
        known = torch.full_like(here[:, 0], n)
        noise = at(dice.noise, here)
        p = target.head.chain(read.states(units, here, known), noise)
        new = p + sigma * noise[-1]
        if drafted:
            stands = dice.chance[:, place].log() < log_ratio(x, p, q, sigma) / softness**2
            new = torch.where(stands[..., None], x, residual(x, p, q))
            tested[:, place], stood[:, place] = True, stands.cpu()
            write.keep(known + 1)
        units[:, place] = new
        read.keep(known + 1)  # the input at place n is unit n - 1, which stood; those behind not
        n, passes = n + k, passes + 1
    return units, Scheduled(passes, tested, stood)


def _able(target: VectorModel, length: int) -> None:
    if length < 1 or target.hide == 0:
        raise ValueError(
            f"length={length} must be at least 1, and the target one that was trained with blank "
            f"inputs (hide={target.hide}): it predicts several units from one prefix"
        )


@torch.no_grad()
def path(
    head: DiffusionHead, h: Float[Tensor, "*b d"], noise: Float[Tensor, "s *b c"]
) -> Float[Tensor, "s *b c"]:
    """The whole chain on given noise: x_T first, then every step's draw, the unit itself last."""
    found = [noise[0]]
    for step, deviation in enumerate(head.deviations):
        found.append(head.mean(found[-1], step, h) + deviation * noise[step + 1])
    return torch.stack(found)


@torch.no_grad()
def leans(
    target: VectorModel,
    draft: VectorModel,
    units: Float[Tensor, "b t c"],
    labels: Int[Tensor, "b"] | None,
    dice: Dice,
) -> Float[Tensor, "b t"]:
    """Where each unit lies in the target's last Gaussian, along p - q, in deviations: dice open.

    Whoever knows the dice knows p, and q, at every place of a finished sample; e (x - p) / σ with
    e = (p - q)/|p - q| is standard normal for every exact sampler, place by place. Units that lean
    towards the draft are below 0. This sees a bias long before samples show it.
    """
    p, q = (
        model.head.chain(model.eval()(units, labels), noise)
        for model, noise in ((target, dice.noise), (draft, dice.draft))
    )
    apart = p - q
    e = apart / apart.norm(dim=-1, keepdim=True).clamp_min(1e-30)
    return (e * (units - p)).sum(-1) / target.head.deviations[-1]


def spoken(
    x: Float[Tensor, "n"], gap: float, sigma: float, softness: float = 1.0
) -> Float[Tensor, "n"]:
    """The density that comes out where the draft is N(0, σ²) and the target N(gap, σ²).

    q(x) a(x) + q(x') (1 - a(x')), with a the soft test's chance and x' = gap - x the mirror image
    of x in the middle between the means; at softness 1 it is the target's density.
    """
    mean = x.new_tensor([gap])

    def normal(y):
        return torch.exp(-0.5 * (y / sigma) ** 2) / (sigma * (2 * torch.pi) ** 0.5)

    def chance(y):
        ratio = log_ratio(y[:, None], mean.expand(len(y), 1), torch.zeros(len(y), 1), sigma)
        return (ratio / softness**2).clamp(max=0).exp()

    mirrored = gap - x
    return normal(x) * chance(x) + normal(mirrored) * (1 - chance(mirrored))
