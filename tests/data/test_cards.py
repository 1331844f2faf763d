"""Cards: one for every dataset, complete, and a hint for a name that is none."""

import re

import pytest
import torch

from arlearn import data, home
from arlearn.data.cards import card, names

BUILT = ["cifar-10", "digits", "fashion-mnist", "glyphs", "mnist", "multi30k", "pytext", "scenes"]
BUILT += ["cmapss", "free-spoken-digits", "moving", "speech", "turbofan"]
BUILT += ["tasks", "tiny-shakespeare"]


def test_every_dataset_has_a_card():
    assert set(BUILT) <= set(names())


@pytest.mark.parametrize("name", names())
def test_a_card_is_complete(name):
    found = card(name)
    assert found.name == name and set(found.splits) >= {"train", "test"}
    for field in ("title", "what", "source", "licence", "size"):
        assert len(getattr(found, field)) > 2, field
    for file in found.files:
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256) and file.url.startswith("https://")
        assert file.path.count("/") == 1 and file.path.split("/")[1] == file.url.split("/")[-1]
    assert len({file.sha256 for file in found.files}) == len(found.files)


@pytest.mark.parametrize("name", BUILT)
def test_a_loader_has_the_name_of_its_card(name):
    assert callable(getattr(data, name.replace("-", "_")))


def test_load_passes_split_and_options_on():
    made = data.load("scenes", "test", side=8, n=3, seed=2)
    assert torch.equal(made.images, data.scenes("test", side=8, n=3, seed=2).images)


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(LookupError, match="'minst'; did you mean mnist?"):
        card("minst")
    with pytest.raises(LookupError, match="'tiny_shakespeare'; did you mean tiny-shakespeare?"):
        data.load("tiny_shakespeare")
    with pytest.raises(LookupError, match="there are cifar-10, .*digits, "):
        card("zzzzzz")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('name = "toy"\ncolour = "red"', "does not have the fields of a card"),
        ('name = "toy"', "does not have the fields of a card"),
        (
            'name = "boy"\ntitle = ""\nwhat = ""\nsource = ""\nlicence = ""\nsize = ""\n[splits]',
            "is named 'boy'; name it 'toy' like its file",
        ),
    ],
)
def test_a_wrong_card_gets_a_sentence(tmp_path, monkeypatch, text, words):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "toy.toml").write_text(text)
    monkeypatch.setattr(home, "root", lambda: tmp_path)
    with pytest.raises(ValueError, match=words):
        card("toy")
