"""What is known of hidden states, as weights: log w_t(k) with w in 0..1, the best state at 1.

w ≡ 1 is ignorance, one 1 and zeros is certainty, and doubt is anything between.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor


def doubted(labels: Int[Tensor, "u t"], states: int, doubt: float) -> Float[Tensor, "u t {states}"]:
    """w = 1 at the label and `doubt` elsewhere; all 1 where the label is below 0 (not known).

    doubt 1 is ignorance, 0 takes the labels as certain.

    Raises:
        ValueError: a doubt outside 0..1, or a label that is no state.
    """
    if not 0 <= doubt <= 1 or int(labels.max()) >= states:
        raise ValueError(f"doubt {doubt}, highest label {int(labels.max())}: doubt lies in 0..1, "
                         f"labels of {states} states end at {states - 1}")  # fmt: skip
    other = math.log(doubt) if doubt else -torch.inf
    right = labels[..., None] == torch.arange(states, device=labels.device)
    free = right | (labels[..., None] < 0)
    return torch.where(free, 0.0, other).double()


def honest_doubt(wrong: float, states: int) -> float:
    """The doubt that says what is true of labels of which a share is wrong, any state alike.

    p(label | another state) / p(label | this state) = (wrong / (K - 1)) / (1 - wrong).

    Raises:
        ValueError: a share outside 0..1 (1 itself excluded), or fewer than 2 states.
    """
    if not 0 <= wrong < 1 or states < 2:
        raise ValueError(
            f"wrong={wrong}, states={states}: a share of 0 to below 1, 2 or more states"
        )
    return wrong / (states - 1) / (1 - wrong)


def mistaken(
    labels: Int[Tensor, "u t"], states: int, wrong: float, seed: int
) -> Int[Tensor, "u t"]:
    """Labels of which each is, with probability `wrong`, another state; those below 0 stay."""
    random = torch.Generator().manual_seed(seed)
    fooled = torch.rand(labels.shape, generator=random) < wrong
    other = torch.randint(1, states, labels.shape, generator=random)
    return torch.where(fooled & (labels >= 0), (labels + other) % states, labels)


def stages(
    cycles: Int[Tensor, "u"], length: int, states: int, *, doubt: float = 0.05, width: float = 0.15
) -> Float[Tensor, "u {length} {states}"]:
    """Fuzzy stages of life: w_t(k) = max(doubt, exp(-½ ((t/T - c_k) / width)²)), highest set to 1.

    c_k = (k + ½) / K. T is the age at failure, which only training units show: never use it on a
    unit that is still alive.

    Raises:
        ValueError: a doubt outside 0..1 or a width not above 0.
    """
    if not 0 < doubt <= 1 or width <= 0:
        raise ValueError(f"doubt {doubt}, width {width}: doubt lies in 0..1, width is above 0")
    share = torch.arange(1.0, length + 1, dtype=torch.float64) / cycles[:, None]
    centre = (torch.arange(states) + 0.5) / states
    weight = (-((share[..., None] - centre) / width).square() / 2).exp().clamp(min=doubt)
    return (weight / weight.amax(-1, keepdim=True)).log()


def ends(
    cycles: Int[Tensor, "u"], length: int, states: int, *, doubt: float = 0.01
) -> Float[Tensor, "u {length} {states}"]:
    """Known ends: state 0 at the first cycle, the last state at the last, 1 to `doubt`; else all 1.

    Raises:
        ValueError: a doubt outside 0..1.
    """
    if not 0 < doubt <= 1:
        raise ValueError(f"doubt {doubt} must lie in 0..1")
    log_w = torch.zeros(len(cycles), length, states, dtype=torch.float64)
    log_w[:, 0, 1:] = math.log(doubt)
    log_w[torch.arange(len(cycles)), cycles - 1, :-1] = math.log(doubt)
    return log_w
