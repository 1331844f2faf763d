"""Films side by side: every frame of every clip, in place, in palette colours or any."""

import re
from base64 import b64decode

import browser
import numpy as np
import pytest
import torch
from reader import Reader

from arlearn import data, show
from arlearn.show.picture import decode, pixels


@pytest.fixture(scope="module")
def films():
    return data.moving("test", n=3, frames=6, objects=2)


def frames(element) -> list[np.ndarray]:
    return [decode(b64decode(one.partition(",")[2])) for one in element.traits["frames"]]


def test_indices_and_colours_show_the_same(films):
    by_index = show.video(films.frames, label="films")
    by_colour = show.video(films.rgb(), label="films")
    whole = show.video(films.frames.long(), label="films")
    assert by_index.traits["frames"] == by_colour.traits["frames"] == whole.traits["frames"]
    pages, wanted = frames(by_index), pixels(films.rgb())
    assert len(pages) == 6 and pages[0].shape == (16, 50, 3)
    for j, page in enumerate(pages):
        for i in range(3):
            assert (page[:, 17 * i : 17 * i + 16] == wanted[i, j]).all()
        assert (page[:, [16, 33]] == 128).all()


def test_rows_stand_below_each_other(films):
    both = show.video({"truth": films.frames, "ours": films.frames.flip(1)}, label="two")
    page = frames(both)[1]
    assert page.shape == (33, 50, 3) and (page[16] == 128).all()
    assert (page[:16, :16] == pixels(films.rgb())[0, 1]).all()
    assert (page[17:, 34:] == pixels(films.rgb())[2, 4]).all()
    assert both.traits["beside"] == ["truth", "ours"] and both.traits["above"] == []
    assert both.caption == "Rows: truth, ours."


def test_it_begins_at_the_first_frame_and_loops():
    grey = torch.linspace(0, 1, 4).view(1, 4, 1, 1, 1).expand(-1, -1, 1, 8, 8)
    shown = show.video(grey, label="grey", names=["a"], words=["w", "x", "y", "z"], caption="See.")
    assert shown.traits["loop"] and shown.traits["counts"] == [] and shown.traits["above"] == ["a"]
    assert shown.traits["captions"][1] == "frame 2 of 4: x" and shown.caption == "See. Clips: a."
    assert [int(page[0, 0, 0]) for page in frames(shown)] == [0, 85, 170, 255]
    assert shown.traits["size"]["width"] == 48 and shown.traits["size"]["sharp"]
    assert show.video(grey, label="grey", width=200).traits["size"]["width"] == 200


def test_the_page_is_sound_small_and_shows_four_frames_without_a_script(films):
    page = show.video(films.frames, label="<films>", words=list("abcdef"))._repr_html_()
    assert Reader(page).faults == [] and len(page) < 30_000
    body = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.S)
    assert re.findall(r"<figcaption [^>]*>([^<]+)<", body) == [
        f"frame {j + 1} of 6: {'abcdef'[j]}" for j in (0, 2, 3, 5)
    ]
    assert not re.search("<button|<input", body)


def test_bad_input_gets_a_sentence(films):
    with pytest.raises(ValueError, match=r"rows must have as many .*'a': \[3, 6, 16, 16\], 'b'"):
        show.video({"a": films.frames, "b": films.frames[:2]}, label="x")
    with pytest.raises(ValueError, match="got no row"):
        show.video({}, label="x")
    with pytest.raises(ValueError, match="2 names for 3; give one for each"):
        show.video(films.frames, label="x", names=["a", "b"])
    with pytest.raises(ValueError, match="1 words for 6; give one for each"):
        show.video(films.frames, label="x", words=["a"])
    with pytest.raises(ValueError, match=r"clips are n f c h w .*, not \[0, 6, 3, 16, 16\]"):
        show.video(films.rgb()[:0], label="x")
    with pytest.raises(ValueError, match="label is empty"):
        show.video(films.frames, label="")
    with pytest.raises(ValueError, match="outside the palette"):
        show.video(films.frames + 7, label="x")


def test_a_browser_steps_runs_and_stops(films, tmp_path):
    program = browser.chromium()
    if program is None:
        pytest.skip("no chromium on this machine; `apt-get install chromium` brings one")
    pytest.importorskip("websocket", reason="websocket-client comes with JupyterLab")
    both = {"truth": films.frames, "ours": films.frames}
    shown = show.video(both, label="two", names=["first clip", "second", "third"], seconds=0.05)
    file = tmp_path / "films.html"
    file.write_text(f'<!doctype html><meta charset="utf-8">{shown._repr_html_()}')
    with browser.Browser(program) as tab:
        tab.look(390)  # asks for reduced motion
        seen = tab.open(file.as_uri())
        tab.until("document.querySelectorAll('.arlearn-element').length === 1")
        at = "+document.querySelector('input').value"
        assert tab.run(at) == 0  # nothing runs by itself
        tab.run("document.querySelector('input').focus()")
        tab.press("ArrowRight")
        assert tab.run(at) == 1
        visible = "[...document.querySelectorAll('.clips > img')].map((x) => !x.hidden)"
        assert tab.run(visible) == [False, True, False, False, False, False]
        tab.press(" ")
        tab.until(f"{at} === 5 && document.querySelector('.play').ariaLabel === 'play'")
        names = "[...document.querySelectorAll('.above small')].map((x) => x.textContent)"
        assert tab.run(names) == ["first clip", "second", "third"]
        assert tab.run("document.documentElement.scrollWidth - innerWidth") <= 0
        tab.send("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-reduced-motion", "value": "no-preference"}
        ])  # fmt: skip
        tab.run("document.querySelector('.play').click()")
        tab.until(f"{at} === 5")
        tab.until(f"{at} === 1")  # it went round
        tab.press(" ")
        tab.until("document.querySelector('.play').ariaLabel === 'play'")
        assert seen.errors == []
