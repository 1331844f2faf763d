"""The book's pages for a reader who begins: paths, status, advice, the landing page, run notes."""

import json
import platform
import tomllib
from html import escape
from pathlib import Path
from typing import Any

import pages

from arlearn import catalog, home
from arlearn.catalog import Lesson, Paper

BOOK = Path(__file__).resolve().parent
SHOWN = ("torch", "numpy", "scipy", "scikit-learn", "matplotlib", "jupyterlab", "jupyter-book")


def entries() -> dict[str, Paper | Lesson]:
    """All chapters by slug, the opening part first."""
    return {entry.slug: entry for entry in (*catalog.lessons(), *catalog.papers())}


def paths() -> list[dict[str, Any]]:
    """The reading paths of paths.toml, each with its `slugs`: goals behind what they stand on.

    Raises:
        LookupError: a path names a chapter that the catalog does not have.
        ValueError: prerequisites go round in a circle.
    """
    told = tomllib.loads((BOOK / "paths.toml").read_text(encoding="utf-8"))["path"]
    for path in told:
        slugs: list[str] = []
        for slug in (*path["lessons"], *path["goals"]):
            _with_what_it_needs(slug, slugs, ())
        path["slugs"] = slugs
    return told


def _with_what_it_needs(slug: str, found: list[str], asking: tuple[str, ...]) -> None:
    """Append a slug to `found`, behind everything that is read before it."""
    if slug in asking:
        raise ValueError(f"what is read before {slug} goes round: {' -> '.join((*asking, slug))}")
    if slug in found:
        return
    entry = catalog.chapter(slug)
    before = entry.after if isinstance(entry, Lesson) else entry.prerequisites
    for other in before:
        _with_what_it_needs(other, found, (*asking, slug))
    found.append(slug)


def paths_page() -> str:
    """One list per kind of reader, in an order in which everything needed comes first."""
    known = entries()
    text = f"""\
{pages.WIDE}# Reading paths

Five ways through the course. Each list is complete: what a chapter needs stands above it, and the
opening part begins it. A chapter takes an evening; a name without a link is still to come.
"""
    for path in paths():
        body = ""
        for number, slug in enumerate(path["slugs"], 1):
            entry = known[slug]
            goal = (
                "" if slug in (*path["goals"], *path["lessons"]) else "<small>needed below</small>"
            )
            body += (
                f'<tr><th scope="row">{number} · {pages.link(entry, entry.short)}{goal}</th>'
                f'<td data-label="says">{escape(entry.claim)}</td></tr>\n'
            )
        table = pages.rows(("chapter", "says"), body)
        text += f"\n## {path['name']}\n\n{path['who']}\n\n{pages.raw(table)}"
    return text


def status_page() -> str:
    """What runs with which versions, and the seconds and megabytes each chapter takes."""
    pins = dict(
        line.split("==")
        for line in (home.root() / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line and not line.startswith("#")
    )
    versions = ", ".join(f"{name} {pins[name].split()[0]}" for name in SHOWN if name in pins)
    body = ""
    for slug, entry in entries().items():
        rows = {tier: catalog.result(slug, tier) for tier in ("cpu", "gpu")}
        if not entry.in_book and not any(rows.values()):
            continue
        cells = "".join(_run(rows[tier], tier) for tier in ("cpu", "gpu"))
        size = entry.chapter.with_suffix(".ipynb").stat().st_size / 1000
        body += (
            f'<tr><th scope="row" data-key="{escape(entry.short)}">'
            f"{pages.link(entry, entry.short)}</th>{cells}"
            f'<td class="number" data-label="notebook" data-key="{size:.0f}">{size:.0f} KB</td>'
            "</tr>\n"
        )
    table = pages.rows(
        ("chapter", "cpu tier", "memory", "gpu tier", "memory", "notebook"), body, sort=True
    )
    return f"""\
{pages.WIDE}# Status

Whole runs, imports and training included, as recorded when the chapter's outputs were saved. The
tests execute every chapter at the smoke tier, and continuous integration a changing sample of them
at the cpu tier with its claims asserted.

{pages.raw(table)}

Python {platform.python_version()} built this page; any from 3.11 runs the course. Pinned:
{versions}; `constraints.txt` has every version.
"""


def _run(row: dict[str, Any] | None, tier: str) -> str:
    if row is None:
        return '<td class="nothing" data-key="~">–</td>' * 2
    where, seconds, peak = escape(row["device"]), row["seconds"], row["peak_mb"]
    return (
        f'<td class="number" data-label="{tier} tier" data-key="{seconds:.0f}">{seconds:.0f} s'
        f"<small>{where}, torch {escape(row['versions']['torch'])}</small></td>"
        f'<td class="number" data-label="memory" data-key="{peak}">{peak:,} MB</td>'
    )


def advice(name: str) -> str:
    """A page of advice (choose_plan.md, …), with links to chapters by slug: `[text](@var@)`."""
    text = (BOOK / f"{name}.md").read_text(encoding="utf-8")
    for slug, entry in entries().items():
        page = f"{entry.page}.ipynb" if entry.in_book else "order.md"
        text = text.replace(f"(@{slug}@)", f"({page})")
    return text


def launch(entry: Paper | Lesson, repository: str) -> str:
    """How to run a chapter: on this machine, in a container, at Colab or Binder; what it takes.

    `repository` is "owner/name" on GitHub; without it the notes say what to upload.
    """
    taken = [
        f"{row['seconds']:.0f} s at the {tier} tier ({row['device']})"
        for tier in ("cpu", "gpu")
        if (row := catalog.result(entry.slug, tier))
    ]
    file = f"{entry.page}.ipynb"
    if repository:
        colab = f"[Colab](https://colab.research.google.com/github/{repository}/blob/main/{file})"
        binder = f"[Binder](https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/{file})"
        install = f"`!pip install git+https://github.com/{repository}`"
        away = f"{colab} (first cell: {install}), {binder}"
    else:
        away = f"at Colab or Binder, with `{file}` of the repository"
    return (
        ":::{dropdown} Run this chapter\n"
        f"- here: `arlearn run {entry.slug}`, or `make lab` and open `{file}`\n"
        "- in a container: `docker build -t arlearn . && docker run -p 8888:8888 arlearn`, "
        "or open the repository as a dev container\n"
        f"- elsewhere: {away}\n"
        f"- it takes: {'; '.join(taken) or 'not measured yet'}\n"
        ":::\n"
    )


def with_launch(notebook: Path, entry: Paper | Lesson, repository: str) -> str:
    """A notebook's text as the book shows it: the launch note behind its title, links to pages."""
    told = json.loads(notebook.read_text(encoding="utf-8"))
    first = told["cells"][0]
    source = "".join(first["source"])
    first["source"] = f"{source.rstrip()}\n\n{launch(entry, repository)}"
    # links inside HTML outputs (the periodic table), which Sphinx does not turn
    return json.dumps(told, ensure_ascii=False).replace('.ipynb\\">', '.html\\">')


def hero(path: Path) -> None:
    """The landing page's picture: the zoo's next-scale model drawing, one row per scale."""
    import torch

    from arlearn import decode, show, zoo
    from arlearn.heads.law import Law

    model, tokens = zoo.load("scenes16-var"), zoo.load("scenes16-multiscale")
    labels = torch.arange(0, 24, 2)
    dice = torch.Generator().manual_seed(7)
    units, trace = decode.generate(model, labels, law=Law(guidance=1.5, ramp=True), generator=dice)
    steps = range(1, trace.n_steps + 1)
    with torch.no_grad():
        rows = {f"{k}": tokens.decode(units, upto=k) for k in steps}
    with home.replacing(path) as scratch:
        scratch.write_bytes(show.compare(rows, columns=12).png)
