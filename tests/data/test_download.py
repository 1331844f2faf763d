"""Fetching: from a folder, from a URL, and never a file whose hash is another."""

import functools
import hashlib
import http.server
import threading

import pytest

from arlearn.data.cards import DataFile
from arlearn.data.download import fetch

TEXT = b"the quick brown fox\n" * 50
GOOD = hashlib.sha256(TEXT).hexdigest()


@pytest.fixture
def file():
    return DataFile("fox/fox.txt", "https://example.org/fox.txt", GOOD)


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ARLEARN_DATA_MIRROR", str(tmp_path / "mirror"))
    folder = tmp_path / "mirror" / "fox"
    folder.mkdir(parents=True)
    (folder / "fox.txt").write_bytes(TEXT)
    return folder


def left(tmp_path):
    return [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


def test_a_folder_is_a_mirror(file, mirror, tmp_path):
    path = fetch(file)
    assert path == tmp_path / "data" / "public" / "fox" / "fox.txt" and path.read_bytes() == TEXT


def test_what_was_fetched_once_needs_no_mirror(file, mirror):
    fetch(file)
    (mirror / "fox.txt").unlink()
    assert fetch(file).read_bytes() == TEXT


def test_a_missing_file_is_named_with_url_and_hash(file, mirror, tmp_path):
    (mirror / "fox.txt").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        fetch(file)
    for part in (str(mirror / "fox.txt"), file.url, GOOD, "found no file"):
        assert part in str(caught.value)
    assert left(tmp_path) == []


@pytest.mark.parametrize("broken", [TEXT[:-1], b"", TEXT + b"x", TEXT[:-1] + b"?"])
def test_a_wrong_hash_is_refused(file, mirror, tmp_path, broken):
    (mirror / "fox.txt").write_bytes(broken)
    with pytest.raises(ValueError) as caught:
        fetch(file)
    found = hashlib.sha256(broken).hexdigest()
    for part in (file.url, f"expected sha256 {GOOD}", f"found {found}"):
        assert part in str(caught.value)
    assert left(tmp_path) == []


def test_a_cached_file_that_went_bad_is_refused(file, mirror):
    path = fetch(file)
    path.write_bytes(TEXT[:100])
    with pytest.raises(ValueError, match=rf"found .*; delete {path}, it will be fetched again"):
        fetch(file)


@pytest.fixture
def server(mirror, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    handler = functools.partial(QuietHandler, directory=str(mirror.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def test_a_url_is_a_mirror(file, mirror, server, monkeypatch):
    monkeypatch.setenv("ARLEARN_DATA_MIRROR", server + "/")
    assert fetch(file).read_bytes() == TEXT


def test_without_a_mirror_the_publisher_is_asked(mirror, server, monkeypatch):
    monkeypatch.delenv("ARLEARN_DATA_MIRROR")
    assert fetch(DataFile("a/b.txt", f"{server}/fox/fox.txt", GOOD)).read_bytes() == TEXT


def test_a_download_of_something_else_is_refused(file, mirror, server, monkeypatch, tmp_path):
    monkeypatch.setenv("ARLEARN_DATA_MIRROR", server)
    (mirror / "fox.txt").write_bytes(b"<html>sign in</html>")
    with pytest.raises(ValueError, match=f"expected sha256 {GOOD}, found .*may have changed"):
        fetch(file)
    assert left(tmp_path) == []


def test_a_url_that_gives_nothing_gets_a_sentence(mirror, server, monkeypatch, tmp_path):
    monkeypatch.setenv("ARLEARN_DATA_MIRROR", server)
    with pytest.raises(ConnectionError) as caught:
        fetch(DataFile("fox/hen.txt", "https://example.org/hen.txt", GOOD))
    for part in (f"{server}/fox/hen.txt", "404", GOOD, "set ARLEARN_DATA_MIRROR to a folder"):
        assert part in str(caught.value)
    assert left(tmp_path) == []


def test_another_copy_known_to_hold_the_same_is_taken(mirror):
    file = DataFile("fox/fox.txt", "https://example.org/fox.txt", "0" * 64, also=(GOOD,))
    assert fetch(file).read_bytes() == TEXT
    (mirror / "fox.txt").write_bytes(b"other")
    with pytest.raises(ValueError, match="expected sha256 0000"):
        fetch(DataFile("fox/fox.txt", file.url, "0" * 64, also=("1" * 64,)))
