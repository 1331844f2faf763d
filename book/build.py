"""Build the book: `python book/build.py` writes the site to book/_build/html.

The pages are put together in book/_build/source, which mirrors the repository: the texts of this
folder, pages made from the catalog, the results and the data cards, and the notebooks of the
chapters with the outputs they have. jupyter-book then turns them into a site that asks nothing of
any other machine when it is read.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path

BOOK = Path(__file__).resolve().parent
ROOT = BOOK.parent
sys.path[:0] = [str(ROOT), str(BOOK)]

import data_pages  # noqa: E402
import front  # noqa: E402
import pages  # noqa: E402
import reference  # noqa: E402
import samplers  # noqa: E402
import speed  # noqa: E402

from arlearn import catalog  # noqa: E402
from arlearn.catalog import Lesson, Paper  # noqa: E402
from arlearn.data import cards  # noqa: E402

BUILT = BOOK / "_build"
# The pages before the chapters, by what a reader looks for.
FRONT = {
    "Find your way": ("map", "paths", "order"),
    "How to choose": ("choose_plan", "choose_head", "choose_sampler"),
    "What holds": ("ledger", "samplers", "status", "errata", "bench"),
    "Look it up": ("data", "notation", "reference"),
}
# Where the repository lies on GitHub, "owner/name", for links to Colab and Binder.
REPOSITORY = os.environ.get("ARLEARN_REPOSITORY", "")
MATHJAX = "3.2.2"
# Of es5/tex-svg.js, which is the whole of MathJax for us: its formulas need no fonts.
MATHJAX_SHA256 = "d4295dc33744836935c1399feece5159577b34c5c8ffb9f1c6324cd82e03a882"


def main() -> int:
    """Put the pages together, build the site, and say where it is; the exit status."""
    if importlib.util.find_spec("jupyter_book") is None:
        print("jupyter-book is not installed; `pip install -e '.[book]' -c constraints.txt` first")
        return 1
    began = time.perf_counter()
    for made in ("source", "html", ".doctrees"):
        shutil.rmtree(BUILT / made, ignore_errors=True)
    source = assemble(BUILT / "source", mathjax(BOOK / ".npm"))
    made = len(list(source.rglob("*.md")))
    print(f"building the book: {made} pages and {len(chapters())} chapters", flush=True)
    run = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", run, "build", str(source), "-W", "-n", "-q", "--keep-going"]
    command += ["--path-output", str(BOOK)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n")
        print("the book was not built; its warnings, which count as errors, stand above")
        return done.returncode
    index = (BUILT / "html" / "index.html").relative_to(ROOT)
    print(f"the book: {index} ({time.perf_counter() - began:.0f} s)")
    return 0


def assemble(source: Path, math: Path | None) -> Path:
    """Everything the site is made of, in one folder: pages, chapters, contents, settings."""
    write(source / "intro.md", intro())
    write(source / "notation.md", (BOOK / "notation.md").read_text(encoding="utf-8"))
    for name in ("map", "order", "ledger", "errata"):
        write(source / f"{name}.md", getattr(pages, f"{name}_page")())
    write(source / "bench.md", speed.bench_page())
    write(source / "samplers.md", samplers.samplers_page())
    for name in ("paths", "status"):
        write(source / f"{name}.md", getattr(front, f"{name}_page")())
    for name in FRONT["How to choose"]:
        write(source / f"{name}.md", front.advice(name))
    for name, text in (reference.pages() | data_pages.data_pages()).items():
        write(source / f"{name}.md", text)
    for entry in chapters():
        text = front.with_launch(entry.chapter.with_suffix(".ipynb"), entry, REPOSITORY)
        write(source / f"{entry.page}.ipynb", text)
    front.hero(source / "hero.png")
    shutil.copytree(BOOK / "static", source / "static", dirs_exist_ok=True)
    if math is not None:
        for piece in ("tex-svg.js", "input/tex/extensions"):
            copy = source / "static" / "mathjax" / piece
            copy.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (math / piece).is_dir() else shutil.copyfile)(math / piece, copy)
    write(source / "_toc.yml", json.dumps(contents(), indent=1))  # JSON is YAML
    write(source / "_config.yml", settings(math is not None))
    return source


def chapters() -> list[Paper | Lesson]:
    """What has a notebook, in the order of the course; the opening part first."""
    return [entry for entry in (*catalog.lessons(), *catalog.papers()) if entry.in_book]


def contents() -> dict:
    """The table of contents: how to find one's way, the chapters by part, then everything else."""
    front = [
        {"caption": caption, "chapters": [{"file": name} for name in names]}
        for caption, names in FRONT.items()
    ]
    inside = {"data": cards.names(), "reference": chain(*reference.FLOORS.values())}
    for one in front[-1]["chapters"]:
        if one["file"] in inside:
            one["sections"] = [{"file": f"{one['file']}/{name}"} for name in inside[one["file"]]]
    parts = []
    for folder, title in catalog.FOLDERS.items():
        files = [{"file": entry.page} for entry in chapters() if entry.part == folder]
        if files:
            parts.append({"caption": title, "chapters": files})
    return {"format": "jb-book", "root": "intro", "parts": [front[0], *parts, *front[1:]]}


def settings(math: bool) -> str:
    """book/_config.yml, with the place of MathJax, or of the script that says it is missing."""
    text = (BOOK / "_config.yml").read_text(encoding="utf-8")
    path = "mathjax/tex-svg.js" if math else "no_math.js"
    return text.replace("    language: en\n", f"    language: en\n    mathjax_path: {path}\n")


def intro() -> str:
    """The landing page, with how far the course is."""
    papers, written = catalog.papers(), chapters()
    done = [entry for entry in written if isinstance(entry, Paper)]
    names = ", ".join(f"[{paper.short}]({paper.page})" for paper in done)
    status = f"**{len(done)} of {len(papers)} papers have their chapter so far**"
    status += f": {names}." if names else "."
    lessons = [f"[{e.title}]({e.page})" for e in written if isinstance(e, Lesson)]
    status += f" The opening part: {', '.join(lessons)}." if lessons else ""
    text = (BOOK / "intro.md").read_text(encoding="utf-8")
    return text.replace("@@papers@@", str(len(papers))).replace("@@status@@", status)


def mathjax(cache: Path) -> Path | None:
    """MathJax from its npm package, fetched once into `cache`; None where it cannot be had.

    Raises:
        ValueError: the package is not the one this book was made with.
    """
    found = cache / "node_modules" / "mathjax" / "es5"
    if not (found / "tex-svg.js").exists() and not _install(cache):
        return None
    if hashlib.sha256((found / "tex-svg.js").read_bytes()).hexdigest() != MATHJAX_SHA256:
        raise ValueError(f"{found} is not MathJax {MATHJAX}; remove {cache} and build again")
    return found


def _install(cache: Path) -> bool:
    npm = shutil.which("npm")
    instead = "formulas are shown as TeX source until a later build finds it"
    if npm is None:
        print(f"npm is not installed, so MathJax cannot be fetched; {instead}")
        return False
    cache.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--prefix", str(cache), f"mathjax@{MATHJAX}", "--ignore-scripts"]
    command += ["--no-audit", "--no-fund", "--no-save", "--loglevel=error"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        failed = done.stderr.strip().splitlines()[-1:] if done.returncode else None
    except subprocess.TimeoutExpired:
        failed = ["no answer in 120 s"]
    if failed is not None:
        print(f"npm could not fetch MathJax ({''.join(failed)}); {instead}")
    return failed is None


def write(path: Path, text: str) -> None:
    """`text` as a file, its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
