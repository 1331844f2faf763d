"""Series as pictures: panels draw what they name, and refuse what they cannot draw."""

import numpy as np
import pytest
import torch

from arlearn import show
from arlearn.show.panels import extent, runs

NAN = float("nan")


def values(t=20):
    t = torch.arange(float(t))
    columns = [t / 20, 1 - t / 20, (t // 7).clamp(max=1), t + 5, t - 5]
    return torch.stack(columns, 1).masked_fill((t > 15)[:, None], NAN)


def test_every_kind_is_drawn_over_one_axis():
    picture = show.tracks(
        values(),
        [
            show.Panel("both", lines={"a": 0, "b": 1}, segments=2, levels={"end": 0.9}),
            show.Panel("share", shares={"a": 0, "b": 1}),
            show.Panel("phases alone", segments=2, height=40),
            show.Panel("band", lines={"middle": 0}, bands={"range": (4, 3)}),
        ],
        x="cycle",
        first=3,
    )
    top, middle, ground, low = picture.figure.axes
    assert len(ground.patches) == 2 and not len(ground.get_yticks())
    assert [line.get_label() for line in top.lines] == ["a", "b", "end"]
    assert len(top.patches) == 2 and len(middle.collections) == 2 and len(low.collections) == 1
    assert top.get_title("left") == "both" and low.get_xlabel() == "cycle"
    assert middle.get_ylim() == (0, 1) and low.get_ylim()[0] < -5 < 20 < low.get_ylim()[1]
    assert top.lines[0].get_xdata()[0] == 3 and np.isnan(top.lines[0].get_ydata()[-1])
    assert top.get_xlim() == (3, 22)
    assert picture.png and "both, share, phases alone, band over cycle" in picture.alt


def test_runs_of_a_state_and_the_range_of_channels():
    assert runs(np.array([0, 0, NAN, 0, 2, 2, 1])) == [(0, 2, 0), (3, 4, 0), (4, 6, 2), (6, 7, 1)]
    assert runs(np.array([NAN])) == []
    low, high = extent(np.array([[1.0, NAN, 3.0], [4.0, NAN, 3.0]]))
    assert low == [1, 0, 3] and high == [4, 1, 4]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: show.Panel("empty"), "panel 'empty': name the y axis with its unit, and give"),
        (lambda: show.Panel(" ", lines={"a": 0}), "panel ' ': name the y axis"),
        (lambda: show.tracks(values(), [], x="t"), "0 panels over x='t': give one or more"),
        (
            lambda: show.tracks(values(), [show.Panel("a", lines={"a": 0})], x=" "),
            "1 panels over x=' ': .* name the axis",
        ),
        (
            lambda: show.tracks(values(), [show.Panel("a", segments=5)], x="t"),
            r"draws channels \[5\]; the units have 5, counted from 0",
        ),
        (
            lambda: show.tracks(values() / 0, [show.Panel("a", lines={"a": 0})], x="t"),
            "a value is infinite; leave it out with NaN",
        ),
    ],
)
def test_what_cannot_be_drawn_gets_a_sentence(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()
