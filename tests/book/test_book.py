"""The book's pages hold what the data say, link to what exists, and ask nothing of other machines.

A built site is read too, if there is one; ARLEARN_BOOK_TEST=1 builds it first.
"""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from reader import Reader

from arlearn import catalog, chapter, claims
from arlearn.claims import Measured
from arlearn.ledger import Row, ledger

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "book" / "_build" / "html"
GENERATED = ("map", "order", "ledger", "errata")


@pytest.fixture(scope="module")
def build():
    """book/build.py as a module, with its sibling pages.py."""
    before = list(sys.path)
    spec = importlib.util.spec_from_file_location("book_build", ROOT / "book" / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = before


@pytest.fixture(scope="module")
def pages(build):
    return build.pages


@pytest.fixture
def one_chapter(monkeypatch):
    """As if VAR's notebook were there and no other, whatever is."""
    there = property(lambda entry: entry.slug == "var")
    monkeypatch.setattr(chapter.Chapter, "in_book", there)


def html_of(page):
    """The HTML of a Markdown page's raw blocks."""
    return "\n".join(re.findall(r"```\{raw\} html\n(.*?)\n```", page, re.DOTALL))


def test_the_map_holds_every_paper_once(pages, one_chapter):
    page = pages.map_page()
    table, _, beside = page.partition("## Beside the table")
    for paper in catalog.papers():
        inside = len(re.findall(rf'class="paper"[^>]*>{re.escape(paper.short)}<', table))
        assert inside + beside.count(f"**{paper.short}**") == 1, paper.slug
    assert table.count('<th scope="row">') == len(catalog.PLANS) - 1
    assert table.count('<th scope="col">') == len(catalog.HEADS) - 2
    assert "(1 of\n58)" in page or "(1 of 58)" in page


def test_the_map_puts_papers_into_their_cells(pages, one_chapter):
    rows = re.findall(r'<tr><th scope="row">(.*?)<small>.*?</th>(.*?)</tr>', pages.map_page())
    cells = dict(rows)
    flow = re.search(r'<td data-label="flow">(.*?)</td>', cells["scales"])[1]
    assert "FlowAR" in flow and "E-CAR" in flow and "VAR" not in flow.replace("FlowAR", "")
    assert cells["blocks"].count('class="open"') == len(catalog.HEADS) - 3


def test_only_written_chapters_are_linked(pages, one_chapter):
    for name in GENERATED:
        links = Reader(html_of(getattr(pages, f"{name}_page")())).links
        chapters = {link for link in links if link.startswith("chapters/")}
        assert chapters <= {"chapters/03_next_x/18_var.html"}
    assert "chapters/03_next_x/18_var.html" in pages.map_page()


def test_the_order_has_every_paper_below_its_part(pages):
    page = pages.order_page()
    parts = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    assert [part.partition("\n")[0] for part in parts] == list(catalog.FOLDERS.values())
    lessons = re.findall(r'<th scope="row">.*?<small>(\d+)<', parts[0])
    assert [int(n) for n in lessons] == [lesson.number for lesson in catalog.lessons()]
    named = [re.findall(r'<th scope="row">.*?<small>(\d+) ', part) for part in parts[1:]]
    assert [int(n) for numbers in named for n in numbers] == [p.number for p in catalog.papers()]


def toy_row():
    """VAR as measured at the cpu tier: one part holds, one does not."""
    paper = catalog.paper("var")
    given = [Measured(6, 64), Measured(9.0, 3.0, (1.0, 2.0), reason="thin <strokes>")]
    parts = [claims._judged(one, m, "cpu") for one, m in zip(paper.parts, given, strict=False)]
    measured = {"verdict": "in part", "seconds": 58.4, "device": "CPU, 2 cores", "parts": parts}
    return Row(paper, {"cpu": measured})


def test_the_ledger_has_58_rows_and_shows_what_was_measured(pages, monkeypatch):
    rows = [row if row.paper.slug != "var" else toy_row() for row in ledger()]
    monkeypatch.setattr(pages, "ledger", lambda opening=False: [] if opening else rows)
    monkeypatch.setattr(Row, "stale", lambda row, tier: True)
    page = pages.ledger_page()
    assert page.count('<tr><th scope="row"') == 58
    row = re.search(r'<tr><th scope="row" data-key="VAR">.*?</tr>', page)[0]
    assert "◐ in part" in row and "6 against 64 evaluations (10.7x better, 8x expected)" in row
    assert "paper: 256 → 10" in row and "thin &lt;strokes&gt;" in row
    assert "58 s<small>CPU, 2 cores</small>" in row and "code changed since" in row
    assert row.count('class="nothing"') == 2  # the gpu tier
    verdicts = [row.measured["cpu"]["verdict"] for row in rows if "cpu" in row.measured]
    assert f"{verdicts.count('in part')} in part" in page


def test_the_ledger_sorts_by_every_column(pages):
    page = html_of(pages.ledger_page())
    assert page.count('<button type="button">') == 5
    for row in re.findall(r"<tr>(<th scope=\"row\".*?)</tr>", page):
        assert row.count("data-key=") == 5


def test_errata_are_whole(pages):
    errata = html_of(pages.errata_page())
    assert errata.count("<tr><th scope") - 1 == sum(len(p.errata) for p in catalog.papers())
    for slug in ("ear", "cspd", "nsarm", "selftok", "sar", "controlar"):
        assert catalog.paper(slug).errata, f"{slug}: its release is known to differ"
    assert pages.plain("a_b [c] $x$ <d>") == r"a\_b \[c\] \$x\$ \<d\>"


@pytest.mark.parametrize("name", GENERATED)
def test_generated_html_is_sound_and_loads_nothing(pages, name):
    reader = Reader(html_of(getattr(pages, f"{name}_page")()))
    assert reader.faults == [] and reader.loads == []
    for link in reader.links:
        assert link.startswith(("https://arxiv.org/abs/", "chapters/"))


def test_the_source_folder_is_what_the_contents_name(build, tmp_path):
    source = build.assemble(tmp_path / "source", None)
    contents = json.loads((source / "_toc.yml").read_text(encoding="utf-8"))
    entries = [one["file"] for part in contents["parts"] for one in part["chapters"]]
    last = contents["parts"][-1]["chapters"]
    inside = [page["file"] for one in last for page in one.get("sections", ())]
    front = [name for names in build.FRONT.values() for name in names]
    written = [entry.page for entry in build.chapters()]
    assert contents["root"] == "intro" and sorted(entries) == sorted([*front, *written])
    entries += inside
    for entry in (*entries, "intro"):
        assert (source / f"{entry}.md").exists() or (source / f"{entry}.ipynb").exists()
    assert not list(source.rglob("*.py")) and "@@" not in (source / "intro.md").read_text()
    for text in source.glob("*.md"):
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", text.read_text(encoding="utf-8")):
            named = source / target
            assert named.exists() or named.with_suffix(".ipynb").exists(), f"{text.name}: {target}"
    assert (source / "static" / "no_math.js").exists()
    assert "mathjax_path: no_math.js\n" in (source / "_config.yml").read_text()
    assert "mathjax_path: mathjax/tex-svg.js\n" in build.settings(True)


def test_mathjax_is_checked_and_may_be_missing(build, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    assert build.mathjax(tmp_path) is None
    assert "npm is not installed, so MathJax cannot be fetched" in capsys.readouterr().out
    script = tmp_path / "node_modules" / "mathjax" / "es5" / "tex-svg.js"
    script.parent.mkdir(parents=True)
    script.write_text("alert(1)", encoding="utf-8")
    with pytest.raises(ValueError, match="is not MathJax 3.2.2; remove"):
        build.mathjax(tmp_path)


def test_a_failing_npm_is_named(build, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build.shutil, "which", lambda name: "npm")
    failed = subprocess.CompletedProcess([], 1, "", "npm error network\nnpm error offline")
    monkeypatch.setattr(build.subprocess, "run", lambda *args, **kwargs: failed)
    assert build.mathjax(tmp_path) is None
    assert "npm could not fetch MathJax (npm error offline)" in capsys.readouterr().out


def test_no_page_loads_anything_from_elsewhere(site):
    loads = {(path.name, load) for path, reader in site.items() for load in reader.loads}
    assert [one for one in loads if re.match(r"(https?:)?//", one[1])] == []


def test_every_link_inside_the_site_leads_somewhere(site):
    missing = []
    for path, reader in site.items():
        for link in {*reader.links, *reader.loads}:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or not parts.path:
                continue
            if not (path.parent / unquote(parts.path)).resolve().exists():
                missing.append(f"{path.relative_to(SITE)}: {link}")
    assert missing == []


def test_formulas_have_their_script(site):
    scripts = [load for reader in site.values() for load in reader.loads if "mathjax" in load]
    assert any(path.name == "notation.html" for path in site)
    if scripts:
        assert (SITE / "_static" / "mathjax" / "tex-svg.js").exists()
    else:
        assert any("no_math.js" in load for reader in site.values() for load in reader.loads)
