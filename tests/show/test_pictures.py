"""Pictures: the pixels given are the pixels shown, and every picture is described."""

import re
from base64 import b64decode

import numpy as np
import pytest
import torch

from arlearn import plans, show
from arlearn.show.picture import decode, encode, pixels, size, smallest
from arlearn.show.pictures import moments
from arlearn.trace import Trace


def random_pictures(n: int, c: int = 3, side: int = 4) -> torch.Tensor:
    return torch.rand(n, c, side, side, generator=torch.Generator().manual_seed(0))


def contains(page: np.ndarray, tile: np.ndarray) -> bool:
    """Does a page hold this tile somewhere, pixel for pixel?"""
    h, w, _ = tile.shape
    windows = np.lib.stride_tricks.sliding_window_view(page, (h, w), axis=(0, 1))
    starts = np.argwhere((windows[..., 0, 0] == tile[0, 0]).all(-1))
    return any((page[y : y + h, x : x + w] == tile).all() for y, x in starts)


@pytest.mark.parametrize(("c", "n"), [(1, 5), (3, 5)])
def test_a_grid_shows_every_pixel_enlarged_and_unchanged(c, n):
    images = random_pictures(n, c)
    page = decode(show.grid(images, 3, scale=5).png)
    for tile in pixels(images):
        assert contains(page, tile.repeat(5, axis=0).repeat(5, axis=1))


def test_a_grid_fits_the_page_whatever_it_holds():
    for n, side in ((1, 8), (3, 64), (64, 16), (144, 8)):
        captions = [f"a caption of picture {i}" for i in range(n)]
        assert size(show.grid(random_pictures(n, side=side), captions=captions).png)[0] <= 700
    assert size(show.compare({"a long name": random_pictures(12, side=16)}).png)[0] <= 700


def test_values_outside_the_range_are_clamped_and_grey_becomes_colour():
    found = pixels(torch.tensor([[[[-1.0, 0.5, 3.0]]]]))
    assert found.shape == (1, 1, 3, 3) and found[0, 0].tolist() == [[0] * 3, [128] * 3, [255] * 3]


@pytest.mark.parametrize(
    ("images", "match"),
    [
        (torch.zeros(0, 1, 4, 4), "n of 1 or more"),
        (torch.zeros(4, 4, 4, 3), "not 4; the order of the axes is n c h w"),
        (torch.full((1, 1, 2, 2), torch.nan), "not finite"),
    ],
)
def test_pictures_that_cannot_be_shown_are_refused(images, match):
    with pytest.raises(ValueError, match=match):
        show.grid(images)


def test_grid_refuses_bad_columns_scale_and_captions():
    images = random_pictures(4)
    for match, options in {
        "columns must be at least 1": {"columns": 0},
        "scale must be at least 1": {"scale": 0},
        "3 captions for 4 pictures": {"captions": ["a", "b", "c"]},
    }.items():
        with pytest.raises(ValueError, match=match):
            show.grid(images, **options)


def test_compare_puts_sample_i_of_each_method_in_one_column():
    first, second = random_pictures(3), random_pictures(6)[3:]
    page = decode(show.compare({"ours": first, "theirs": second}, scale=6).png)
    corners = []
    for tile in (*pixels(first), *pixels(second)):
        big = tile.repeat(6, axis=0).repeat(6, axis=1)
        windows = np.lib.stride_tricks.sliding_window_view(page, big.shape)[:, :, 0]
        corners.append(tuple(np.argwhere((windows == big).all((2, 3, 4)))[0]))
    ours, theirs = corners[:3], corners[3:]
    assert [x for _, x in ours] == [x for _, x in theirs]
    assert len({y for y, _ in ours}) == len({y for y, _ in theirs}) == 1
    assert ours[0][0] < theirs[0][0]


def test_compare_refuses_a_selection():
    with pytest.raises(ValueError, match=r"nothing is picked; got \{'a': 3, 'b': 2\}"):
        show.compare({"a": random_pictures(3), "b": random_pictures(2)})
    with pytest.raises(ValueError, match="no method"):
        show.compare({})


def raster_trace(batch: int = 2, length: int = 9) -> Trace:
    trace = Trace(length)
    for group in plans.raster(length).groups():
        trace.record(group, torch.ones(batch, 1, dtype=torch.long), 2)
    return trace


def drawn(units: torch.Tensor, step: int) -> torch.Tensor:
    """Black where a unit stands, light grey where none is; fails if they are not `step` many."""
    assert (units >= 0).sum(1).tolist() == [step] * len(units)
    return torch.where(units >= 0, 0.0, 0.8).reshape(len(units), 1, 3, 3)


def test_filmstrip_draws_a_trace_as_it_stood():
    strip = show.filmstrip(raster_trace(), picture=drawn, at=[1, 9], scale=4)
    page = decode(strip.png)
    black = contains(page, np.zeros((12, 12, 3), np.uint8))
    first = pixels(torch.tensor([0.0] + [0.8] * 8).reshape(1, 1, 3, 3))[0]
    assert black and contains(page, first.repeat(4, axis=0).repeat(4, axis=1))
    assert "captioned NFE 2, NFE 18" in strip.alt


def test_filmstrip_takes_frames_and_refuses_moments_there_are_not():
    frames = random_pictures(20)
    assert "8 moments side by side, captioned 0, 3, 5" in show.filmstrip(frames).alt
    named = show.filmstrip(frames, at=[0, 19], captions=["start", "end"])
    assert "captioned start, end" in named.alt
    with pytest.raises(ValueError, match=r"must lie within 0\.\.19"):
        show.filmstrip(frames, at=[20])
    with pytest.raises(ValueError, match=r"at=\[0\]: moments must lie within 1\.\.9"):
        show.filmstrip(raster_trace(), picture=drawn, at=[0])
    with pytest.raises(ValueError, match="pass picture="):
        show.filmstrip(raster_trace())
    with pytest.raises(ValueError, match="nothing to show"):
        show.filmstrip(Trace(4), picture=drawn)


def test_moments_are_spread_and_hold_both_ends():
    assert moments(None, 1, 64, 8) == [1, 10, 19, 28, 37, 46, 55, 64]
    assert moments(None, 0, 3, 8) == [0, 1, 2, 3]


def test_a_notebook_gets_one_described_png():
    picture = show.grid(
        random_pictures(2), title="<two>", caption="a < b", alt='they said "two" & left'
    )
    bundle = picture._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    page = bundle["text/html"]
    assert page.count("data:image/png;base64,") == 1
    assert b64decode(re.search(r"base64,([^\"]+)", page)[1]) == picture.png
    assert 'alt="they said &quot;two&quot; &amp; left"' in page
    assert page.endswith(">a &lt; b</figcaption></figure>")
    width, height = size(picture.png)
    assert f'width="{width}" height="{height}"' in page


def test_pictures_leave_no_figure_and_no_style_behind():
    import matplotlib
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    picture = show.curves({"a": ([1, 2], [1, 2])}, x="step", y="loss (nats)")
    _ = picture.png, picture._repr_mimebundle_()
    assert dict(matplotlib.rcParams) == before and not pyplot.get_fignums()


def test_a_picture_is_drawn_on_until_it_is_shown(tmp_path):
    plain, marked = (show.order(plans.raster(4), 2, 2) for _ in range(2))
    marked.figure.axes[0].axhline(0.5, color="red")
    assert plain.png != marked.png
    plain.save(tmp_path / "order.png")
    assert (tmp_path / "order.png").read_bytes() == plain.png


def test_files_shrink_and_keep_their_pixels():
    few = np.random.default_rng(0).integers(0, 2, (40, 40, 3), dtype=np.uint8) * 200
    many = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    for picture in (few, many):
        assert (decode(encode(picture)) == picture).all()
    assert len(encode(few)) < 40 * 40
    lossy = smallest(encode(many), 64)
    assert len(np.unique(decode(lossy).reshape(-1, 3), axis=0)) <= 64
    assert (decode(smallest(encode(few), 64)) == few).all()
