"""The code that is shown is the code that runs, with its place."""

import functools

import pytest

from arlearn import plans, show
from arlearn.heads.law import Law
from arlearn.home import PACKAGE


def line_of(path: str, text: str) -> int:
    lines = (PACKAGE.parent / path).read_text(encoding="utf-8").splitlines()
    return next(i for i, line in enumerate(lines, 1) if line.startswith(text))


def test_a_function_is_shown_whole_and_placed():
    found = show.source(plans.blocks)
    assert found.code.startswith("def blocks(t: int, size: int, first: int | None = None) -> Plan:")
    assert found.code.endswith("return Plan(torch.arange(t) // size)")
    assert found.place == f"arlearn/plans.py:{line_of('arlearn/plans.py', 'def blocks')}"


def test_notebooks_get_fenced_markdown():
    found = show.source(plans.raster)
    assert found._repr_markdown_() == f"```python\n{found.code}\n```\n\n`{found.place}`"
    assert repr(found) == f"{found.code}\n\n{found.place}"


def test_classes_methods_properties_and_partials_have_sources():
    assert show.source(Law).code.startswith("@dataclass(frozen=True)\nclass Law:")
    plan = plans.raster(3)
    for thing in (plans.Plan.mask, plan.mask):
        assert show.source(thing).code.startswith('def mask(self) -> Bool[Tensor, "t t"]:\n    """')
    assert "def n_steps" in show.source(vars(plans.Plan)["n_steps"]).code
    assert show.source(functools.partial(plans.blocks, size=2)) == show.source(plans.blocks)


def test_docstrings_can_be_left_out():
    found = show.source(plans.Plan, docstring=False).code
    assert '"""' not in found and "def mask(self)" in found and "step: Int" in found
    compile(found.replace("@dataclass(frozen=True, eq=False)\n", ""), "plan", "exec")
    assert show.source(plans.raster, docstring=False).code.splitlines() == [
        "def raster(t: int) -> Plan:",
        '    return Plan(torch.arange(_positive("length", t)))',
    ]


def test_a_body_that_is_only_a_docstring_stays():
    assert '"""All there is."""' in show.source(only_told, docstring=False).code


def only_told():
    """All there is."""


@pytest.mark.parametrize(
    ("thing", "match"),
    [
        (len, "not len, which is built in"),
        (int, "int has no Python source|int, which is built in"),
        (plans, "not the module arlearn.plans"),
        (Law(), r"not an object of Law; pass source\(Law\)"),
    ],
)
def test_what_has_no_source_is_refused(thing, match):
    with pytest.raises(TypeError, match=match):
        show.source(thing)
