"""The exercises as their chapters publish them: what is asked, the stub, and one solution."""

import ast
import difflib
import pkgutil
import re
from dataclasses import dataclass
from pathlib import Path

import arlearn.exercises
from arlearn import catalog
from arlearn.runner import pair

TAGS = re.compile(r"tags=\[(.*?)\]")
MODULE = re.compile(r"ex(\d\d)|ex_([a-z0-9_]+)")


@dataclass(frozen=True)
class Exercise:
    """One exercise of a chapter.

    Attributes:
        name: what `arlearn.check` calls it, "18.1" or "map.1".
        chapter: the source it stands in.
        text: what is asked, as Markdown.
        imports: the chapter's import statements that stub and solution need, one a line.
        stub, solution: the cells, each with its call of `arlearn.check`.
    """

    name: str
    chapter: Path
    text: str
    imports: str
    stub: str
    solution: str


def names() -> list[str]:
    """All exercises that have a checker, `["18.1", "18.2", …, "decoding.1", …]`."""
    found = []
    for module in pkgutil.iter_modules(arlearn.exercises.__path__):
        if chapter := MODULE.fullmatch(module.name):
            file = Path(module.module_finder.path) / f"{module.name}.py"
            checkers = re.findall(r"^def check_(\d+)\(", file.read_text(encoding="utf-8"), re.M)
            prefix = chapter[2] or str(int(chapter[1]))
            found += [f"{prefix}.{number}" for number in sorted(map(int, checkers))]
    return found


def module_of(exercise: str) -> str:
    """The module that holds an exercise's checker: `arlearn.exercises.ex18` for "18.1".

    Raises:
        ValueError: there is no such exercise; the nearest one is named.
    """
    there = names()
    if exercise in there:
        chapter = exercise.partition(".")[0]
        file = f"ex{int(chapter):02d}" if chapter.isdecimal() else f"ex_{chapter}"
        return f"arlearn.exercises.{file}"
    asked, _, number = exercise.partition(".")
    near = [f"{prefix(paper)}.{number}" for paper in catalog.papers() if paper.slug == asked]
    near = [name for name in near if name in there]
    near = near or difflib.get_close_matches(exercise, there, n=3, cutoff=0.5)
    if near:
        raise ValueError(f"no exercise {exercise!r}; did you mean {' or '.join(near)}?")
    raise ValueError(f"no exercise {exercise!r}; there are {', '.join(there) or 'none yet'}")


def prefix(entry: catalog.Paper | catalog.Lesson) -> str:
    """What the names of a chapter's exercises begin with: "18" for a paper, "map" for a lesson."""
    return entry.slug if isinstance(entry, catalog.Lesson) else str(entry.number)


def find(exercise: str) -> Exercise:
    """The exercise of this name, read from its chapter.

    Raises:
        ValueError: there is no such exercise, or its chapter does not hold it.
        FileNotFoundError: its chapter is not written.
    """
    module_of(exercise)
    for entry in (*catalog.lessons(), *catalog.papers()):
        if prefix(entry) == exercise.partition(".")[0]:
            if entry.chapter is None:
                raise FileNotFoundError(f"the chapter of exercise {exercise} is not written yet")
            for found in read(entry.chapter):
                if found.name == exercise:
                    return found
            raise ValueError(f"{entry.chapter.name} holds no exercise {exercise}")
    raise ValueError(f"exercise {exercise} belongs to no chapter of the catalog")


def read(py: Path) -> list[Exercise]:
    """The exercises of a chapter, in order: each `exercise` cell with the `solution` cell behind.

    Raises:
        ValueError: a cell is not Python, has no single `arlearn.check("NAME", …)`, or stands alone.
    """
    imports: dict[str, str] = {}
    prose: list[str] = []
    found: list[Exercise] = []
    stub = ""
    for kind, tags, text in cells(py.read_text(encoding="utf-8")):
        if kind == "prose":
            prose.append(text)
        elif "exercise" in tags:
            _paired(py, not stub, stub or text)
            stub = text
        elif "solution" in tags:
            name = _paired(py, bool(stub), text)
            _paired(py, parts(stub)[0] == name, stub)
            needed = _needed(imports, stub, text)
            found.append(Exercise(name, py, _asked(prose), needed, stub, text))
            prose, stub = [], ""
        else:
            imports |= _imports(text)
            prose = []
    _paired(py, not stub, stub)
    return found


def cells(source: str) -> list[tuple[str, list[str], str]]:
    """The cells of a py:percent text: "code" or "prose", their tags, their text."""
    found = []
    for mark, (kind, text) in zip(pair.CELL.finditer(source), pair.cells(source), strict=True):
        tags = TAGS.search(mark["marker"])
        found.append((kind, re.findall(r'"([\w-]+)"', tags[1]) if tags else [], text))
    return found


def parts(cell: str) -> tuple[str, list[ast.stmt], ast.expr]:
    """The call of `arlearn.check` in a cell: (name, statements before the call, answer).

    Raises:
        ValueError: the cell is not Python, or does not call it exactly once.
    """
    try:
        body = ast.parse(cell).body
    except SyntaxError as error:
        raise ValueError(f"the cell that begins {_first(cell)!r} is not Python: {error}") from error
    calls = [i for i, node in enumerate(body) if _is_check(node)]
    if len(calls) != 1:
        raise ValueError(
            f"the cell that begins {_first(cell)!r} calls arlearn.check(NAME, ANSWER) "
            f"{len(calls)} times; an exercise or a solution calls it once"
        )
    name, answer = body[calls[0]].value.args
    return name.value, body[: calls[0]], answer


def _is_check(node: ast.stmt) -> bool:
    """Is this statement `arlearn.check("NAME", ANSWER)`?"""
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return False
    called, given = ast.unparse(node.value.func), node.value.args
    return called == "arlearn.check" and len(given) == 2 and isinstance(given[0], ast.Constant)


def _paired(py: Path, holds: bool, cell: str) -> str:
    """The exercise of a cell, if exercise and solution follow each other there."""
    try:
        name = parts(cell)[0] if cell else ""
    except ValueError as error:
        raise ValueError(f"{py.name}: {error}") from error
    if not holds:
        raise ValueError(f"{py.name}: {name} is not one exercise cell and its solution behind it")
    return name


def _first(cell: str) -> str:
    return cell.strip().partition("\n")[0]


def _asked(prose: list[str]) -> str:
    """Prose cells as Markdown, from the last heading of a section on, without comment signs."""
    lines = [re.sub(r"^# ?", "", line) for line in "\n\n".join(prose).splitlines()]
    headings = [i for i, line in enumerate(lines) if line.startswith("## ")]
    return "\n".join(lines[headings[-1] + 1 if headings else 0 :]).strip()


def _imports(cell: str) -> dict[str, str]:
    """What a cell imports, by the name it gets: `{"rearrange": "from einops import rearrange"}`."""
    found = {}
    for node in ast.parse(cell).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                given = alias.asname or alias.name.partition(".")[0]
                one = ast.Import([alias])
                if isinstance(node, ast.ImportFrom):
                    one = ast.ImportFrom(node.module, [alias], node.level)
                found[given] = ast.unparse(one)
    return found


def _needed(imports: dict[str, str], stub: str, solution: str) -> str:
    """The imports whose names the stub, or the solution up to its check, uses; torch in any case,
    since the reader may well take another way."""
    _, before, answer = parts(solution)
    trees = [ast.parse(stub), *before, answer]
    used = {node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}
    used |= {"arlearn", "torch"}
    return "\n".join(sorted(line for name, line in imports.items() if name in used))
