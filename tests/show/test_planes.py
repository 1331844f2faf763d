"""Pictures of the plane: points land where they should, borders follow the cells."""

import pytest
import torch

from arlearn.show.picture import PALETTE
from arlearn.show.planes import FINE, Plane, _borders, planes

DOTS = torch.tensor([[0.25, 0.25], [0.75, 0.5]])


def drawn(panels, **options):
    return planes(panels, **({"x": "red", "y": "blue", "low": 0.0, "high": 1.0} | options))


def test_each_panel_holds_its_points_marks_and_paths():
    paths = torch.stack([torch.zeros(2, 2), DOTS])
    picture = drawn({"a": Plane(DOTS, marks=DOTS[:1], paths=paths), "b": Plane(DOTS)})
    left, right = picture.figure.axes
    assert len(left.lines) == 4 and len(right.lines) == 1  # two paths, dots, marks; dots
    assert left.lines[0].get_xydata().tolist() == [[0, 0], [0.25, 0.25]]
    assert right.lines[0].get_xydata().tolist() == DOTS.tolist()
    assert (left.get_title(), left.get_xlabel(), left.get_ylabel()) == ("", "red", "blue")
    assert left.get_title(loc="left") == "a"
    assert "panels a, b" in picture.alt and picture.colours == PALETTE and picture.png


def test_borders_stand_where_the_cell_changes():
    border = _borders(lambda z: (z[:, 0] > 0.5).long(), 0.0, 1.0)
    assert border.shape == (FINE, FINE)
    assert border.sum(1).tolist() == [1.0] * FINE  # one upright line
    assert border[:, FINE // 2 - 1].all()
    upper = _borders(lambda z: (z[:, 1] > 0.5).long(), 0.0, 1.0)
    assert upper[FINE // 2 - 1].all() and upper.sum() == FINE


def test_what_it_refuses():
    with pytest.raises(ValueError, match="got 0 panels"):
        drawn({})
    with pytest.raises(ValueError, match="y=' '"):
        drawn({"a": Plane(DOTS)}, y=" ")
    with pytest.raises(ValueError, match="low=1.0, high=1.0"):
        drawn({"a": Plane(DOTS)}, low=1.0)
