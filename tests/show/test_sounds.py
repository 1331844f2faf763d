"""Sounds in a page: whole, named, small, and played by a browser; players that speak."""

import math
import re
from base64 import b64decode

import browser
import numpy as np
import pytest
import torch
from reader import Reader

from arlearn import plans, show
from arlearn.data.sound import from_mulaw
from arlearn.show.picture import decode
from arlearn.show.sounds import BYTES, leading, outline, spectrum
from arlearn.trace import Trace


def tone(hertz: float = 440, seconds: float = 0.5, rate: int = 8000) -> torch.Tensor:
    return 0.5 * torch.sin(2 * math.pi * hertz * torch.arange(round(seconds * rate)) / rate)


def files(page: str) -> list[bytes]:
    return [b64decode(one) for one in re.findall(r"data:audio/wav;base64,([^\"]+)", page)]


def samples(file: bytes) -> np.ndarray:
    return from_mulaw(np.frombuffer(file, np.uint8, offset=file.index(b"data") + 8))


def test_a_sound_is_in_the_page_whole_and_small():
    shown = show.audio(tone(), 8000, label="a tone", caption="440 < 441 Hz")
    page = shown._repr_html_()
    assert Reader(page).faults == [] and len(page) < 12_000
    (file,) = files(page)
    error = samples(file)[:4000] / 32_768 - tone().numpy()
    assert 10 * np.log10(tone().square().mean().item() / (error**2).mean()) > 36
    assert "440 &lt; 441 Hz" in page and "autoplay" not in page and "controls" in page
    assert repr(shown).splitlines() == [
        "[sounds: a tone]", "a tone, 0.5 seconds; log-mel picture", "440 < 441 Hz"
    ]  # fmt: skip


def test_every_sound_is_named_in_the_picture_and_in_the_control():
    page = show.audio({"<truth>": tone(), "ours": tone(220)}, 8000, label="pairs")._repr_html_()
    reader = Reader(page)
    assert reader.faults == [] and len(reader.loads) == 4
    assert all(one.startswith(("data:image/png", "data:audio/wav")) for one in reader.loads)
    for told in ("pairs: &lt;truth&gt;, 0.5 seconds", "pairs: ours, 0.5 seconds"):
        assert page.count(f'aria-label="{told}') == page.count(f'alt="{told}') == 1
    assert page.count('preload="metadata"') == 2


def test_rows_lists_and_mappings_are_the_same():
    rows = torch.stack([tone(), tone(220)])
    named = dict(zip("ab", rows, strict=True))
    given = ((rows, "ab"), ([*rows], ["a", "b"]), (named, ()))
    pages = [show.audio(some, 8000, label="x", names=n)._repr_html_() for some, n in given]
    assert pages[0] == pages[1] == pages[2]
    assert len(files(show.audio(rows[0], 8000, label="x")._repr_html_())) == 1


def test_faster_sounds_are_resampled_and_slower_ones_stay():
    for rate, at, wanted in ((16_000, 8000, 8000), (16_000, 16_000, 16_000), (4000, 8000, 4000)):
        (file,) = files(show.audio(tone(300, 0.5, rate), rate, label="x", at=at)._repr_html_())
        assert int.from_bytes(file[24:28], "little") == wanted
        assert len(samples(file)) == wanted // 2


def test_equal_times_are_equal_widths():
    short, long = show.audio([tone(seconds=0.5), tone(seconds=1)], 8000, label="x").sounds
    assert long.width == 2 * short.width == 230
    assert show.audio(tone(seconds=6), 8000, label="x").sounds[0].width == 690


def test_the_spectrum_shows_low_tones_below_high_ones():
    low, high = (decode(spectrum(tone(f), 8000)).astype(int).sum(2) for f in (300, 3000))
    assert low.shape == (40, 41)
    assert low[:, 20].argmax() > 25 and high[:, 20].argmax() < 10
    assert decode(spectrum(tone(300, rate=16_000), 16_000)).shape == (40, 41, 3)


def test_the_outline_goes_from_the_lowest_to_the_highest_sample():
    page = decode(outline(torch.tensor([0.0, 1.0, -1.0, 0.5]), columns=2, rows=5))
    blue = (page == [0, 114, 178]).all(2)
    assert blue.T.tolist() == [[True, True, True, False, False], [False, True, True, True, True]]
    shown = show.audio(tone(), 8000, label="x", view="wave").sounds[0]
    assert decode(shown.picture).shape == (64, 400, 3) and shown.alt.endswith("waveform")


def spoken(length: int = 8, batch: int = 2) -> Trace:
    done = Trace(length)
    for group in plans.blocks(length, 2).groups():
        done.record(group, torch.ones(batch, len(group), 3), 1)
    return done


def test_a_player_speaks_as_far_as_units_stand():
    done = spoken()
    player = show.play(done, label="speech", samples=2)
    made = show.sounding(player, done, lambda units: tone(100 * float(units.sum())), 8000)
    assert made.traits["heard"] == [[0.25, 0.5, 0.75, 1.0]] * 2
    assert len(made.traits["sounds"]) == 2 and made.traits["samples"] == player.traits["samples"]
    assert len(files(made._repr_html_())) == 2 and Reader(made._repr_html_()).faults == []


def test_what_stands_after_a_gap_is_not_heard_yet():
    done = Trace(4)
    for place, kept in (
        (0, [True, True]),
        (2, [True, True]),
        (1, [True, False]),
        (1, [True, True]),
    ):
        done.record(
            torch.tensor([place]), torch.ones(2, 1, 3), 1, kept=torch.tensor([[k] for k in kept])
        )
    assert leading(done, [1, 2, 3, 4]).tolist() == [
        [0.25, 0.25],
        [0.25, 0.25],
        [0.75, 0.25],
        [0.75] * 2,
    ]


def test_bad_input_gets_a_sentence():
    with pytest.raises(ValueError, match="label is empty"):
        show.audio(tone(), 8000, label=" ")
    with pytest.raises(ValueError, match="view 'scope' does not exist; choose mel or wave"):
        show.audio(tone(), 8000, label="x", view="scope")
    for given, names in (([], ()), ([tone()], ("a", "b")), ({}, ())):
        with pytest.raises(ValueError, match=r"names for \d sounds; give one for each"):
            show.audio(given, 8000, label="x", names=names)
    long = tone(seconds=BYTES / 8000)
    with pytest.raises(ValueError, match="18.8 seconds of sound are 200 KB, too much for a page"):
        show.audio(long, 8000, label="x")
    with pytest.raises(ValueError, match="every sample finite"):
        show.audio(torch.full((4000,), math.nan), 8000, label="x")
    with pytest.raises(ValueError, match="this element plays no trace; pass one of show.play"):
        show.sounding(show.scrub(torch.rand(1, 1, 4, 4), ["a"], label="x"), spoken(), tone, 8000)


def test_a_browser_knows_the_sounds(tmp_path):
    program = browser.chromium()
    if program is None:
        pytest.skip("no chromium on this machine; `apt-get install chromium` brings one")
    pytest.importorskip("websocket", reason="websocket-client comes with JupyterLab")
    done = spoken(batch=1)
    player = show.sounding(show.play(done, label="speech"), done, lambda units: tone(), 8000)
    page = show.audio({"a": tone(seconds=0.75), "b": tone()}, 8000, label="x")._repr_html_()
    file = tmp_path / "sounds.html"
    file.write_text(f'<!doctype html><meta charset="utf-8">{page}{player._repr_html_()}')
    with browser.Browser(program) as tab:
        tab.look(390)
        seen = tab.open(file.as_uri())
        every = "[...document.querySelectorAll('audio')]"
        tab.until(f"{every}.length === 3 && {every}.every((x) => x.readyState > 0)")
        assert tab.run(f"{every}.map((x) => [x.duration, x.paused])") == [
            [0.75, True], [0.5, True], [0.5, True]
        ]  # fmt: skip
        words = "document.querySelector('.voice small').textContent"
        assert tab.run(words) == ""
        tab.run("document.querySelector('.back').click()")
        assert tab.run(words) == "heard as far as it stands: the first 75%"
        assert tab.run("document.documentElement.scrollWidth - innerWidth") <= 0
        strangers = [url for url in seen.requests if not url.startswith(("file:", "data:"))]
        assert (seen.errors, strangers) == ([], [])
