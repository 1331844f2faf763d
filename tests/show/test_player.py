"""The player: every step is there, counted right, in a page that needs nothing but itself."""

import json
import re
from base64 import b64decode

import numpy as np
import pytest
import torch
from reader import Reader

from arlearn import plans, show
from arlearn.show.picture import decode, pixels
from arlearn.trace import Trace


def trace(length: int = 16, batch: int = 3, evaluations: int = 2) -> Trace:
    done = Trace(length)
    for group in plans.blocks(length, 4).groups():
        done.record(group, torch.ones(batch, len(group), dtype=torch.long), evaluations)
    return done


def drawn(units: torch.Tensor, step: int) -> torch.Tensor:
    """Units as a 4 x 4 picture: white where one stands."""
    return (units >= 0).float().reshape(len(units), 1, 4, 4)


def files(player: show.Element) -> list[bytes]:
    return [b64decode(frame.partition(",")[2]) for frame in player.traits["frames"]]


def images(page: str) -> list[str]:
    return re.findall(r"<img [^>]*>", page)


def test_play_shows_every_step_and_counts_it():
    player = show.play(trace(), drawn, label="blocks of four", samples=2)
    assert player.traits["captions"] == [
        "step 1 of 4: 2 network evaluations, 4 units, 2 per evaluation",
        "step 2 of 4: 4 network evaluations, 8 units, 2 per evaluation",
        "step 3 of 4: 6 network evaluations, 12 units, 2 per evaluation",
        "step 4 of 4: 8 network evaluations, 16 units, 2 per evaluation",
    ]
    assert player.traits["counts"] == [[2, 4], [4, 8], [6, 12], [8, 16]]
    second = decode(files(player)[1])
    one = np.repeat([255, 255, 0, 0], 4).reshape(4, 4)
    assert second.shape == (4, 9, 3)
    assert (second[:, :4, 0] == one).all() and (second[:, 5:, 0] == one).all()
    assert (second[:, 4] == 128).all()


def test_rejected_units_do_not_count():
    done = Trace(4)
    kept = torch.tensor([[True, True, False, False], [True, True, True, False]])
    done.record(torch.arange(4), torch.ones(2, 4, dtype=torch.long), 1, kept=kept)
    done.record(torch.tensor([2, 3]), torch.ones(2, 2, dtype=torch.long), 1)
    player = show.play(done, lambda units, step: torch.zeros(2, 1, 2, 2), label="drafts")
    first, second = player.traits["captions"]
    assert first.endswith("1 network evaluation, 2.5 units, 2.5 per evaluation")
    assert second.endswith("2 network evaluations, 4 units, 2 per evaluation")


def test_long_traces_are_thinned_and_stay_small():
    long = Trace(256)
    colours = torch.rand(8, 256, 3, generator=torch.Generator().manual_seed(0))
    for group in plans.raster(256).groups():
        long.record(group, colours[:, group], 1)

    def noisy(units, step):
        return units.movedim(2, 1).reshape(8, 3, 16, 16)

    smooth = torch.nn.functional.interpolate(torch.rand(8, 3, 4, 4), 16, mode="bilinear")
    player = show.play(long, lambda units, step: smooth * (noisy(units, step) >= 0), label="raster")
    captions = player.traits["captions"]
    assert len(files(player)) == 33 and captions[-1].startswith("step 256 of 256")
    assert len(player._repr_html_()) < 150_000


def test_the_page_is_whole_labelled_and_needs_nothing_else():
    page = show.play(trace(), drawn, label='<b>"blocks"</b>', caption="a < b")._repr_html_()
    assert Reader(page).faults == []
    assert 'alt="&lt;b&gt;&quot;blocks&quot;&lt;/b&gt;: step 1 of 4: 2 network' in images(page)[0]
    assert all('src="data:image/png;base64,' in image for image in images(page))
    assert "a &lt; b" in page and "pixelated" in page and page.count("iVBORw0KGgo") == 4


def test_without_a_script_a_page_shows_four_frames_and_no_controls():
    player = show.scrub(torch.rand(30, 1, 4, 4), [str(i) for i in range(30)], label="noise")
    page = player._repr_html_()
    shown = re.findall(r"<figcaption [^>]*>(\d+)</figcaption>", page)
    assert shown == ["0", "10", "19", "29"]
    body = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.S)
    assert not re.search("<button|<input|<select", body)
    held = json.loads(re.search(r'application/json">(.*?)</script>', page)[1])["frames"]
    assert [i for i, frame in enumerate(held) if isinstance(frame, int)] == [0, 10, 19, 29]


def test_the_bundle_holds_its_pictures_once():
    player = show.play(trace(), drawn, label="blocks")
    bundle = player._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"} and "<img" in bundle["text/html"]
    assert decode(player.picture().png).shape[1] > 100
    assert bundle["text/plain"].startswith("[blocks]\n4 frames, the last: step 4 of 4")


def test_scrub_takes_pictures_of_any_kind_and_keeps_their_pixels():
    given = torch.rand(2, 3, 5, 5)
    player = show.scrub(given, ["a", "b"], label="noise", width=50)
    pairs = zip(files(player), pixels(given), strict=True)
    assert all((decode(file) == picture).all() for file, picture in pairs)
    assert player.traits["size"]["width"] == 50 and player.traits["size"]["sharp"]
    figures = [show.order(plans.raster(4), 2, 2), show.order(plans.shuffled(4), 2, 2)]
    assert files(show.scrub(figures, ["a", "b"], label="orders")) == [f.png for f in figures]


def test_videos_are_strips_that_can_be_run():
    done = Trace(3)
    for frame in range(3):
        done.record(torch.tensor([frame]), torch.full((4, 1), frame), 1)

    def film(units, step):
        return torch.stack([(units == f).float().amax(1) for f in range(3)], 1)[
            ..., None, None, None
        ].expand(-1, -1, 1, 2, 5)

    player = show.play(done, film, label="films")
    size = player.traits["size"]
    assert (size["columns"], size["tile"], size["strip"]) == (3, 5, 17)
    strip = decode(files(player)[1])[..., 0]
    assert strip.shape == (5, 17)  # two films of 2 rows, three frames of 5 columns, lines between
    assert (strip[:2, :5] == 255).all() and (strip[3:, 12:] == 0).all() and (strip[2] == 128).all()


def continuous(batch: int = 1) -> tuple[Trace, torch.Tensor]:
    values = torch.randn(batch, 12, 3, generator=torch.Generator().manual_seed(0))
    done = Trace(12)
    for group in plans.blocks(12, 4).groups():
        done.record(group, values[:, group], 2)
    return done, values


def test_continuous_units_are_columns_that_fill_in():
    done, values = continuous(2)
    player = show.play(done, label="a spectrogram", samples=2)
    size = player.traits["size"]
    assert (player.name, size["kind"], size["rows"], size["columns"]) == ("series", "heat", 3, 12)
    assert (size["low"], size["high"]) == (float(values.min()), float(values.max()))
    for sample in range(2):
        frames = player.traits["samples"][sample]
        assert [at for at, _ in frames] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
        packed = b"".join(b64decode(held) for _, held in frames)
        level = torch.tensor(list(packed)).view(12, 3)
        back = size["low"] + (level - 1) / 254 * (size["high"] - size["low"])
        step = (size["high"] - size["low"]) / 254
        assert level.min() >= 1 and (back - values[sample]).abs().max() <= step / 2 + 1e-6
    assert "<img" in player._repr_html_() and player.picture().png


def test_a_refinement_sends_only_what_changed_and_never_too_much():
    done = Trace(100)
    for _ in range(40):
        done.record(torch.arange(100), torch.rand(1, 100, 80), 1)
    player = show.play(done, label="denoising")
    assert 2 <= len(player.traits["captions"]) < 40
    assert player.traits["captions"][-1].startswith("step 40 of 40")
    assert len(player._repr_html_()) < 150_000
    waves = show.play(continuous()[0], wave=True, label="a wave")
    assert waves.traits["size"]["kind"] == "wave"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: show.scrub(torch.rand(2, 1, 4, 4), ["a"], label="n"), "1 captions for 2 frames"),
        (lambda: show.scrub(torch.rand(2, 1, 4, 4), ["a", "b"], label=" "), "label is empty"),
        (lambda: show.play(trace(), drawn, label="blocks", samples=0), "samples must be at least"),
        (lambda: show.play(Trace(4), drawn, label="nothing"), "nothing to show"),
        (
            lambda: show.play(trace(), label="x", grid=(4, 5)),
            r"16 positions, the grid \(4 x 5\) 20",
        ),
        (
            lambda: show.play(continuous()[0], label="x", decode=str),
            "continuous numbers; leave out",
        ),
    ],
)
def test_players_refuse_what_they_cannot_play(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        wrong()


def filtering(t: int = 12) -> Trace:
    """A model that is no network: each step writes a moment, and a guess at the next two."""
    done = Trace(t)
    for now in range(t):
        ahead = min(t, now + 3)
        values = torch.full((1, ahead - now, 5), float("nan"))
        share = now / (t - 1)
        values[0, 0] = torch.tensor([share, 1 - share, share, float(now // 5), float("nan")])
        values[0, 1:, 4] = share + 1
        done.record(torch.arange(now, ahead), values, 0)
    return done


PANELS = [
    show.Panel("level", lines={"reading": 0}, segments=3, levels={"end": 1.5}),
    show.Panel("state", shares={"a": 1, "b": 2}, height=80),
    show.Panel("guess", bands={"from reading to guess": (0, 4)}),
]


def test_panels_fill_in_and_what_is_not_there_stays_empty():
    done = filtering()
    words = [f"moment {i}: as it was" for i in range(12)]
    player = show.play(done, panels=PANELS, x=("cycle", 1), captions=words, label="filtering")
    size = player.traits["size"]
    assert (player.name, size["kind"], size["rows"], size["columns"]) == ("panels", "panels", 5, 12)
    assert player.traits["captions"] == words and player.traits["counts"] == []
    assert player.traits["x"] == ["cycle", 1] and player.traits["now"] == list(range(12))
    frames = player.traits["samples"][0]
    assert frames[0][0] == [0, 1, 2] and frames[5][0] == [5, 6, 7] and frames[11][0] == [11]
    packed = torch.tensor(list(b64decode(frames[5][1]))).view(3, 5)
    assert (packed[0, :4] > 0).all() and packed[0, 4] == 0 and (packed[1:, :4] == 0).all()
    low, high = torch.tensor(size["low"]), torch.tensor(size["high"])
    back = low + (packed - 1) / 254 * (high - low)
    wanted = done.units_after(6, float("nan"))[0, 5:8]
    there = packed > 0
    assert torch.equal(there, ~wanted.isnan())
    assert ((back - wanted)[there].abs() <= ((high - low) / 508 + 1e-6).expand(3, 5)[there]).all()
    assert "<img" in player._repr_html_() and player.picture().png


def test_panels_say_what_they_draw():
    first, second, third = show.play(filtering(), panels=PANELS, label="x").traits["panels"]
    assert first["lines"] == [["reading", 0]] and first["segments"] == 3
    assert first["levels"] == [["end", 1.5]] and first["edges"][0] < 0 < 1.5 < first["edges"][1]
    assert second["shares"] == [["a", 1], ["b", 2]] and second["edges"] == [0, 1]
    assert third["bands"] == [["from reading to guess", 0, 4]]


def test_a_model_that_is_no_network_counts_no_evaluations():
    player = show.play(filtering(), panels=PANELS, label="x")
    assert player.traits["captions"][2] == "step 3 of 12" and player.traits["counts"] == []
    counted = show.play(continuous()[0], label="x")
    assert "evaluation" in counted.traits["captions"][0] and len(counted.traits["counts"]) == 3


def test_captions_and_panels_that_do_not_fit_get_a_sentence():
    with pytest.raises(ValueError, match="2 captions for 12 steps; give one for each"):
        show.play(filtering(), panels=PANELS, captions=["a", "b"], label="x")
    with pytest.raises(ValueError, match=r"panel 'p' draws channels \[7\]; the units have 5"):
        show.play(filtering(), panels=[show.Panel("p", lines={"a": 7})], label="x")
