"""Two plots with one form each: samplers against their evaluations, and values over seeds."""

from collections.abc import Mapping, Sequence

import numpy as np

from arlearn.frontier import Point, lines
from arlearn.metrics.scaling import mean_spread
from arlearn.show.picture import COLOURS, INK, PALETTE, Picture, canvas, listed, titled
from arlearn.show.plots import DASHES, MARKS


def frontier(
    points: Sequence[Point] | Mapping[str, Sequence[Point]],
    *,
    quality: str,
    title: str = "",
    caption: str = "",
    alt: str = "",
) -> Picture:
    """Quality against tokens per network evaluation, a line for each sampler.

    Args:
        points: of one chapter; or name of a chapter -> its points, which then share a colour and a
            mark, and one entry in the legend.
        quality: what the share is of, as "share of numbers written right".

    Raises:
        ValueError: no point, or no word on what the quality is.
    """
    groups = points if isinstance(points, Mapping) else {"": points}
    if not any(groups.values()) or not quality.strip():
        raise ValueError("a frontier needs at least one point, and a word on what its quality is")
    many = isinstance(points, Mapping)
    with canvas(*((820, 400) if many else (620, 340))) as figure:
        axes = figure.add_subplot()
        for i, (group, some) in enumerate(groups.items()):
            for j, (sampler, line) in enumerate(lines(some).items()):
                k = i if many else j
                axes.errorbar(
                    [point.tokens_per_evaluation for point in line],
                    [point.quality for point in line],
                    yerr=[point.spread for point in line],
                    label="" if many and j else group or sampler,
                    color=COLOURS[k % len(COLOURS)], marker=MARKS[k % len(MARKS)],
                    linestyle=DASHES[j % len(DASHES)], capsize=2, markersize=5,
                )  # fmt: skip
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set(xlabel="tokens per network evaluation", ylabel=quality, title=title)
        axes.set_ylim(-0.03, 1.03)
        axes.grid(axis="y")
        beside = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)}
        axes.legend(**(beside if many else {}))
    told = "; ".join(
        f"{sampler} {line[0].quality:.2f} at {line[0].tokens_per_evaluation:.3g}, "
        f"{line[-1].quality:.2f} at {line[-1].tokens_per_evaluation:.3g}"
        for some in groups.values()
        for sampler, line in lines(some).items()
    )
    described = f"{quality} over tokens per network evaluation: {told}"
    return Picture(figure, titled(alt, title, described), caption, PALETTE)


def spread(
    values: Mapping[str, Sequence[float]],
    *,
    label: str,
    title: str = "",
    caption: str = "",
    alt: str = "",
) -> Picture:
    """A comparison over seeds: a row for each name, a dot for each seed, their mean and interval.

    The bar is the 95% interval of the mean by Student's t (`metrics.mean_spread`); one seed alone
    has a dot and no bar. `metrics.compare` says whether a difference is settled.

    Args:
        values: name -> what was measured, one number a seed.
        label: of the axis with its unit, as "Fréchet distance (lower is better)".

    Raises:
        ValueError: nothing to compare, a name without values, or no label.
    """
    if not values or not all(len(some) for some in values.values()) or not label.strip():
        raise ValueError("a comparison over seeds needs {name: [one value a seed]} and a label")
    with canvas(620, 110 + 36 * len(values)) as figure:
        axes = figure.add_subplot()
        for i, some in enumerate(values.values()):
            numbers, colour = np.asarray(some, dtype=float), COLOURS[i % len(COLOURS)]
            if len(numbers) > 1:
                found = mean_spread(numbers)
                axes.plot([found.low, found.high], [i, i], color=colour, linewidth=6, alpha=0.25)
            axes.plot(numbers, [i] * len(numbers), "o", color=colour, markersize=5, alpha=0.8)
            axes.plot(numbers.mean(), i, "|", color=INK, markersize=16, markeredgewidth=2)
        axes.set_yticks(range(len(values)), list(values))
        axes.set_ylim(len(values) - 0.5, -0.5)
        axes.set(xlabel=label, title=title)
        axes.grid(axis="x")
    told = [f"{name} {np.mean(some):.3g}" for name, some in values.items()]
    described = f"{label}, mean over seeds: {listed(told)}"
    return Picture(figure, titled(alt, title, described), caption, PALETTE)
