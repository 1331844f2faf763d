"""Python's own text: whole files, each in one split, in signs a small model can hold."""

import sys

import pytest

from arlearn.data import pytext
from arlearn.data.pytext import _build, _modules, _plain


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("data")
        patch.setenv("ARLEARN_DATA", str(folder))
        yield pytext("train"), pytext("test"), folder


def test_sizes_and_signs(texts):
    train, test, _ = texts
    assert 3_000_000 <= len(train) <= 3_150_000 and 200_000 <= len(test) <= 310_000
    signs = set(train)
    assert len(signs) < 100 and set(test) <= signs and "\t" not in signs and "\r" not in signs


def test_code_and_documentation(texts):
    train, _, _ = texts
    assert train.count("\n    def ") > 1000 and train.count('"""') > 1000


def test_no_file_is_in_both_splits(texts):
    train, test, _ = texts
    train_lines = {line for line in train.split("\n") if len(line) > 60}
    test_lines = [line for line in test.split("\n") if len(line) > 60]
    assert len(test_lines) > 500
    assert sum(line in train_lines for line in test_lines) / len(test_lines) < 0.02


def test_the_same_python_gives_the_same_text(texts):
    train, test, folder = texts
    again = _build()
    assert again["train"].tobytes().decode() == train and again["test"].tobytes().decode() == test
    version = ".".join(map(str, sys.version_info[:3]))
    assert (folder / "built" / f"pytext-v1-python{version}.npz").is_file()


def test_only_the_librarys_own_modules_are_read(tmp_path):
    for name in ("json/decoder.py", "abc.py", "test/test_abc.py", "site-packages/x.py", "a.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x = 1\n" * 100)
    (tmp_path / "_sysconfigdata_linux.py").write_text("x = 1\n" * 100)
    assert {path.as_posix() for path in _modules(tmp_path)} == {"json/decoder.py", "abc.py"}


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\tx = 1\r\n\f" * 40, "    x = 1\n" * 40),
        ("name = 'J\u00fcrgen'\n".encode() * 40, ""),
        (b"x = 1\n", ""),
        (b"x = 1\n" * 20_000, ""),
        (b"x = '\x00'\n" * 40, ""),
    ],
    ids=["tabs and form feeds", "not ASCII", "short", "long", "control signs"],
)
def test_which_files_are_plain(tmp_path, raw, text):
    path = tmp_path / "module.py"
    path.write_bytes(raw)
    assert _plain(path) == text


def test_a_python_without_sources_gets_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    with pytest.raises(FileNotFoundError, match="too few Python sources"):
        _build()
