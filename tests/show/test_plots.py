"""Plots show the numbers they are given, name their axes, and refuse what would mislead."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from arlearn import show
from arlearn.metrics.scaling import power_law


def test_curves_draw_the_points_and_the_band():
    x, y, half = [1, 2, 4], torch.tensor([3.0, 2.0, 1.0]), np.array([0.1, 0.2, 0.3])
    axes = show.curves(
        {"VAR": (x, y, half), "raster": (x, y + 1)}, x="time (s)", y="loss (nats)", log="x"
    ).figure.axes[0]
    assert [line.get_ydata().tolist() for line in axes.lines] == [[3, 2, 1], [4, 3, 2]]
    assert axes.lines[0].get_linestyle() != axes.lines[1].get_linestyle()
    band = axes.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(0.7) and band[:, 1].max() == pytest.approx(3.1)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (s)", "loss (nats)")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["VAR", "raster"]


def test_curves_refuse_what_would_mislead():
    good = {"x": "step", "y": "loss (nats)"}
    with pytest.raises(ValueError, match="at least one curve"):
        show.curves({}, **good)
    with pytest.raises(ValueError, match="a: as many y as x are needed .* not 2 and 3"):
        show.curves({"a": ([1, 2], [1, 2, 3])}, **good)
    with pytest.raises(ValueError, match="a: a logarithmic y axis needs values above 0"):
        show.curves({"a": ([1, 2], [1, 0])}, log="y", **good)
    with pytest.raises(ValueError, match="a: values must be a list"):
        show.curves({"a": ([], [])}, **good)
    for blank in ("x", "y"):
        with pytest.raises(ValueError, match="name both, with their units"):
            show.curves({"a": ([1, 2], [1, 2])}, **{**good, blank: " "})


def test_bars_show_every_value_beside_its_rival():
    values = {"VAR": [4.0, 3.0], "raster": [64.0, 60.0]}
    picture = show.bars(
        ["plain", "guided"], values, x="option", y="network evaluations", spread={"VAR": [0.5, 0.5]}
    )
    axes = picture.figure.axes[0]
    bars = [bar for container in axes.containers for bar in container if hasattr(bar, "get_height")]
    assert sorted(bar.get_height() for bar in bars) == [3, 4, 60, 64]
    edges = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars)
    assert all(right <= left for (_, right), (left, _) in pairwise(edges))
    assert {text.get_text() for text in axes.texts} == {"3", "4", "60", "64"}
    assert "VAR plain 4, guided 3; raster plain 64, guided 60" in picture.alt


def test_bars_take_one_series_and_refuse_missing_values():
    assert show.bars(["a", "b"], [1, 2], x="method", y="bits").alt == "bits: a 1, b 2"
    with pytest.raises(ValueError, match="bars: as many y as x are needed .* not 2 and 1"):
        show.bars(["a", "b"], [1], x="method", y="bits")
    with pytest.raises(ValueError, match=r"not 2 and 2 and 1"):
        show.bars(["a", "b"], [1, 2], x="method", y="bits", spread=[1])


def test_scaling_draws_the_law_through_its_points():
    x = [1e3, 1e4, 1e5]
    y = [8 * value**-0.25 for value in x]
    picture = show.scaling(
        {"VAR": (x, y), "raster": (x, y)}, {"VAR": power_law(x, y)}, x="parameters", y="loss (nats)"
    )
    axes = picture.figure.axes[0]
    line = max(axes.lines, key=lambda line: len(line.get_xdata()))
    assert np.allclose(line.get_ydata(), 8 * np.asarray(line.get_xdata()) ** -0.25)
    assert "VAR 8 · x^-0.250 (r = -1.000); raster" in picture.alt
    assert axes.get_xscale() == axes.get_yscale() == "log"
    with pytest.raises(ValueError, match="give points for every law"):
        show.scaling({"VAR": (x, y)}, {"other": power_law(x, y)}, x="parameters", y="loss")
    with pytest.raises(ValueError, match="logarithmic x axis"):
        show.scaling({"VAR": ([0, 1], [1, 2])}, {}, x="parameters", y="loss")
