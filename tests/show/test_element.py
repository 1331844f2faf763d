"""A widget's page: whole, sound, small, and the same as the live widget that Python holds."""

import json
import re

import pytest
from reader import Reader

from arlearn.show.element import WIDGETS, Element, module

NAMES = [path.stem for path in sorted(WIDGETS.glob("*.mjs"))]
ENTRIES = [n for n in NAMES if "export default" in (WIDGETS / f"{n}.mjs").read_text()]
PARTS = sorted(set(NAMES) - set(ENTRIES))


def element(**traits) -> Element:
    law = {"temperature": 1.0, "top_k": None, "top_p": None, "guidance": 0.0, "min_p": None}
    given = {"logits": [1.0, 2.0], "unconditional": [], "names": ["a", "b"], "law": law, "most": 2}
    return Element("law", "two units", given | traits, "Look.", "<p>a: 1</p>", "a: 1")


def held(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', page)[1])


def test_there_are_widgets_and_parts_of_them():
    assert ENTRIES == ["cells", "law", "masks", "panels", "papers", "pictures", "plans",
                       "series", "speculation"]  # fmt: skip
    assert PARTS == ["columns", "kit", "matrix", "player", "voice"]


@pytest.mark.parametrize("name", ENTRIES)
def test_a_module_holds_all_it_needs_once(name):
    script, style = module(name)
    assert not re.search(r"^import |import\(|https?://(?!www\.w3\.org/2000/svg)", script, re.M)
    assert script.count("export default") == 1
    functions = re.findall(r"^(?:export )?function (\w+)", script, re.M)
    assert "make" in functions and len(functions) == len(set(functions))
    assert not re.search(r"^\s|^//|^/\*\*", script, re.M)
    assert style.count("{") == style.count("}") > 10
    assert len(script) + len(style) < 20_000


def test_lines_are_as_short_as_elsewhere():
    for path in WIDGETS.iterdir():
        lines = path.read_text(encoding="utf-8").splitlines()
        assert max(map(len, lines)) <= 100 and len(lines) <= 250, path.name


def test_every_rule_of_style_is_for_widgets_alone():
    for path in WIDGETS.glob("*.css"):
        rules = re.findall(r"([^{}]+)\{", path.read_text())
        assert all(".arlearn-" in rule for rule in rules), path.name


def test_the_page_is_sound_and_asks_for_nothing():
    page = element()._repr_html_()
    read = Reader(page)
    assert read.faults == [] and read.links == []
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(", page)
    assert 'role="group" aria-label="two units"' in page and "Look." in page
    script = re.search(r'<script type="module">(.*?)</script>', page, re.S)[1]
    assert "const WIDGET = { render };" in script and "export default" not in script


def test_the_page_holds_exactly_the_traits():
    wild = {"names": ["</script><b>", "<!--\u2028é"], "logits": [0.1, -1e-17]}
    shown = element(**wild)
    assert held(shown._repr_html_()) == {"label": "two units", **shown.traits}
    assert Reader(shown._repr_html_()).faults == []


def test_the_same_content_is_the_same_page_and_other_content_has_another_key():
    def key(shown):
        return re.search(r'data-element="(\w+)"', shown._repr_html_())[1]

    assert element()._repr_html_() == element()._repr_html_()
    assert key(element()) != key(element(most=1))


def test_frames_that_the_still_part_shows_are_not_sent_twice():
    one, two = "data:image/png;base64,AAAA", "data:image/png;base64,BBBB"
    still = f'<img alt="one" src="{one}">'
    shown = Element("pictures", "frames", {"frames": [two, one]}, still=still)
    assert held(shown._repr_html_())["frames"] == [two, 0]
    assert shown.traits["frames"] == [two, one]


def test_a_live_widget_has_the_same_module_and_traits():
    pytest.importorskip("anywidget")
    shown = element()
    live = shown.widget()
    assert live._esm == module("law")[0] and live._css == module("law")[1]
    assert {name: getattr(live, name) for name in shown.traits} == shown.traits
    assert live.traits(sync=True).keys() >= {"label", *shown.traits}
    live.logits = [3.0, 4.0]
    assert shown.traits["logits"] == [1.0, 2.0]


def test_elsewhere_there_are_words():
    bundle = element()._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert bundle["text/plain"] == "[two units]\na: 1\nLook."


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: Element("law", " ", {}), "label is empty"),
        (lambda: element(logits=[float("nan")]), "two units: a value .* infinite or no number"),
    ],
)
def test_what_cannot_be_shown_is_refused(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        wrong()


def rgb(colour: str) -> tuple[float, ...]:
    wide = "".join(2 * c for c in colour[1:]) if len(colour) == 4 else colour[1:7]
    return tuple(int(wide[i : i + 2], 16) / 255 for i in (0, 2, 4))


def contrast(one: tuple, other: tuple) -> float:
    """WCAG 2's ratio of two colours."""

    def light(colour):
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def mixed(top: tuple, under: tuple, share: float) -> tuple:
    return tuple(share * a + (1 - share) * b for a, b in zip(top, under, strict=True))


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_told_apart(theme):
    css = (WIDGETS / "kit.css").read_text()
    blocks = re.findall(r"\.arlearn-element(?:\[data-dark\])?\{(--[^}]*)\}", css)[:2]
    values = {}
    for block in blocks[: theme + 1]:
        values |= dict(re.findall(r"--([\w-]+):(#\w+)", block))
    ink, quiet, paper = (rgb(values[name]) for name in ("ink", "quiet", "paper"))
    assert contrast(ink, paper) > 7 and contrast(quiet, paper) > 4.5
    for name in ("edge", "now", "blue", "pale", "deep"):
        assert contrast(rgb(values[name]), paper) > 3, name
    assert contrast(rgb(values["on-deep"]), rgb(values["deep"])) > 4.5
    assert contrast(rgb(values["on-pale"]), rgb(values["pale"])) > 4.5
    at = int(re.search(r"PALE = (\d+)", (WIDGETS / "plans.mjs").read_text())[1]) / 100
    change = mixed(rgb(values["pale"]), rgb(values["deep"]), at)
    assert min(contrast(rgb(values[f"on-{side}"]), change) for side in ("deep", "pale")) > 4.5
    # the strongest tint of a unit: 42% of a hue
    hues = re.findall(r"--hue:(#\w+)", (WIDGETS / "cells.css").read_text())
    tints = [rgb(values["blue"]), rgb(values["green"]), rgb(values["orange"]), *map(rgb, hues)]
    assert len(hues) == 6 and min(contrast(ink, mixed(t, paper, 0.42)) for t in tints) > 4.5
