"""The code a chapter explains, shown from its one place."""

import ast
import functools
import inspect
import linecache
import textwrap
from dataclasses import dataclass
from pathlib import Path
from types import MethodType
from typing import Any

from arlearn import home


@dataclass(frozen=True)
class Source:
    """A piece of code and where it stands; notebooks show it highlighted.

    Attributes:
        code: the source text, not indented.
        place: file and line, `arlearn/papers/var.py:88`.
    """

    code: str
    place: str

    def __repr__(self) -> str:
        return f"{self.code}\n\n{self.place}"

    def _repr_markdown_(self) -> str:
        # GitHub, JupyterLab and the book highlight fenced Markdown in the reader's own theme
        return f"```python\n{self.code}\n```\n\n`{self.place}`"


def source(obj: Any, *, docstring: bool = True) -> Source:
    """The source of a function, method, property or class, with its file and line.

    Args:
        docstring: False leaves docstrings out, where the chapter's text says the same.

    Raises:
        TypeError: the object is an instance, a module, or written in C.
    """
    found = _behind(obj)
    if not inspect.isclass(found) and not inspect.isfunction(found):
        raise TypeError(f"source() takes a function or class written in Python, not {_named(obj)}")
    try:
        text, line = inspect.getsourcelines(found)
        file = inspect.getsourcefile(found)
    except (OSError, TypeError) as error:
        raise TypeError(f"{_named(obj)} has no Python source to show") from error
    code = textwrap.dedent("".join(text)).rstrip()
    return Source(code if docstring else _undocumented(code), f"{_short(file)}:{line}")


def _behind(obj: Any) -> Any:
    """The function or class under properties, partials, bound methods and decorators."""
    if isinstance(obj, property):
        obj = obj.fget
    elif isinstance(obj, functools.cached_property | functools.partial):
        obj = obj.func
    elif isinstance(obj, MethodType):
        obj = obj.__func__
    return inspect.unwrap(obj) if callable(obj) else obj


def _named(obj: Any) -> str:
    if inspect.isclass(obj) or inspect.isroutine(obj):
        return f"{obj.__qualname__}, which is built in" if _is_c(obj) else obj.__qualname__
    if inspect.ismodule(obj):
        return f"the module {obj.__name__}"
    return f"an object of {type(obj).__name__}; pass source({type(obj).__name__})"


def _is_c(obj: Any) -> bool:
    return inspect.isbuiltin(obj) or getattr(obj, "__module__", "") == "builtins"


def _short(file: str | None) -> str:
    """A path within the repository; elsewhere the file's name, so that no folder of ours leaks."""
    if file is None or (file in linecache.cache and not Path(file).exists()):
        return "this notebook"
    path = Path(file).resolve()
    if path.is_relative_to(home.PACKAGE.parent):
        return path.relative_to(home.PACKAGE.parent).as_posix()
    return path.name


def _undocumented(code: str) -> str:
    """The code without the lines of its docstrings (a body that is nothing else keeps its own)."""
    lines, dropped = code.splitlines(), set()
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is None or len(node.body) < 2:
            continue
        first = node.body[0]
        dropped.update(range(first.lineno - 1, first.end_lineno))
        if not lines[first.end_lineno].strip():  # the blank line that set the docstring apart
            dropped.add(first.end_lineno)
    return "\n".join(line for i, line in enumerate(lines) if i not in dropped)
