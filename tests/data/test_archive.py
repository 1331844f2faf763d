"""Archives known by their contents: packed anew they are the same, changed they are not."""

import hashlib
import tarfile

import pytest

from arlearn.data.archive import contents, digest, pack


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "held" / "deeper").mkdir(parents=True)
    for name, raw in (("b.txt", b"two"), ("a.txt", b"one"), ("deeper/c.txt", b"not in it")):
        (tmp_path / "held" / name).write_bytes(raw)
    return tmp_path / "held"


def test_what_is_packed_comes_back(folder, tmp_path):
    pack(folder, "inside", tmp_path / "x.tar")
    assert contents(tmp_path / "x.tar", "inside") == {"a.txt": b"one", "b.txt": b"two"}
    assert contents(tmp_path / "x.tar", "elsewhere") == {}


def test_the_hash_is_that_of_the_files_however_they_are_packed(folder, tmp_path):
    pack(folder, "inside", tmp_path / "x.tar")
    with tarfile.open(tmp_path / "y.tar.gz", "w:gz") as archive:
        for name in ("b.txt", "a.txt"):  # in another order, deeper, beside other files
            archive.add(folder / name, f"project-1.0/inside/{name}")
        archive.add(folder / "a.txt", "project-1.0/README")
    one, two = (contents(tmp_path / name, "inside") for name in ("x.tar", "y.tar.gz"))
    lines = "".join(f"{hashlib.sha256(raw).hexdigest()}  {name}\n" for name, raw in
                    (("a.txt", b"one"), ("b.txt", b"two")))  # fmt: skip
    assert digest(one) == digest(two) == hashlib.sha256(lines.encode()).hexdigest()
    assert digest(one | {"a.txt": b"One"}) != digest(one) != digest({"a.txt": b"one"})


def test_what_is_no_archive_gets_a_sentence(folder, tmp_path):
    pack(folder, "inside", tmp_path / "x.tar")
    for name, raw in (("text", b"no archive"), ("cut", (tmp_path / "x.tar").read_bytes()[:700])):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(ValueError, match=rf"{name} is no tar archive, or is cut short"):
            contents(tmp_path / name, "inside")
