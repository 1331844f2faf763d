"""Explorers of orders: which plan draws what when, and which mask lets whom see whom."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from arlearn import plans
from arlearn.plans import Plan
from arlearn.show.element import Element, drawn
from arlearn.show.masks import mask, order

Family = tuple[str, dict[str, Plan]]
MOST = 256  # positions of a mask that can be pointed at


def explore_plans(
    side: int = 8,
    families: Mapping[str, tuple[str, Mapping[str, Plan]]] | None = None,
    *,
    start: str = "blocks",
    label: str = "the plan explorer",
    caption: str = "",
) -> Element:
    """Choose a plan over a `side` x `side` grid; see its order, its mask and its evaluations.

    Args:
        families: name -> (what it does, size -> plan), all kinds of `arlearn.plans` unless given.
            A plan of `side`² positions is drawn as the grid, scales as several, others as a row.
        start: the family that is open first.

    Raises:
        ValueError: a side below 2, a start that is no family, or a plan of more than 256 positions.
    """
    if side < 2:
        raise ValueError(f"side must be at least 2, not {side}")
    families = dict(families or _families(side))
    if start not in families:
        raise ValueError(f"start {start!r} is none of {', '.join(families)}")
    held = []
    for name, (why, sizes) in families.items():
        options = [_option(size, plan, side) for size, plan in sizes.items()]
        held.append({"name": name, "why": why, "options": options, "start": len(options) // 2})
    family = list(families).index(start)
    size = held[family]["start"]
    plan = list(families[start][1].values())[size]
    traits = {"families": held, "chosen": {"family": family, "size": size}}
    figure = order(plan, side, side) if len(plan) == side * side else mask(plan)
    plain = "\n".join(
        f"{name}, {size}: {len(plan)} units in {plan.n_steps} network evaluations"
        for name, (_, sizes) in families.items()
        for size, plan in sizes.items()
    )
    return drawn("plans", label, traits, caption, figure, plain)


def explore_masks(
    masks: Mapping[str, Plan | Bool[Tensor, "q k"]],
    *,
    sections: Mapping[str, Mapping[str, int]] | None = None,
    labels: Mapping[str, Sequence[str]] | None = None,
    notes: Mapping[str, str] | None = None,
    label: str = "the mask gallery",
    caption: str = "",
) -> Element:
    """Masks by name, from the code that uses them; point at a cell and read who sees whom.

    Args:
        masks: name -> a plan, or the mask itself (rows look at columns).
        sections: name -> names of runs of columns and their lengths, `{"clean": 8, "noisy": 8}`.
        labels: name -> a name per column, the words of a sentence for example.
        notes: name -> a sentence about the mask.

    Raises:
        ValueError: no mask, one of more than 256 rows or columns, or sections or labels that do
            not cover its columns.
    """
    if not masks:
        raise ValueError("a gallery needs at least one mask: {name: plan or mask}")
    held, told = [], []
    for name, seen in masks.items():
        allowed = seen.mask() if isinstance(seen, Plan) else seen
        q, k = allowed.shape
        told.append(f"{name}: {q} rows, {k} columns, {allowed.float().mean():.0%} may look")
        parts, words = dict((sections or {}).get(name, {})), list((labels or {}).get(name, ()))
        _check_mask(name, allowed, parts, words)
        held.append(
            {
                "name": name,
                "columns": allowed.shape[1],
                "bits": [_hexadecimal(row) for row in allowed.tolist()],
                "step": seen.step.tolist() if isinstance(seen, Plan) else [],
                "sections": [list(part) for part in parts.items()],
                "labels": words,
                "note": (notes or {}).get(name, ""),
            }
        )
    first, seen = next(iter(masks.items()))
    figure = mask(seen, sections=(sections or {}).get(first), title=first)
    plain = "\n".join(told)
    return drawn("masks", label, {"masks": held, "chosen": 0}, caption, figure, plain)


def _families(side: int) -> dict[str, Family]:
    """Every kind of plan over a grid, with sizes from fine to coarse."""
    t = side * side
    divisors = [n for n in range(1, t + 1) if t % n == 0]
    sides = [n for n in divisors if side % n == 0]
    halves = [n for n in (1, 2, 4, 8, 16) if n < side] + [side]
    dice = torch.Generator()
    return {
        "raster": ("One after the other, row by row: next-token prediction.",
                   {"1": plans.raster(t)}),
        "scan": ("One after the other along another path over the grid.",
                 {kind: plans.scan(side, side, kind) for kind in plans.SCANS[1:]}),
        "shuffled": ("One after the other in random order; three of very many.",
                     {f"seed {seed}": plans.shuffled(t, dice.manual_seed(seed))
                      for seed in range(3)}),
        "blocks": ("Equal runs of neighbours at once; 1 is raster, all of them is whole.",
                   {f"{n}": plans.blocks(t, n) for n in divisors}),
        "cells": ("Square cells of the grid at once, in raster order (xAR).",
                  {f"{n} x {n}": plans.cells(side, side, n) for n in sides}),
        "windows": ("Growing runs of neighbours, each twice as long as the one before.",
                    {"doubling": plans.windows(_doubling(t))}),
        "scales": ("Whole pictures from coarse to fine (VAR); units of several grids.",
                   {", ".join(map(str, halves[i:])): plans.scales(halves[i:])
                    for i in range(len(halves) - 1)}),
        "frames": ("Moments of a video, each drawn at once; here each row is one.",
                   {f"{side}": plans.frames(side, side)}),
        "whole": ("Everything at once: no unit waits for another.", {"all": plans.whole(t)}),
    }  # fmt: skip


def _doubling(t: int) -> list[int]:
    """1, 1, 2, 4, … and the rest, t in all."""
    sizes = [1]
    while 2 * sum(sizes) <= t:
        sizes.append(sum(sizes))
    return sizes + [t - sum(sizes)] * (sum(sizes) < t)


def _option(size: str, plan: Plan, side: int) -> dict:
    """A plan with the grids it is drawn on.

    Raises:
        ValueError: it has too many positions to be pointed at.
    """
    t = len(plan)
    if t > MOST:
        raise ValueError(f"plan {size!r} has {t} positions; at most {MOST} can be pointed at")
    square = [int(n**0.5) for n in torch.bincount(plan.step).tolist()]
    if t == side * side:
        grids = [(side, side)]
    elif plan == plans.windows([n * n for n in square]):
        grids = [(n, n) for n in square]
    else:
        grids = [(1, t)]
    return {"name": size, "step": plan.step.tolist(), "grids": grids}


def _check_mask(name: str, allowed: Tensor, parts: Mapping[str, int], words: Sequence[str]) -> None:
    q, k = allowed.shape
    if max(q, k) > MOST:
        raise ValueError(f"mask {name!r} is {q} x {k}; at most {MOST} rows and columns can be seen")
    if parts and sum(parts.values()) != k:
        raise ValueError(f"sections {parts} of {name!r} do not add up to {k} positions")
    if words and len(words) != k:
        raise ValueError(f"{len(words)} labels for {k} positions of {name!r}; give one for each")


def _hexadecimal(row: list[bool]) -> str:
    """Four cells a digit, the first the highest bit; the last digit is filled up with zeros."""
    bits = "".join("01"[cell] for cell in row)
    return "".join(f"{int(bits[i : i + 4].ljust(4, '0'), 2):x}" for i in range(0, len(bits), 4))
