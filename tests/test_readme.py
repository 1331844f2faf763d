"""What the README shows is true: its example runs, its commands exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_the_example_runs(code, capsys):
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["pictures"].shape == (24, 3, 16, 16)
    assert "network evaluations" in capsys.readouterr().out


def test_the_commands_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = re.findall(r"^make (\w+)", README, re.MULTILINE)
    assert commands and all(re.search(rf"^{name}:", makefile, re.MULTILINE) for name in commands)


def test_the_files_it_links_to_exist():
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link
