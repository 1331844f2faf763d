"""Build the book: `python book/build.py` writes the site to book/_build/html.

The pages are put together in book/_build/source, which mirrors the repository: the texts of this
folder, pages made from the catalog, the results and the data cards, and the notebooks of the
chapters with the outputs they have. jupyter-book then turns them into a site that asks nothing of
any other machine when it is read.
"""

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

BOOK = Path(__file__).resolve().parent
ROOT = BOOK.parent
sys.path[:0] = [str(ROOT), str(BOOK)]

import pages  # noqa: E402

from arlearn import catalog  # noqa: E402

BUILT = BOOK / "_build"
FRONT = ("map", "order", "ledger", "data", "errata", "notation")
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
    chapters = len(list(source.glob("chapters/*/*.ipynb")))
    print(f"building the book: {len(FRONT) + 1} pages and {chapters} chapters", flush=True)
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
    for name in ("map", "order", "ledger", "data", "errata"):
        write(source / f"{name}.md", getattr(pages, f"{name}_page")())
    for notebook in notebooks():
        copy = source / notebook.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(notebook, copy)
    shutil.copytree(BOOK / "static", source / "static", dirs_exist_ok=True)
    if math is not None:
        for piece in ("tex-svg.js", "input/tex/extensions"):
            copy = source / "static" / "mathjax" / piece
            copy.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (math / piece).is_dir() else shutil.copyfile)(math / piece, copy)
    write(source / "_toc.yml", json.dumps(contents(), indent=1))  # JSON is YAML
    write(source / "_config.yml", settings(math is not None))
    return source


def notebooks() -> list[Path]:
    """The chapters that have a notebook, in the order of the course; the opening part first."""
    entries = (*catalog.lessons(), *catalog.papers())
    return [entry.chapter.with_suffix(".ipynb") for entry in entries if entry.in_book]


def contents() -> dict:
    """The table of contents: the front pages, then one part per folder that has chapters."""
    parts = [{"caption": "The course", "chapters": [{"file": name} for name in FRONT]}]
    for folder, title in catalog.FOLDERS.items():
        held = [book for book in notebooks() if book.parent.name == folder]
        files = [{"file": str(book.relative_to(ROOT).with_suffix(""))} for book in held]
        if files:
            parts.append({"caption": title, "chapters": files})
    return {"format": "jb-book", "root": "intro", "parts": parts}


def settings(math: bool) -> str:
    """book/_config.yml, with the place of MathJax, or of the script that says it is missing."""
    text = (BOOK / "_config.yml").read_text(encoding="utf-8")
    path = "mathjax/tex-svg.js" if math else "no_math.js"
    return text.replace("    language: en\n", f"    language: en\n    mathjax_path: {path}\n")


def intro() -> str:
    """The landing page, with how far the course is."""
    papers = catalog.papers()
    done = [paper for paper in papers if paper.in_book]
    names = ", ".join(f"[{paper.short}]({paper.page})" for paper in done)
    status = f"**{len(done)} of {len(papers)} chapters are written so far**"
    status += f": {names}." if names else "."
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
