"""The reference pages of the book: every public name of the library, from its own docstring."""

import importlib
import inspect
import pkgutil
import re
from types import ModuleType

# What the pages are about, in the order of the floors; a package stands with its modules.
FLOORS = {
    "Data and plans": ("home", "plans", "trace", "data", "metrics"),
    "Networks, tokens, heads, noise": ("nets", "tokens", "heads", "corrupt"),
    "Sampling and training": ("decode", "training", "recipe", "batches", "reward", "harness"),
    "Papers": ("papers",),
    "The course": ("zoo", "catalog", "chapter", "claims", "ledger", "frontier", "show", "runner"),
}
SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Sources?|Example)s?:\s*(.*)$")


def pages() -> dict[str, str]:
    """One Markdown page per package or module of the library, by file name; `reference` first."""
    made, contents = (
        {},
        "# Reference\n\nWritten by the docstrings; shapes stand in the signatures.\n",
    )
    for floor, names in FLOORS.items():
        contents += f"\n## {floor}\n\n"
        for name in names:
            top, *inner = modules(f"arlearn.{name}")
            made[f"reference/{name}"] = page(top, inner)
            contents += f"- [arlearn.{name}](reference/{name}.md): {summary(top)}\n"
    return {"reference": contents, **made}


def modules(name: str) -> list[ModuleType]:
    """A module, and those inside it if it is a package; private ones left out."""
    module = importlib.import_module(name)
    found = [module]
    for inner in pkgutil.iter_modules(getattr(module, "__path__", [])):
        if not inner.name.startswith("_"):
            found.append(importlib.import_module(f"{name}.{inner.name}"))
    return found


def page(top: ModuleType, inner: list[ModuleType]) -> str:
    """A package's page: what it is, then each of its modules with their public names."""
    text = f"# {top.__name__}\n\n{prose(top.__doc__)}\n"
    text += "".join(entry(value, "##") for value in public(top))
    for module in inner:
        if held := public(module):
            text += f"\n## {module.__name__}\n\n{prose(module.__doc__)}\n"
            text += "".join(entry(value, "###") for value in held)
    return text


def public(module: ModuleType) -> list[object]:
    """The classes and functions a module defines, in the order of its source."""
    held = [
        value
        for name, value in vars(module).items()
        if not name.startswith("_") and (inspect.isclass(value) or inspect.isfunction(value))
        if value.__module__ == module.__name__
    ]
    return sorted(held, key=lambda value: inspect.getsourcelines(value)[1])


def entry(value: object, level: str, owner: str = "") -> str:
    """A name with its signature and docstring; of a class, its public methods below it."""
    name = f"{owner}{value.__name__}"
    kind = "class " if inspect.isclass(value) else ""
    text = f"\n{level} {name}\n\n```python\n{kind}{signature(value, name)}\n```\n\n"
    text += prose(inspect.getdoc(value)) + "\n"
    if inspect.isclass(value):
        for method in vars(value).values():
            method = getattr(method, "__func__", method)
            shown = inspect.isfunction(method) and not method.__name__.startswith("_")
            if shown and inspect.getdoc(method):
                text += entry(method, level + "#", f"{value.__name__}.")
    return text


def signature(value: object, name: str) -> str:
    """The signature as it reads in the source, one argument a line where it is long."""
    try:
        given = inspect.signature(value)
    except (TypeError, ValueError):
        return name
    said = [_argument(one) for one in given.parameters.values() if one.name not in ("self", "cls")]
    keyword = [one.kind for one in given.parameters.values() if one.name not in ("self", "cls")]
    if (
        inspect.Parameter.KEYWORD_ONLY in keyword
        and inspect.Parameter.VAR_POSITIONAL not in keyword
    ):
        said.insert(keyword.index(inspect.Parameter.KEYWORD_ONLY), "*")
    back = given.return_annotation
    arrow = (
        "" if back is inspect.Signature.empty or inspect.isclass(value) else f" -> {_type(back)}"
    )
    line = f"{name}({', '.join(said)}){arrow}"
    if len(line) <= 88:
        return line
    return f"{name}(\n" + "".join(f"    {one},\n" for one in said) + f"){arrow}"


def _argument(one: inspect.Parameter) -> str:
    star = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
    kind = "" if one.annotation is one.empty else f": {_type(one.annotation)}"
    if one.default is one.empty:
        return f"{star}{one.name}{kind}"
    value = re.sub(r" at 0x[0-9a-f]+", "", repr(one.default))
    return f"{star}{one.name}{kind}{' = ' if kind else '='}{value}"


def _type(annotation: object) -> str:
    """A type as a reader writes it: `Float[Tensor, "b t d"]`, `int | None`."""
    if isinstance(annotation, str):
        return annotation
    shaped = getattr(annotation, "dim_str", None)
    if shaped is not None:
        dtype = annotation.__name__.partition("[")[0]
        return f'{dtype}[{annotation.array_type.__name__}, "{shaped}"]'
    inner = getattr(annotation, "__args__", None)
    if inner and type(annotation).__name__ in ("UnionType", "_UnionGenericAlias", "Union"):
        return " | ".join(map(_type, inner))
    text = inspect.formatannotation(annotation)
    return re.sub(r"\b(?:[a-z_]\w*\.)+(?=[A-Za-z])", "", text).replace("NoneType", "None")


def prose(text: str | None) -> str:
    """A docstring as Markdown: its sections as lists, everything else as it stands."""
    lines, made, section = inspect.cleandoc(text or "").splitlines(), [], ""
    for line in lines:
        head = SECTION.match(line)
        if head:
            section = head[1]
            made += ["", f"*{line.partition(':')[0]}* {_safe(head[2])}".rstrip(), ""]
        elif section and line.startswith("    ") and not line.startswith("     "):
            name, colon, what = line.strip().partition(": ")
            known = colon and re.fullmatch(r"[\w*., ]+", name)
            made.append(f"- `{name}`: {_safe(what)}" if known else f"  {_safe(line.strip())}")
        else:
            section = section if line.startswith(" ") else ""
            made.append(_safe(line if not section else f"  {line.strip()}"))
    return "\n".join(made).strip()


def _safe(line: str) -> str:
    """The line, with nothing outside backticks that Markdown would take for its own."""
    parts = re.split(r"(`[^`]*`)", line)
    plain = re.compile(r"([\\*_$<>\[\]{}|])")
    return "".join(p if p.startswith("`") else plain.sub(r"\\\1", p) for p in parts)


def summary(module: ModuleType) -> str:
    """The first sentence of a module."""
    first = " ".join(inspect.cleandoc(module.__doc__ or "").split("\n\n")[0].split())
    return _safe(first)
