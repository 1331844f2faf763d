"""The player: every step is there, counted right, in a page that needs nothing but itself."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from arlearn import plans, show
from arlearn.show.picture import decode, pixels
from arlearn.trace import Trace

# Enough of a page for the player's script to run: elements that keep attributes and listeners.
PAGE = """
class Node {
  constructor(text) { this.attributes = {}; this.listeners = {}; this.style = { display: "" };
    this.textContent = text; this.isConnected = true; }
  setAttribute(name, value) { this.attributes[name] = value; }
  addEventListener(name, f) { this.listeners[name] = f; }
  fire(name) { this.listeners[name](); }
}
const parts = {"input": new Node(), ".play": new Node(), ".back": new Node(), ".next": new Node(),
  ".bar": new Node()};
parts[".bar"].style.display = "none";
const figures = FRAMES.map((words, i) => {
  const figure = new Node(); const caption = new Node(words);
  figure.querySelector = () => caption; return figure; });
const box = new Node();
box.querySelector = (what) => parts[what];
box.querySelectorAll = () => figures;
const document = { querySelectorAll: (what) => { asked = what; return [box]; } };
let asked, beats = [];
const setInterval = (f) => { beats.push(f); return beats.length; };
const clearInterval = (timer) => { if (timer) beats[timer - 1] = null; };
const tick = () => beats.forEach((f) => f && f());
const told = [];
const look = (what) => told.push([what, figures.findIndex((f) => !f.style.display),
  figures.filter((f) => !f.style.display).length, parts.input.attributes["aria-valuetext"],
  parts[".play"].attributes["aria-label"] || "play"]);
"""
ACTIONS = """
look("begin");
parts[".play"].fire("click"); look("play starts over"); tick(); look("tick");
parts[".next"].fire("click"); look("next"); tick(); look("next stopped it");
parts[".back"].fire("click"); look("back");
parts.input.value = 0; parts.input.fire("input"); look("scrub");
parts[".back"].fire("click"); look("no further back");
parts[".play"].fire("click"); tick(); tick(); look("played to the end"); tick(); look("stays");
const bar = parts[".bar"].style.display;
console.log(JSON.stringify({ told, asked, bar, ready: box.attributes }));
"""


def trace(length: int = 16, batch: int = 3, evaluations: int = 2) -> Trace:
    done = Trace(length)
    for group in plans.blocks(length, 4).groups():
        done.record(group, torch.ones(batch, len(group), dtype=torch.long), evaluations)
    return done


def drawn(units: torch.Tensor, step: int) -> torch.Tensor:
    """Units as a 4 x 4 picture: white where one stands."""
    return (units >= 0).float().reshape(len(units), 1, 4, 4)


class Reader(HTMLParser):
    """What is on a page: tags with their attributes, checked to be nested well."""

    def __init__(self, page: str):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(page)
        assert not self.open, f"{self.open} are not closed"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def test_play_shows_every_step_and_counts_it():
    player = show.play(trace(), drawn, label="blocks of four", samples=2)
    assert player.captions == (
        "step 1 of 4: 2 network evaluations, 4 units, 2 per evaluation",
        "step 2 of 4: 4 network evaluations, 8 units, 2 per evaluation",
        "step 3 of 4: 6 network evaluations, 12 units, 2 per evaluation",
        "step 4 of 4: 8 network evaluations, 16 units, 2 per evaluation",
    )
    second = decode(player.frames[1])
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
    assert player.captions[0].endswith("1 network evaluation, 2.5 units, 2.5 per evaluation")
    assert player.captions[1].endswith("2 network evaluations, 4 units, 2 per evaluation")


def test_long_traces_are_thinned_and_stay_small():
    long = Trace(256)
    colours = torch.rand(8, 256, 3, generator=torch.Generator().manual_seed(0))
    for group in plans.raster(256).groups():
        long.record(group, colours[:, group], 1)

    def noisy(units, step):
        return units.movedim(2, 1).reshape(8, 3, 16, 16)

    smooth = torch.nn.functional.interpolate(torch.rand(8, 3, 4, 4), 16, mode="bilinear")
    player = show.play(long, lambda units, step: smooth * (noisy(units, step) >= 0), label="raster")
    assert len(player.frames) == 33 and player.captions[-1].startswith("step 256 of 256")
    assert len(player._repr_html_()) < 150_000


def test_the_page_is_whole_labelled_and_needs_nothing_else():
    page = show.play(trace(), drawn, label='<b>"blocks"</b>', caption="a < b")._repr_html_()
    found = Reader(page)
    assert found.all("img")[0]["alt"].startswith('<b>"blocks"</b>: step 1 of 4: 2 network')
    assert all(image["src"].startswith("data:image/png;base64,") for image in found.all("img"))
    assert not re.search(r"https?://|src=\"(?!data:)|href=|@import", page)
    slider = found.all("input")[0]
    assert (slider["type"], slider["min"], slider["max"]) == ("range", "0", "3")
    assert slider["aria-label"] == '<b>"blocks"</b>: step' and "$" not in page
    assert all(a["aria-label"] and a["type"] == "button" for a in found.all("button"))
    controls = found.all("button") + found.all("input")
    assert all("data-lm-suppress-shortcuts" in control for control in controls)
    assert "a &lt; b" in page and "pixelated" in page


def test_without_a_script_a_page_shows_four_frames_and_no_controls():
    frames = torch.rand(30, 1, 4, 4)
    found = Reader(show.scrub(frames, [str(i) for i in range(30)], label="noise")._repr_html_())
    shown = [i for i, figure in enumerate(found.all("figure")) if "style" not in figure]
    assert shown == [0, 10, 19, 29]
    assert {"class": "bar", "style": "display:none"} in found.all("div")


def test_the_bundle_has_a_picture_for_pages_without_html():
    bundle = show.play(trace(), drawn, label="blocks")._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/png", "text/plain"}
    assert decode(bundle["image/png"]).shape[1] > 100
    assert bundle["text/plain"] == "[player: blocks, 4 frames]"


def test_the_same_content_is_the_same_page_and_other_content_has_another_key():
    def key(label):
        page = show.play(trace(), drawn, label=label)._repr_html_()
        return re.search(r'data-scrub="(\w+)"', page)[1]

    assert key("one") == key("one") != key("two")


def test_scrub_takes_pictures_of_any_kind_and_keeps_their_pixels():
    images = torch.rand(2, 3, 5, 5)
    player = show.scrub(images, ["a", "b"], label="noise", width=50)
    assert all((decode(f) == p).all() for f, p in zip(player.frames, pixels(images), strict=True))
    figures = [show.order(plans.raster(4), 2, 2), show.order(plans.shuffled(4), 2, 2)]
    assert show.scrub(figures, ["a", "b"], label="orders").frames == tuple(f.png for f in figures)


def test_players_refuse_what_they_cannot_play():
    frames = torch.rand(2, 1, 4, 4)
    with pytest.raises(ValueError, match="1 captions for 2 frames"):
        show.scrub(frames, ["a"], label="noise")
    with pytest.raises(ValueError, match="label is empty"):
        show.scrub(frames, ["a", "b"], label=" ")
    with pytest.raises(ValueError, match="samples must be at least 1"):
        show.play(trace(), drawn, label="blocks", samples=0)
    with pytest.raises(ValueError, match="nothing to show"):
        show.play(Trace(4), drawn, label="nothing")


@pytest.mark.skipif(shutil.which("node") is None, reason="node runs the player's script; not here")
def test_the_script_plays_steps_and_scrubs():
    player = show.scrub(torch.rand(3, 1, 2, 2), ["zero", "one", "two"], label="count")
    script = re.search(r"<script>(.*)</script>", player._repr_html_(), re.DOTALL)[1]
    program = PAGE.replace("FRAMES", json.dumps(player.captions)) + script + ACTIONS
    done = subprocess.run(["node", "-e", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["told"] == [
        ["begin", 2, 1, "two", "play"],
        ["play starts over", 0, 1, "zero", "pause"],
        ["tick", 1, 1, "one", "pause"],
        ["next", 2, 1, "two", "play"],
        ["next stopped it", 2, 1, "two", "play"],
        ["back", 1, 1, "one", "play"],
        ["scrub", 0, 1, "zero", "play"],
        ["no further back", 0, 1, "zero", "play"],
        ["played to the end", 2, 1, "two", "play"],
        ["stays", 2, 1, "two", "play"],
    ]
    assert seen["bar"] == "" and "data-ready" in seen["ready"]
    assert seen["asked"].endswith(":not([data-ready])")
