"""Every widget in a real browser: it draws, answers to a click and to keys, and stays in its page.

Chromium takes seconds to start, so one page holds them all.
"""

import browser
import pytest
import torch

from arlearn import plans, show
from arlearn.trace import Trace

PAGE = """<!doctype html><html lang="en" data-theme="{theme}"><meta charset="utf-8"><title>x</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><style>{style}
body{{font-family:sans-serif;max-width:46em;margin:auto;padding:8px}}</style><body>{body}"""
THEMES = {
    "light": "html{background:#fff;color:#1f2328}",
    "dark": "html{background:#121212;color:#e6e6e6}",
}
CONTROLS = "button, select, input, [tabindex], [role=application]"


def steps() -> Trace:
    """Four steps over sixteen places, with confidences."""
    done = Trace(16)
    for group in plans.blocks(16, 4).groups():
        sure = torch.linspace(0.1, 1, len(group))[None]
        done.record(group, group[None] % 5, 1, confidence=sure)
    return done


def spectrum() -> Trace:
    done = Trace(8)
    for group in plans.blocks(8, 2).groups():
        done.record(group, torch.sin(group.float())[None, :, None].repeat(1, 1, 4), 1)
    return done


def filtering() -> Trace:
    """Eight moments of a model that is no network, one a step: level, two shares, a phase."""
    done = Trace(8)
    for now in range(8):
        values = torch.tensor([[[now / 8, 1 - now / 8, now / 8, float(now // 2)]]])
        done.record(torch.tensor([now]), values, 0)
    return done


PANELS = [
    show.Panel("level", {"level": 0}, bands={"room": (0, 1)}, segments=3, levels={"end": 1.0}),
    show.Panel("state", shares={"a": 1, "b": 2}),
]


def films(units: torch.Tensor, step: int) -> torch.Tensor:
    return (units >= 0).float().view(1, 4, 1, 2, 2)


def elements() -> dict[str, show.Element]:
    some = torch.linspace(-2, 2, 12)
    blocks = plans.blocks(6, 2)
    return {
        "pictures": show.play(steps(), films, label="a film"),
        "text": show.play(steps(), decode=lambda u: "abcd "[int(u)], label="a text", prompt="> "),
        "grid": show.play(steps(), grid=(4, 4), label="a grid"),
        "heat": show.play(spectrum(), label="a spectrogram"),
        "wave": show.play(spectrum(), wave=True, label="a wave"),
        "panels": show.play(filtering(), panels=PANELS, x=("cycle", 1), label="a series"),
        "plans": show.explore_plans(4),
        "masks": show.explore_masks({"a": plans.raster(6), "b": plans.two_streams(blocks, blocks)},
                                    sections={"b": {"clean": 6, "noisy": 6}}),
        "law": show.explore_law(some, unconditional=some.flip(0)),
        "speculation": show.explore_speculation(),
        "papers": show.explore_papers(),
    }  # fmt: skip


@pytest.fixture(scope="module")
def tab():
    program = browser.chromium()
    if program is None:
        pytest.skip("no chromium on this machine; `apt-get install chromium` brings one")
    pytest.importorskip("websocket", reason="websocket-client comes with JupyterLab")
    with browser.Browser(program) as opened:
        yield opened


@pytest.fixture(scope="module")
def shown():
    return elements()


@pytest.fixture(params=THEMES)
def page(tab, shown, tmp_path_factory, request):
    """A page of all widgets, wide and light or narrow and dark; errors are looked at in the end."""
    theme = request.param
    body = "".join(f'<div id="{name}">{one._repr_html_()}</div>' for name, one in shown.items())
    file = tmp_path_factory.mktemp("widgets") / f"{theme}.html"
    text = PAGE.format(theme=theme, style=THEMES[theme], body=body)
    file.write_text(text, encoding="utf-8")
    tab.look(1280 if theme == "light" else 390, dark=theme == "dark")
    tab.theme, seen = theme, tab.open(file.as_uri())
    tab.until(f"document.querySelectorAll('.arlearn-element').length === {len(shown)}")
    yield tab
    strangers = [url for url in seen.requests if not url.startswith(("file:", "data:"))]
    assert (seen.errors, strangers) == ([], [])


def value(tab, script: str):
    return tab.run(f"(() => {{ const at = (x) => document.querySelector(x); return {script}; }})()")


def focus(tab, where: str, *keys: str) -> None:
    """Put the focus on an element, as a reader does with the tab key, and press keys there."""
    value(tab, f"at({where!r}).focus()")
    for key in keys:
        tab.press(key)


def check_players(tab) -> None:
    for name in ("pictures", "text", "grid", "heat", "wave"):
        slider = f"#{name} input"
        assert value(tab, f"+at({slider!r}).value") == 3, name
        focus(tab, slider, "Home")
        assert value(tab, f"at('#{name} .meter li').textContent") == "1 network evaluation", name
        value(tab, f"at('#{name} .next').click()")
        assert value(tab, f"+at({slider!r}).value") == 1, name
        assert value(tab, f"at({slider!r}).ariaValueText").startswith("step 2 of 4: 2 network")
        focus(tab, slider, " ")
        tab.until(f"+document.querySelector({slider!r}).value >= 2")
        tab.press(" ")
        assert value(tab, f"at('#{name} .play').ariaLabel") == "play", name
        focus(tab, slider, "End", "ArrowLeft")
        assert value(tab, f"+at({slider!r}).value") == 2, name
    images = "[...document.querySelectorAll('#pictures .screen > div > img')].map((x) => x.hidden)"
    assert tab.run(images) == [True, True, False, True]
    assert value(tab, "at('#text .screen pre').textContent") == "> abcd abcd ab····"
    assert value(tab, "document.querySelectorAll('#grid .grid [data-new]').length") == 4
    assert value(tab, "at('#grid [role=img]').ariaLabel") == "a grid: 12 of 16 units stand"
    pixels = "[...at('#heat canvas').getContext('2d').getImageData(0, 0, 8, 1).data]"
    alpha = value(tab, f"{pixels}.filter((_, i) => i % 4 === 3)")
    assert alpha == [255] * 6 + [0] * 2
    value(tab, "at('#pictures [aria-pressed]').click()")
    assert value(tab, "at('#pictures .words').textContent") == "frame 1 of 4, as finished"


def check_orders(tab) -> None:
    cells = "document.querySelectorAll('#plans [data-seen]').length"
    assert value(tab, cells) == 12  # blocks of four, in the third of four steps
    focus(tab, "#plans .order", "End")
    assert value(tab, cells) == 16
    focus(tab, "#plans .order", "Home")
    assert value(tab, cells) == 4
    focus(tab, "#plans .matrix", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown")
    assert value(tab, cells) == 8
    choose = (
        "at('#plans select').value = {}, at('#plans select').dispatchEvent(new Event('change'))"
    )
    value(tab, choose.format(8))
    assert "16 units in 1 step" in value(tab, "at('#plans .facts').textContent")
    words = "at('#masks .facts').textContent"
    focus(tab, "#masks .matrix", "Home", "ArrowRight")
    assert value(tab, words).startswith("Position 3 may look at position 1.")
    value(tab, "at('#masks .bar button:last-child').click()")
    assert value(tab, "+at('#masks select').value") == 1
    assert value(tab, words).startswith("Noisy 0 may not look at clean 0.") is False
    assert "noisy" in value(tab, words)


def check_dials(tab) -> None:
    law = "at('#law .facts').textContent"
    before = value(tab, law)
    assert "12 of 12 units" in before
    focus(tab, '#law input[aria-label="top-k"]', "ArrowLeft", "ArrowLeft")
    assert "10 of 12 units" in value(tab, law)
    value(tab, "at('#law .bar button').click()")
    assert value(tab, "document.querySelectorAll('#law .dot:not([hidden])').length") == 12
    value(tab, "at('#law .bar button:last-child').click()")
    assert value(tab, law) == before
    gain = "at('#speculation .facts').textContent"
    before = value(tab, gain)
    focus(tab, '#speculation input[aria-label="drafts k"]', "Home")
    assert value(tab, gain) != before and "1 tokens per target pass expected" in value(tab, gain)
    value(tab, "at('#speculation .bar button').click()")
    assert value(tab, "document.querySelectorAll('#speculation .rounds li').length") == 8


def check_papers(tab) -> None:
    focus(tab, "#papers td[tabindex='0']", "ArrowRight")
    assert value(tab, "at('#papers .said').textContent").startswith("Plan raster: ")
    value(tab, "[...document.querySelectorAll('#papers [data-open]')].at(-1).click()")
    assert "an exercise" in value(tab, "at('#papers .said').textContent")
    choose = (
        "at('#papers select').value = 1, at('#papers select').dispatchEvent(new Event('change'))"
    )
    value(tab, choose)
    assert value(tab, "document.querySelectorAll('#papers .arlearn-element tbody tr').length") == 1


def check_panels(tab) -> None:
    """Three states of eight: coloured, one line so far, two areas; no cost is counted."""
    assert value(tab, "document.querySelectorAll('#panels .meter').length") == 0
    focus(tab, "#panels input", "Home")
    for _ in range(4):
        value(tab, "at('#panels .next').click()")
    plot = "#panels .panel"
    assert value(tab, f"document.querySelectorAll('{plot}').length") == 2
    assert value(tab, f"at('{plot}').querySelectorAll('rect').length") == 3
    line = value(tab, f"at('{plot}').querySelector('path[stroke]').getAttribute('d')")
    assert line.startswith("M") and line.count("L") == 4
    assert value(tab, "at('#panels .words').textContent") == "step 5 of 8"
    assert value(tab, "at('#panels .keys').textContent") == "levelroomend"
    box = "at('#panels .panel').getBoundingClientRect()"
    assert value(tab, f"{box}.width") > 200


def test_every_widget_draws_answers_and_fits(page):
    check_players(page)
    check_panels(page)
    check_orders(page)
    check_dials(page)
    check_papers(page)
    assert page.run("document.documentElement.scrollWidth - innerWidth") <= 0
    dark = (
        "[...document.querySelectorAll('.arlearn-element')].map((x) => x.hasAttribute('data-dark'))"
    )
    assert set(page.run(dark)) == {page.theme == "dark"}
    unnamed = "!(x.ariaLabel || x.textContent.trim() || x.closest('label'))"
    every = f"[...document.querySelectorAll('.arlearn-element :is({CONTROLS})')]"
    assert page.run(f"{every}.length") > 50
    assert page.run(f"{every}.filter((x) => {unnamed}).map((x) => x.outerHTML)") == []
    keys = "!x.hasAttribute('data-lm-suppress-shortcuts')"
    assert page.run(f"{every}.filter((x) => {keys}).map((x) => x.outerHTML)") == []
    assert page.run("[...document.querySelectorAll('.still')].every((x) => !x.offsetHeight)")


def test_a_page_that_turns_dark_takes_its_widgets_along(page, shown):
    other = {"light": "#eee", "dark": "#111"}[page.theme]
    page.run(f"document.documentElement.style.color = '{other}'")
    dark = "document.querySelectorAll('.arlearn-element[data-dark]').length"
    page.until(f"{dark} === {len(shown) if page.theme == 'light' else 0}")
