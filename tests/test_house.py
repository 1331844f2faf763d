"""Rules the whole library keeps, read from its source: floors, sizes, imports, words, network."""

import ast
import importlib
import inspect
import json
import pkgutil
import re
import socket
import subprocess
import sys
from pathlib import Path

import jaxtyping
import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "arlearn"
SOURCES = sorted(PACKAGE.rglob("*.py"))

# Every part of arlearn stands on a floor and imports from its own floor and those below it.
FLOORS = {
    "home": 0,
    **dict.fromkeys(["checks", "data", "metrics", "plans", "trace"], 1),
    **dict.fromkeys(["nets", "tokens", "heads", "corrupt"], 2),
    **dict.fromkeys(["decode", "training", "reward", "harness"], 3),
    **dict.fromkeys(["batches", "checkpoint", "distributed", "precision", "progress", "recipe"], 3),
    "papers": 4,
    **dict.fromkeys(["zoo", "chapter", "catalog", "claims", "frontier", "ledger", "show"], 5),
    **dict.fromkeys(["exercises", "runner", "cli"], 5),
    **dict.fromkeys(["", "__init__", "__main__"], 6),  # the package sees all, is seen by none
}
LINES, LINES_OF_A_PAPER, LINES_OF_A_FUNCTION, PARAMETERS = 250, 200, 40, 10
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
NETWORK = {"requests", "urllib", "urllib3", "http", "ftplib", "httpx", "aiohttp", "socket", "pooch"}
# What a bare machine may lack, or what would make `import arlearn` slow.
HEAVY = {
    "IPython", "anywidget", "espeakng_loader", "ipykernel", "ipywidgets", "jiwer",
    "jupyter_client", "jupyter_core", "jupytext", "matplotlib", "music21", "nbclient",
    "nbformat", "notebook", "pandas", "papermill", "pooch", "pyteomics", "sacrebleu", "scipy",
    "sklearn", "tokenizers",
}  # fmt: skip
OF_THE_CLI = {"typer", "rich"}
HOMES = re.compile(r"(?<![\w.:/-])(/(home|root|Users|work|workspace|mnt|scratch)/\w|[A-Z]:\\Users)")
TEXTS = {".py", ".md", ".toml", ".json", ".yml", ".yaml", ".ipynb", ".cfg", ".txt", ".css", ".js"}


def name_of(path: Path) -> str:
    """A path as the reader sees it, from the repository's folder."""
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a source file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def part_of(path: Path) -> str:
    """The part of arlearn a file belongs to: `nets` for arlearn/nets/cache.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.AST, path: Path):
    """(line, module) of every import, wherever it stands; relative ones made absolute."""
    package = ["arlearn", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def floor_faults(tree: ast.AST, path: Path) -> list[str]:
    """Imports of a file that point to a higher floor."""
    own, faults = FLOORS[part_of(path)], []
    for line, module in imports(tree, path):
        root, _, rest = module.partition(".")
        part = rest.partition(".")[0]
        if root == "arlearn":
            part = part if part in FLOORS else ""  # a name that arlearn/__init__.py re-exports
            if FLOORS[part] > own:
                faults.append(f"{line}: floor {own} imports {module} of floor {FLOORS[part]}")
    return faults


def function_faults(tree: ast.AST) -> list[str]:
    """Functions longer than 40 lines, from `def` to the end, their docstring not counted."""
    faults = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                lines -= node.body[0].end_lineno - node.body[0].lineno + 1
            if lines > LINES_OF_A_FUNCTION:
                faults.append(f"{node.lineno}: {node.name} has {lines} lines")
    return faults


def called(node: ast.AST) -> str:
    """The last name of `a.b.name(...)` or `name`, as decorators and calls have it."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def parameters(node: ast.ClassDef) -> int:
    """What a constructor takes, without self; a dataclass takes its fields."""
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            given = item.args
            named = len(given.posonlyargs) + len(given.args) + len(given.kwonlyargs) - 1
            return named + (given.vararg is not None) + (given.kwarg is not None)
    if "dataclass" not in map(called, node.decorator_list):
        return 0
    fields = [item for item in node.body if isinstance(item, ast.AnnAssign)]
    return sum("ClassVar" not in ast.unparse(f.annotation) and not is_derived(f) for f in fields)


def is_derived(node: ast.AnnAssign) -> bool:
    """Whether a dataclass field is left out of the constructor, `field(init=False)`."""
    words = node.value.keywords if isinstance(node.value, ast.Call) else []
    return any(word.arg == "init" and is_false(word) for word in words)


def is_false(word: ast.keyword) -> bool:
    """Whether an argument is written `name=False`."""
    return isinstance(word.value, ast.Constant) and word.value.value is False


def constructor_faults(tree: ast.AST) -> list[str]:
    """Classes whose constructor takes more than 10 parameters."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return [
        f"{node.lineno}: {node.name} takes {parameters(node)} parameters"
        for node in classes
        if parameters(node) > PARAMETERS
    ]


def docstring_faults(tree: ast.Module) -> list[str]:
    """The module, and its public functions and classes, that say nothing about themselves."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    public = [node for node in tree.body if isinstance(node, kinds) and node.name[0] != "_"]
    faults = [f"{node.lineno}: {node.name}" for node in public if not ast.get_docstring(node)]
    return faults if ast.get_docstring(tree) else ["1: the module itself", *faults]


def habit_faults(tree: ast.AST) -> list[str]:
    """Bare excepts, `global`, pickles, and randomness that no seed reaches."""
    faults = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            faults.append(f"{node.lineno}: bare except")
        elif isinstance(node, ast.Global):
            faults.append(f"{node.lineno}: global {', '.join(node.names)}")
        elif isinstance(node, ast.Attribute):
            faults += [f"{node.lineno}: {word}" for word in (forbidden_word(node),) if word]
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle" and not is_false(node):
            faults.append(f"{node.value.lineno}: allow_pickle is not False")
    return faults


def forbidden_word(node: ast.Attribute) -> str:
    """`torch.save`, `torch.load`, and numpy's global generator, as they are written."""
    word = ast.unparse(node)
    if word in ("torch.save", "torch.load"):
        return word
    drawn = re.fullmatch(r"(np|numpy)\.random\.([a-z]\w*)", word)
    return word if drawn and drawn[2] != "default_rng" else ""


def import_faults(tree: ast.AST, path: Path) -> list[str]:
    """Imports of pickles, of `random`, and of the network outside data/download.py."""
    faults = []
    for line, module in imports(tree, path):
        root = module.partition(".")[0]
        if root in PICKLES | {"random"} or module in ("torch.save", "torch.load"):
            faults.append(f"{line}: {module}")
        if root in NETWORK and name_of(path) != "arlearn/data/download.py":
            faults.append(f"{line}: {module} belongs into data/download.py")
    return faults


def told(path: Path, faults: list[str]) -> list[str]:
    """Faults with the file in front, as an editor can follow them."""
    return [f"{name_of(path)}:{fault}" for fault in faults]


def gather(rule) -> None:
    """Fail with every fault that a rule over (tree, path) finds in the package."""
    refuse([fault for path in SOURCES for fault in told(path, rule(tree_of(path), path))])


def refuse(faults: list[str]) -> None:
    """Fail with all faults, one a line."""
    assert not faults, "\n".join(["", *faults])


def modules() -> list:
    """Every module of arlearn but the command line, imported."""
    import arlearn

    names = [found.name for found in pkgutil.walk_packages(arlearn.__path__, "arlearn.")]
    shown = [name for name in names if name.rpartition(".")[2] not in ("cli", "__main__")]
    return [importlib.import_module(name) for name in shown]


def test_every_part_has_a_floor():
    strangers = {part_of(path) for path in SOURCES} - set(FLOORS)
    assert not strangers, f"give {sorted(strangers)} a floor in FLOORS, as low as their imports let"


def test_no_import_points_up():
    gather(floor_faults)


def test_files_are_short():
    faults = []
    for path in SOURCES:
        most = LINES_OF_A_PAPER if part_of(path) == "papers" else LINES
        lines = len(path.read_text(encoding="utf-8").splitlines())
        faults += [f"{name_of(path)} has {lines} lines, at most {most}"] * (lines > most)
    refuse(faults)


def test_functions_are_short():
    gather(lambda tree, path: function_faults(tree))


def test_constructors_are_narrow():
    gather(lambda tree, path: constructor_faults(tree))


def test_public_names_have_docstrings():
    gather(lambda tree, path: docstring_faults(tree))


def test_habits():
    gather(lambda tree, path: habit_faults(tree))


def test_no_pickle_no_network_no_random():
    gather(import_faults)


def test_no_paths_of_one_machine():
    folders = [ROOT / name for name in ("arlearn", "tests", "chapters", "datasets", "book")]
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in TEXTS]
    files += [path for path in ROOT.iterdir() if path.suffix in TEXTS or path.name == "Makefile"]
    faults = []
    for path in files:
        if not {".cache", "_build", "node_modules", ".ipynb_checkpoints"} & set(path.parts):
            text = path.read_text(encoding="utf-8")
            faults += [f"{name_of(path)}: {found.group()}" for found in HOMES.finditer(text)]
    refuse(faults)


def test_ruff_is_content():
    pytest.importorskip("ruff", reason="ruff comes with the dev extra")
    command = [sys.executable, "-m", "ruff", "check", "--output-format=concise", "arlearn", "tests"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


BAD = '''
import pickle
import requests
from torch import save
from arlearn.papers import var
from arlearn import tier
from . import decode

def long():
    """One line
    and another."""
{body}

class Wide:
    """Eleven."""
    def __init__(self, a, b, c, d, e, f, g, h, i, j, *, k):
        global counter
        try:
            torch.load(a)
            np.load(b, allow_pickle=True)
            np.random.seed(0)
        except:
            raise

@dataclass(frozen=True)
class Fields:
    {fields}

def silent():
    return 1
'''


def test_the_rules_find_what_they_forbid():
    """A guard that cannot fail guards nothing: a file with every fault, and each fault found."""
    body = "\n".join("    pass" for _ in range(40))
    fields = "\n    ".join(f"f{i}: int" for i in range(11))
    tree, path = ast.parse(BAD.format(body=body, fields=fields)), PACKAGE / "nets" / "bad.py"
    ups = [fault.split(" imports ")[1] for fault in floor_faults(tree, path)]
    assert ups == ["arlearn.papers.var of floor 4", "arlearn.tier of floor 6"]
    assert [f.split(": ")[1] for f in function_faults(tree)] == ["long has 41 lines"]
    assert [f.split()[1] for f in constructor_faults(tree)] == ["Wide", "Fields"]
    assert [f.split(": ")[1] for f in docstring_faults(tree)] == [
        "the module itself", "Fields", "silent"
    ]  # fmt: skip
    habits = {fault.split(": ")[1] for fault in habit_faults(tree)}
    assert habits == {
        "bare except", "global counter", "torch.load", "np.random.seed", "allow_pickle is not False"
    }  # fmt: skip
    found = [fault.split(": ")[1] for fault in import_faults(tree, path)]
    assert found == ["pickle", "requests belongs into data/download.py", "torch.save"]
    assert HOMES.search('open("' + "/home" + '/me/x")') and not HOMES.search("https://a.b/home/x")


@pytest.fixture(scope="module")
def imported() -> dict:
    """What `import arlearn` loads in a fresh interpreter whose sockets cannot connect."""
    code = """
import json, socket, sys
tried = []
def refuse(*args, **kwargs):
    tried.append(repr(args[-1]))
    raise OSError("no network")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
socket.create_connection = refuse
import arlearn
first = {name.partition(".")[0] for name in sys.modules}
import importlib, pkgutil
for module in pkgutil.walk_packages(arlearn.__path__, "arlearn."):
    if module.name.rpartition(".")[2] not in ("cli", "__main__"):
        importlib.import_module(module.name)
every = {name.partition(".")[0] for name in sys.modules}
print(json.dumps({"first": sorted(first), "every": sorted(every), "tried": tried}))
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_import_needs_no_jupyter_and_nothing_heavy(imported):
    assert set(imported["first"]) & (HEAVY | OF_THE_CLI) == set()
    assert set(imported["every"]) & (HEAVY | OF_THE_CLI) == set()


def test_import_uses_no_network(imported):
    assert imported["tried"] == []


def test_tests_have_no_network():
    with pytest.raises(OSError, match="no network"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(OSError, match="no network"):
        socket.getaddrinfo("example.org", 80)
    with socket.socket() as open_here, socket.socket() as caller:
        open_here.bind(("127.0.0.1", 0))
        open_here.listen()
        caller.connect(open_here.getsockname())


def test_shapes_are_checked_in_every_module():
    from arlearn.plans import Plan

    with pytest.raises(jaxtyping.TypeCheckError):
        Plan(torch.zeros(2, 2, dtype=torch.long))
    loaders = {module.__name__: type(module.__spec__.loader).__name__ for module in modules()}
    refuse([name for name, loader in loaders.items() if loader != "_JaxtypingLoader"])


def test_public_functions_say_what_they_take():
    """No public function is without annotations: there would be nothing to check."""
    faults = []
    for module in modules():
        for name, thing in inspect.getmembers(module, inspect.isfunction):
            if thing.__module__ == module.__name__ and not name.startswith("_"):
                hints = inspect.signature(thing).parameters.values()
                named = [hint for hint in hints if hint.kind is not hint.VAR_KEYWORD]
                bare = [hint.name for hint in named if hint.annotation is hint.empty]
                faults += [f"{module.__name__}.{name}: {', '.join(bare)}"] * bool(bare)
    refuse(faults)
