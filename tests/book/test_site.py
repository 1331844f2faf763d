"""The built site in a real browser: no error, no stranger, nothing too wide, nothing too faint."""

from pathlib import Path

import browser
import pytest

SITE = Path(__file__).resolve().parents[2] / "book" / "_build" / "html"

# Text whose contrast with what lies behind it is below WCAG AA: 4.5, or 3 for large letters. Text
# over a picture or inside a drawing is left out, as is what is not shown.
FAINT = """
(() => {
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const parse = (css) => {
    const n = css.match(/[\\d.]+/g)?.map(Number) ?? [0, 0, 0, 0];
    return css.startsWith("color(") ? [...n.slice(0, 3).map((v) => v * 255), n[3] ?? 1]
      : [n[0], n[1], n[2], n[3] ?? 1];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3]));
  const behind = (node) => {
    const layers = [];
    for (let e = node; e; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.backgroundImage !== "none") return null;
      layers.push(parse(style.backgroundColor));
      if (layers.at(-1)[3] === 1) break;
    }
    const page = matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18]
      : [255, 255, 255];
    return layers.reverse().reduce((under, top) => over(top, under), page);
  };
  const seen = new Set(), faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), e = walker.currentNode.parentElement;
    if (!text || seen.has(e) || e.closest("svg, script, style, noscript, mjx-container")) continue;
    seen.add(e);
    const style = getComputedStyle(e), box = e.getBoundingClientRect();
    if (!box.width || !box.height || style.visibility !== "visible") continue;
    if (e.closest("[disabled]")) continue;
    const ground = behind(e);
    if (!ground) continue;
    let colour = parse(style.color), fade = 1;
    for (let p = e; p; p = p.parentElement) fade *= +getComputedStyle(p).opacity;
    if (fade === 0) continue;
    colour[3] *= fade;
    const [a, b] = [light(over(colour, ground)), light(ground)].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && +style.fontWeight >= 700);
    if (contrast < (large ? 3 : 4.5) - 0.05) {
      faint.push(`${contrast.toFixed(2)} ${e.tagName}.${e.className}: ${text.slice(0, 40)}`);
    }
  }
  return faint;
})()
"""
# Pictures without words for those who cannot see them; an empty alt says "only decoration".
UNNAMED = """
[...document.images].filter((i) => !i.hasAttribute('alt')).map((i) => i.outerHTML.slice(0, 99))
"""
OWN = ("file:", "data:", "blob:")
TOO_WIDE = "document.documentElement.scrollWidth - window.innerWidth"


@pytest.fixture(scope="module")
def tab():
    program = browser.chromium()
    if program is None:
        pytest.skip("no chromium on this machine; `apt-get install chromium` brings one")
    with browser.Browser(program) as opened:
        yield opened


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True), (1280, False)])
def test_every_page_is_sound(tab, site, width, dark):
    tab.look(width, dark=dark)
    faults = []
    for path in sorted(site):
        if path.name == "index.html":
            continue  # leads to intro.html at once
        seen, name = tab.open(path.as_uri()), path.name
        faults += [f"{name}: {error}" for error in seen.errors]
        strangers = [
            url for url in seen.requests if not url.startswith(("file:", "data:", "blob:"))
        ]
        faults += [f"{name} asks for {url}" for url in strangers]
        if (beyond := tab.run(TOO_WIDE)) > 0:
            faults.append(f"{name} is {beyond} pixels too wide at {width}")
        faults += [f"{name}: no alternative text: {image}" for image in tab.run(UNNAMED)]
        faults += [f"{name}: too faint: {text}" for text in tab.run(FAINT)]
    assert not faults, "\n".join(faults[:40] + [f"{len(faults)} faults"])


def test_formulas_are_drawn(tab, site):
    (page,) = [path for path in site if path.name == "notation.html"]
    tab.open(page.as_uri())
    tab.until("document.querySelectorAll('mjx-container svg').length > 5")


def test_the_search_finds_a_chapter(tab, site):
    (page,) = [path for path in site if path.name == "search.html"]
    tab.open(f"{page.as_uri()}?q=scale")
    tab.until("[...document.querySelectorAll('#search-results a')].some((a) => /VAR/.test(a.text))")


def test_the_ledger_sorts_at_a_click_and_at_a_key(tab, site):
    (page,) = [path for path in site if path.name == "ledger.html" and path.parent == SITE]
    tab.look(1280)
    tab.open(page.as_uri())
    names = "[...document.querySelectorAll('.sorted tbody tr th')].map((e) => e.dataset.key)"
    before = tab.run(names)
    tab.run("document.querySelector('.sorted thead button').click()")
    after = tab.run(names)
    assert after != before and sorted(map(str.lower, after)) == sorted(map(str.lower, before))
    tab.run("document.querySelector('.sorted thead button').focus()")
    tab.press("Enter")
    assert tab.run(names) == after[::-1]


def test_a_player_answers_to_a_click_and_a_key(tab, site):
    (page,) = [path for path in site if path.name == "18_var.html"]
    tab.open(page.as_uri())
    value = "+document.querySelector('.arlearn-scrub input').value"
    last = tab.run(value)
    tab.run("document.querySelector('.arlearn-scrub input').focus()")
    tab.press("ArrowLeft")
    assert tab.run(value) == last - 1
    tab.run("document.querySelector('.arlearn-scrub .next').click()")
    assert tab.run(value) == last


def test_pages_of_chapters_are_small(site):
    for path in site:
        if "chapters" in path.parts:
            assert path.stat().st_size < 2_000_000, f"{path.name} has {path.stat().st_size:,} bytes"
