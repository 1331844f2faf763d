"""Masks and orders are drawn from the plan itself: colours and numbers say what it says."""

import numpy as np
import pytest
import torch

from arlearn import plans, show
from arlearn.show.picture import EMPTY


def cells(picture) -> np.ndarray:
    """The coloured squares of a picture's first image."""
    return np.asarray(picture.figure.axes[0].images[0].get_array())


def empty() -> np.ndarray:
    from matplotlib.colors import to_rgb

    return np.array(to_rgb(EMPTY))


@pytest.mark.parametrize("plan", [plans.raster(6), plans.scales([1, 2, 3]), plans.whole(4)])
def test_a_plans_mask_is_coloured_exactly_where_it_looks(plan):
    shown = cells(show.mask(plan))
    assert ((shown != empty()).any(-1) == plan.mask().numpy()).all()


def test_columns_of_one_step_share_a_colour_and_steps_differ():
    plan = plans.blocks(6, 2)
    last = cells(show.mask(plan))[-1]
    assert (last[::2] == last[1::2]).all() and len(np.unique(last, axis=0)) == 3
    brightness = last @ (0.3, 0.59, 0.11)
    assert (np.diff(brightness[::2]) > 0).all()


def test_a_rectangular_mask_and_its_description():
    seen = torch.tensor([[True, False, True, False], [True, True, True, True]])
    picture = show.mask(seen, labels=["a", "b", "c", "d"])
    assert ((cells(picture) != empty()).any(-1) == seen.numpy()).all()
    assert picture.alt == "attention mask, 2 positions looking at 4; 75% of all pairs may look"
    assert [tick.get_text() for tick in picture.figure.axes[0].get_xticklabels()] == list("abcd")
    assert picture.figure.axes[0].get_ylabel() == "position that looks"


def test_sections_name_runs_of_columns():
    mask = plans.two_streams(plans.raster(4), plans.blocks(4, 2))
    axes = show.mask(mask, sections={"clean": 4, "noisy": 4}).figure.axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["clean", "noisy"]
    assert axes.get_xticks().tolist() == [1.5, 5.5]


def test_masks_refuse_names_that_do_not_cover_the_columns():
    with pytest.raises(ValueError, match="2 labels for 4 positions"):
        show.mask(plans.raster(4), labels=["a", "b"])
    with pytest.raises(ValueError, match=r"sections \{'clean': 3\} do not add up to 4"):
        show.mask(plans.raster(4), sections={"clean": 3})


def numbers(axes) -> np.ndarray:
    """The numbers written into the squares, by row and column."""
    placed = {tuple(text.get_position()[::-1]): int(text.get_text()) for text in axes.texts}
    height, width = max(placed)[0] + 1, max(column for _, column in placed) + 1
    return np.array([[placed[row, column] for column in range(width)] for row in range(height)])


def test_order_writes_the_step_of_each_cell():
    plan = plans.cells(4, 6, 2)
    axes = show.order(plan, 4, 6).figure.axes[0]
    assert (numbers(axes) == plan.step.reshape(4, 6).numpy()).all()


def test_pyramid_writes_one_grid_per_scale():
    picture = show.pyramid(plans.scales([1, 2, 4]), [1, 2, 4])
    grids = [numbers(axes) for axes in picture.figure.axes]
    assert [grid.shape for grid in grids] == [(1, 1), (2, 2), (4, 4)]
    assert [np.unique(grid).tolist() for grid in grids] == [[0], [1], [2]]


def test_a_large_order_is_coloured_but_not_numbered():
    picture = show.order(plans.raster(1024), 32, 32)
    assert not picture.figure.axes[0].texts and len(picture.png) < 20_000
    assert "dark: drawn early" in picture.figure.axes[0].get_xlabel()


def test_order_refuses_another_grid():
    with pytest.raises(ValueError, match=r"21 positions, the grid \(4 x 4\) 16 cells"):
        show.order(plans.scales([1, 2, 4]), 4, 4)
    with pytest.raises(ValueError, match=r"\(1 x 1, 2 x 2\) 5 cells"):
        show.pyramid(plans.raster(4), [1, 2])
