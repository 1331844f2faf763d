"""Parallel unmasking: sample a masked language model some positions at a time, surest first."""

import math
from collections.abc import Callable
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from arlearn.heads.law import Law, draw, guided
from arlearn.trace import Trace

Logits = Callable[[Int[Tensor, "b t"]], Float[Tensor, "b t v"]]
Schedule = Literal["linear", "cosine"]
Score = Literal["confidence", "margin", "entropy", "random"]
Remask = Literal["last", "max"]


@torch.no_grad()
def unmask(
    logits: Logits,
    start: Int[Tensor, "b t"],
    *,
    mask: int,
    n_steps: int | None = None,
    schedule: Schedule = "linear",
    threshold: float | None = None,
    score: Score = "confidence",
    noise: float = 0.0,
    remask: Remask | None = None,
    block: int | None = None,
    null: Logits | None = None,
    law: Law = Law(),
    generator: torch.Generator | None = None,
) -> tuple[Int[Tensor, "b t"], Trace]:
    """Fill every `mask` of `start`. Each step guesses all hidden positions and shows the best ones.

    With `n_steps`, step s leaves `hidden_after(n, n_steps, schedule)[s]` of a sample's n masks
    hidden. With `threshold`, a step shows every position that scores at least so much, and the
    best one of each sample anyhow. Units of one step are drawn independently of each other; one
    position a step in an order blind to the draws (random, margin, entropy) is exact any-order
    sampling, while `confidence` favours likely units even then.

    Args:
        logits: the network, from units with masks to the logits of every position.
        start: units, `mask` where nothing is known yet; all others are given and never change.
        mask: the mask's index; where it lies inside the vocabulary it is never drawn.
        score: what makes a position good to show, see `certainty`.
        noise: g in log score + g (1 - (s+1)/n_steps) Gumbel; breaks the greed of the early steps.
        remask: None: what is shown stays. Otherwise shown units compete in every step with the
            score they were shown with ("last") or the best one their position ever had ("max"),
            and the lowest are hidden again, as many as the schedule says.
        block: fill so many masks after the other, counted from the left, each block in an equal
            share of n_steps (semi-autoregressive). All masks are guessed in every step, but only
            the block's own are ranked, shown and hidden again; earlier blocks stay.
        null: the network without its condition, for `law.guidance`; a step then costs two.

    Returns:
        the units, and a trace whose every step holds the whole guess: `kept` says which positions
        are shown after it, `confidence` is the probability of each unit when it was drawn, under
        the law before temperature and truncation (1 where given).

    Raises:
        ValueError: the arguments contradict each other, n_steps exceeds the masks, or the blocks
            cannot share it.

    Sources: MaskGIT (Chang et al. 2022, arXiv 2202.04200) for confidence, cosine and noise;
    Fast-dLLM (Wu et al. 2025, arXiv 2505.22618) for the threshold; running confidence remasking
    (He et al. 2025, arXiv 2508.13148); blocks: LLaDA (Nie et al. 2025, arXiv 2502.09992).
    """
    given, t = start != mask, start.shape[1]
    most = max(n_hidden := (~given).sum(1).tolist(), default=0)
    _check(most, n_steps, schedule, threshold, score, noise, remask, null, law, block)
    left = torch.tensor([_left(n, most, n_steps or 1, schedule, block) for n in n_hidden])
    part = _parts(given, block or most)
    units, shown, trace = start.clone(), given, Trace(t)
    sure, confidence = torch.zeros(start.shape, device=start.device), given.float()
    while not shown.all():
        s = trace.n_steps
        strength = law.strength(s, n_steps or most)
        scores = _scores(logits, null, strength, units, mask)
        guess = torch.where(shown, units, draw(law.filter(scores), generator)[0])
        fresh = certainty(scores, guess, score, generator)
        sure = torch.where(shown, sure, torch.maximum(sure, fresh) if remask == "max" else fresh)
        confidence = torch.where(shown, confidence, certainty(scores, guess, "confidence"))
        rank = _rank(sure, noise * (1 - (s + 1) / n_steps) if noise else 0.0, generator)
        rank, here = _in_block(rank, part, shown, remask)
        if threshold is None:
            shown = _first(rank, t - left[:, s].to(rank.device))
        else:
            shown = _first(rank, shown.sum(1) + 1) | shown | (here & (fresh >= threshold))
        units, cost = torch.where(shown, guess, mask), 1 if strength == 0 else 2
        trace.record(torch.arange(t), guess, cost, confidence=confidence, kept=shown)
    return units, trace


def hidden_after(n: int, n_steps: int, schedule: Schedule = "linear") -> list[int]:
    """How many of n masks are still hidden after each of `n_steps` steps; the last is 0.

    floor(n g((s+1) / n_steps)) with g(u) = 1 - u (linear) or cos(pi u / 2) (cosine), but at least
    one is shown in every step until none is left.
    """
    left, counts = n, []
    for s in range(1, n_steps + 1):
        if schedule == "linear":
            due = n * (n_steps - s) // n_steps  # in integers: a float may land just below one
        else:
            due = math.floor(n * math.cos(math.pi / 2 * s / n_steps) + 1e-9)
        left = max(min(due, left - 1), 0)
        counts.append(left)
    return counts


def _parts(given: Bool[Tensor, "b t"], size: int) -> Int[Tensor, "b t"]:
    """The block of every mask, `size` of them from the left, and -1 where something is given."""
    return ((~given).cumsum(1) - 1).div(max(size, 1), rounding_mode="floor").masked_fill(given, -1)


def _in_block(
    rank: Float[Tensor, "b t"], part: Tensor, shown: Tensor, remask: Remask | None
) -> tuple[Float[Tensor, "b t"], Bool[Tensor, "b t"]]:
    """Ranks among which only the block of the first mask competes, and where that block is."""
    now = part.masked_fill(shown, part.shape[1]).amin(1, keepdim=True)
    rank = rank.masked_fill(part < now if remask else shown, torch.inf)
    return rank.masked_fill(part > now, -torch.inf), part == now


def _left(
    n: int, most: int, n_steps: int, schedule: Schedule, block: int | None = None
) -> list[int]:
    """`hidden_after`, block after block; a sample with fewer blocks than the largest ends early."""
    size = block or max(most, 1)
    share, left = n_steps // max(math.ceil(most / size), 1), []
    for begin in range(0, n, size):
        here = min(size, n - begin)
        left += [n - begin - here + k for k in hidden_after(here, share, schedule)]
    return left + [0] * (n_steps - len(left))


def certainty(
    logits: Float[Tensor, "b t v"],
    units: Int[Tensor, "b t"],
    score: Score,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "b t"]:
    """How sure the law is at each position, from 0 to 1.

    confidence: p of the unit that stands there. margin: p of the most likely unit minus p of the
    second. entropy: 1 - H(p) / log v. random: a uniform number, whatever the law.
    """
    if score == "random":
        return torch.rand(units.shape, generator=generator, device=units.device)
    p = logits.float().softmax(-1)
    if score == "confidence":
        # where the unit lies outside the vocabulary (a mask kept apart) there is no law to ask
        inside = units.clamp(0, p.shape[-1] - 1)
        return p.gather(-1, inside[..., None])[..., 0]
    if score == "margin":
        first, second = p.topk(2, dim=-1).values.unbind(-1)
        return first - second
    return 1 - torch.special.entr(p).sum(-1) / math.log(max(p.shape[-1], 2))


def _scores(
    logits: Logits, null: Logits | None, strength: float, units: Tensor, mask: int
) -> Float[Tensor, "b t v"]:
    """The guided logits, with the mask itself ruled out."""
    scores = logits(units)
    scores = guided(scores, null(units) if strength and null else None, strength)
    if mask < scores.shape[-1]:
        scores = scores.index_fill(-1, torch.tensor([mask], device=scores.device), -torch.inf)
    return scores


def _first(rank: Float[Tensor, "b t"], n: Int[Tensor, "b"]) -> Bool[Tensor, "b t"]:
    """The n highest ranks of each row, n differing between rows; ties go to the left."""
    place = rank.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    return place < n[:, None]


def _rank(
    score: Float[Tensor, "b t"], noise: float, generator: torch.Generator | None
) -> Float[Tensor, "b t"]:
    """log score + noise * Gumbel."""
    rank = score.clamp_min(1e-30).log()
    if not noise:
        return rank
    waited = torch.empty_like(rank).exponential_(generator=generator)
    return rank - noise * waited.clamp_min(1e-30).log()


def _check(most, n_steps, schedule, threshold, score, noise, remask, null, law, block=None) -> None:
    """Refuse what contradicts itself; `most` is the largest number of masks in a sample."""
    if (n_steps is None) == (threshold is None):
        raise ValueError(
            f"give either n_steps or threshold, not n_steps={n_steps} and threshold={threshold}"
        )
    for name, value, kind in (("schedule", schedule, Schedule), ("score", score, Score)):
        if value not in get_args(kind):
            raise ValueError(f"{name} {value!r} is none of {', '.join(get_args(kind))}")
    if remask is not None and remask not in get_args(Remask):
        raise ValueError(f"remask {remask!r} is neither 'last' nor 'max'; None keeps what is shown")
    if n_steps is not None and most and not 1 <= n_steps <= most:
        raise ValueError(
            f"n_steps {n_steps} does not fit {most} masks, of which every step shows at least one; "
            f"choose 1 to {most}"
        )
    if block is not None:
        _check_blocks(most, n_steps, block)
    if threshold is not None and (noise or remask or score == "random"):
        raise ValueError(
            "a threshold goes with a score that the law decides alone; "
            f"leave out noise={noise}, remask={remask} and score='random', or give n_steps"
        )
    if law.guidance and null is None:
        raise ValueError(
            f"guidance {law.guidance} needs the unconditional network; give it as null="
        )


def _check_blocks(most: int, n_steps: int | None, block: int) -> None:
    """Refuse blocks that are empty or cannot share the steps."""
    if block < 1:
        raise ValueError(f"block {block} holds no mask; choose 1 or more, or None for no blocks")
    blocks = max(math.ceil(most / block), 1)
    if n_steps is not None and (n_steps % blocks or n_steps // blocks > block):
        raise ValueError(
            f"{blocks} blocks of {block} masks cannot share n_steps={n_steps}; choose {blocks}, "
            f"{2 * blocks}, … up to {blocks * block}"
        )
