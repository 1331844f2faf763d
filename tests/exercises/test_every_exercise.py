"""Every exercise of every chapter: its solution is right, its stub a hint, one mistake is found.

The cells are taken from the chapters. Of a chapter only its imports are executed, then a cell up to
its `arlearn.check`; so an exercise stands on imports alone, as in the copy that a reader gets.
"""

import ast
import importlib
import re
import sys
from pathlib import Path

import pytest

import arlearn.exercises
from arlearn import catalog, home, runner
from arlearn.exercises import published
from arlearn.show.exercises import WrongAnswer, check

CHAPTERS = runner.chapters()
WORDS = 5  # what a hint, or a sentence about a mistake, has at least


def faults(py: Path) -> list[str]:
    """What keeps a chapter's exercises from being tried, solved and checked by a reader."""
    try:
        found = published.read(py)
    except ValueError as error:
        return [str(error)]
    own = published.prefix(catalog.chapter(runner.slug(py)))
    checkers = [name for name in published.names() if name.partition(".")[0] == own]
    if not checkers:
        return [f"{py.name} has no checkers; write arlearn/exercises/ex_{own}.py"]
    if checkers != [exercise.name for exercise in found]:
        named = [exercise.name for exercise in found]
        return [f"{py.name} has the exercises {named}, and checkers for {checkers}"]
    return [fault for exercise in found for fault in faults_of(exercise)]


def faults_of(exercise: published.Exercise) -> list[str]:
    """What is wrong with one exercise: with its stub, its solution, and its planted mistake."""
    module = importlib.import_module(published.module_of(exercise.name))
    number = int(exercise.name.partition(".")[2])
    planted = getattr(module, "WRONG", {})
    found = [
        stub_fault(attempt(exercise, exercise.stub)),
        solution_fault(attempt(exercise, exercise.solution)),
        mistake_fault(attempt(exercise, answer=planted[number]))
        if number in planted
        else f"no mistake is planted; add WRONG = {{{number}: lambda …}} to {module.__name__}",
    ]
    return [f"{exercise.name}: {fault}" for fault in found if fault]


def attempt(exercise: published.Exercise, cell: str = "", answer=None) -> str:
    """What `check` says to the answer of a cell, or to the one given; an error as its sentence."""
    try:
        if cell:
            _, before, given = published.parts(cell)
            names: dict = {}
            exec(exercise.imports, names)
            exec(compile(ast.Module(before, []), exercise.chapter.name, "exec"), names)
            answer = eval(compile(ast.Expression(given), "the answer", "eval"), names)
        return check(exercise.name, answer).sentence
    except NameError as error:
        return f"{error}, which imports of the chapter do not bring; an exercise stands on those"
    except WrongAnswer as error:
        return str(error)


def stub_fault(said: str) -> str:
    if ": not tried yet. " not in said:
        return f"the stub is to raise NotImplementedError; it said {said!r}"
    return "" if words(said, "not tried yet.") >= WORDS else f"its hint helps nobody: {said!r}"


def solution_fault(said: str) -> str:
    return "" if said.endswith(": right.") else f"the solution is not right: {said!r}"


def mistake_fault(said: str) -> str:
    if ": not right yet. " not in said:
        return f"the planted mistake was not found by its checker: {said!r}"
    return "" if words(said, "not right yet.") >= WORDS else f"says too little: {said!r}"


def words(said: str, after: str) -> int:
    """How many words follow a phrase."""
    return len(said.partition(after)[2].split())


@pytest.mark.parametrize("py", CHAPTERS, ids=lambda py: py.stem)
def test_the_exercises_of_a_chapter(py):
    found = faults(py)
    assert not found, "\n".join([f"{py.name}:", *found])


def test_every_checker_belongs_to_a_chapter():
    in_chapters = [exercise.name for py in CHAPTERS for exercise in published.read(py)]
    alone = set(published.names()) - set(in_chapters)
    assert not alone, f"no chapter publishes {sorted(alone)}"


CHECKERS = '''
"""Checkers of a toy."""

def check_1(answer):
    """A double."""
    found = answer(4)
    return None if found == 8 else f"twice four is eight, and you said {found}."

WRONG = {1: lambda number: number}
'''

TOY = """\
# %%
from math import prod
import torch as t, sys

import arlearn

# %% tags=["parameters"]
far = 1 / 0

# %% [markdown]
# ## Exercises
#
# **99.1** (a minute) Double a number.


# %% tags=["exercise"]
def double(number):
    raise NotImplementedError("How often does it stand in its double?")


arlearn.check("99.1", double)


# %% tags=["solution", "hide-input"]
def double(number):
    return prod([2, number])


arlearn.check("99.1", double)
print(far)
"""


@pytest.fixture
def toy(tmp_path, monkeypatch) -> Path:
    """A chapter 99 with one exercise, which the catalog knows."""
    (tmp_path / "ex99.py").write_text(CHECKERS)
    py = tmp_path / "99_toy.py"
    py.write_text(TOY)
    monkeypatch.setattr(arlearn.exercises, "__path__", [str(tmp_path)])
    lesson = catalog.lessons()[0]
    monkeypatch.setattr(catalog, "chapter", lambda slug: {"toy": lesson}[slug])
    monkeypatch.setattr(published, "prefix", lambda entry: "99")
    importlib.invalidate_caches()
    yield py
    sys.modules.pop("arlearn.exercises.ex99", None)
    vars(arlearn.exercises).pop("ex99", None)


def test_a_good_exercise_has_no_faults_and_is_read_whole(toy):
    assert faults(toy) == []
    (found,) = published.read(toy)
    assert found.name == "99.1" and found.chapter == toy
    assert found.text == "**99.1** (a minute) Double a number."
    assert found.imports.splitlines() == ["from math import prod", "import arlearn"]
    assert found.stub.startswith("def double") and found.solution.endswith("print(far)")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("prod([2, number])", "prod([3, number])", "the solution is not right: .* you said 12"),
        ("prod([2, number])", "far * number", "name 'far' is not defined"),
        ("prod([2, number])", "prod([0, number]) or 1 / 0", "failed with ZeroDivisionError"),
        ("def double(number):\n    return prod", "double = far\nprod", "imports of the chapter"),
        ("raise NotImplementedError", "return str", "the stub is to raise NotImplementedError"),
        ("How often does it stand in its double?", "Try.", "its hint helps nobody"),
        ('# %% tags=["solution", "hide-input"]', "# %%", "99.1 is not one exercise cell and"),
        ('# %% tags=["exercise"]', "# %%", "99.1 is not one exercise cell and"),
        ('check("99.1", double)\n\n\n', 'check("99.2", double)\n\n\n', "99.2 is not one"),
        ('"99.1"', '"99.2"', r"has the exercises \['99.2'\], and checkers for \['99.1'\]"),
        ("arlearn.check", "check", "'def double.number.:' calls arlearn.check.* 0 times"),
        ("print(far)", 'arlearn.check("99.1", double)', "2 times; an exercise or a solution"),
        ("print(far)", "%time", "is not Python: invalid syntax"),
    ],
)
def test_each_fault_of_a_chapter_is_found(toy, old, new, fault):
    toy.write_text(TOY.replace(old, new))
    assert new in toy.read_text()
    (found,) = faults(toy)
    assert re.search(fault, found), found


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("WRONG = {1:", "WRONG = {2:", "no mistake is planted; add WRONG = {1: lambda …} to arl"),
        ("WRONG = {", "MISTAKES = {", "no mistake is planted"),
        ("number: number}", "number: 2 * number}", "was not found by its checker: '99.1: right.'"),
        ("number: number}", "number: 1 / 0}", "was not found by its checker: '99.1: the answer f"),
        ("twice four is eight, and you said {found}", "no", "says too little"),
        ("def check_1(", "def test_1(", "99_toy.py has no checkers"),
    ],
)
def test_each_fault_of_a_checker_is_found(toy, old, new, fault):
    (toy.parent / "ex99.py").write_text(CHECKERS.replace(old, new))
    (found,) = faults(toy)
    assert fault in found


def test_an_exercise_is_found_by_its_name():
    found = published.find("18.2")
    assert found.chapter == home.root() / "chapters" / "03_next_x" / "18_var.py"
    assert found.text.startswith("**18.2** (ten minutes) Write VAR's guidance.")


@pytest.mark.parametrize(
    ("wrong", "near"), [("18.9", "18.3"), ("var.1", "18.1"), ("decodin.2", "decoding.2")]
)
def test_an_unknown_exercise_gets_the_nearest_name(wrong, near):
    with pytest.raises(ValueError, match=f"no exercise '{wrong}'; did you mean .*{near}"):
        published.find(wrong)
