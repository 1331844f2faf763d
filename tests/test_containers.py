"""What readers without Python run: container, dev container, Binder. They are built elsewhere; here
their paths, targets and options are held against the repository.
"""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def steps():
    """The Dockerfile's instructions, (word, rest), continued lines joined."""
    lines = re.sub(r"\\\n\s*", "", text("Dockerfile")).splitlines()
    return [tuple(line.split(" ", 1)) for line in lines if line and not line.startswith("#")]


def told(word):
    """The rest of the last such instruction."""
    return [rest for found, rest in steps() if found == word][-1]


def made(command):
    """What `make -n` would do at last for a command, if nothing were installed or all of it."""
    goal, *settings = command[1:]
    there = ["-o", ".venv/.installed-base"] if goal == "lab" else ["-W", "pyproject.toml"]
    # Under `make test` this would be taken for a part of that.
    own = {name: value for name, value in os.environ.items() if name[:4] not in ("MAKE", "MFLA")}
    words = ["make", "-n", *there, goal, *settings]
    done = subprocess.run(words, cwd=ROOT, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout if goal != "lab" else done.stdout.splitlines()[-1]


def test_the_container_runs_lab_as_a_plain_user_on_the_port_it_names():
    words = [word for word, _ in steps()]
    assert words[0] == "FROM" and words[-1] == "CMD" and words.index("USER") < words.index("COPY")
    user = told("USER")
    assert user != "root" and f"useradd --create-home {user}" in dict(steps()[:2])["RUN"]
    assert f"--chown={user}" in told("COPY") and told("WORKDIR").startswith(f"/home/{user}/")
    assert told("EXPOSE") == "8888" and CPU_WHEELS in told("ENV")
    started = made(json.loads(told("CMD")))
    assert started == ".venv/bin/arlearn lab --ip=0.0.0.0 --no-browser"


def test_the_container_installs_the_pinned_versions():
    install = told("RUN").split()
    assert install[0] == "make" and "-c constraints.txt -e '.[speech]'" in made(install)


def test_what_the_commands_make_stays_out_of_the_container():
    left_out = {line.strip("/") for line in text(".dockerignore").splitlines()}
    assert {
        ".git",
        ".venv",
        ".arlearn",
        "datasets/.cache",
        "book/_build",
        "course.ipynb",
    } <= left_out
    kept = ("arlearn", "chapters", "datasets", "Makefile", "constraints.txt", "pyproject.toml")
    assert not left_out & {*kept, "README.md", "LICENSE", "LICENSES", "book"}


def test_the_dev_container_installs_and_starts_lab():
    container = json.loads(text(".devcontainer/devcontainer.json"))
    assert container["remoteUser"] != "root" and container["forwardPorts"] == [8888]
    assert container["containerEnv"] == {"PIP_EXTRA_INDEX_URL": CPU_WHEELS}
    assert "-c constraints.txt -e '.[speech]'" in made(container["postCreateCommand"].split())
    started = made(container["postAttachCommand"].split())
    assert started == ".venv/bin/arlearn lab --no-browser"


def test_binder_installs_the_pinned_versions():
    lines = [line for line in text("binder/requirements.txt").splitlines() if line[0] == "-"]
    assert lines == [f"--extra-index-url {CPU_WHEELS}", "-c ../constraints.txt", "-e ."]
    assert (ROOT / "binder" / lines[1].split()[1]).resolve() == ROOT / "constraints.txt"


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("Dockerfile", r"^FROM python:(\S+?)-slim$"),
        (".devcontainer/devcontainer.json", r'devcontainers/python:([\d.]+)"'),
        ("binder/runtime.txt", r"^python-(\S+)$"),
    ],
)
def test_they_have_a_python_that_is_tested(file, pattern):
    (version,) = re.findall(pattern, text(file), re.MULTILINE)
    project = tomllib.loads(text("pyproject.toml"))["project"]
    assert f"Programming Language :: Python :: {version}" in project["classifiers"]
    assert f'"{version}"' in text(".github/workflows/test.yml")
