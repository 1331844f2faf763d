"""The pages of datasets: every card whole, samples where no network is needed, small, sound."""

import re

import pytest
from reader import Reader

from arlearn import data
from arlearn.data import cards
from arlearn.data.motion import ACTIONS


@pytest.fixture(scope="module")
def made(book_module):
    pytest.importorskip("espeakng_loader", reason="the speech extra is not installed")
    return book_module("data_pages").data_pages()


@pytest.fixture(scope="module")
def sections(made):
    """The page of each dataset."""
    return {name.removeprefix("data/"): text for name, text in made.items()}


def test_every_dataset_has_a_page_and_the_list_leads_to_it(made):
    assert list(made) == ["data", *(f"data/{name}" for name in cards.names())]
    for name in cards.names():
        assert f"- [{name}](data/{name}.md): " in made["data"]
        assert made[f"data/{name}"].startswith(f"# {name}\n")


def unescaped(text):
    return re.sub(r"\\([\\`*_$<>\[\]{}])", r"\1", text)


@pytest.mark.parametrize("name", cards.names())
def test_every_card_has_its_section_whole(sections, name):
    card, text = cards.card(name), unescaped(sections[name])
    for said in (card.title, card.what, card.source, card.licence, card.size, card.simulated):
        assert said in text
    assert all(what in text for what in card.splits.values())


@pytest.mark.parametrize("name", cards.names())
def test_a_section_shows_samples_or_says_how_to_get_them(sections, name):
    card, text = cards.card(name), sections[name]
    shown = text.count("data:image/png;base64,") + text.count("``````text")
    if card.files:
        assert shown == 0 and f'`data.load("{name}")` fetches it' in text
        assert all(f"`{file.path}`" in text for file in card.files)
    else:
        assert shown >= 1


def test_texts_are_those_of_the_loaders(sections):
    for kind in ("arithmetic", "countdown", "sudoku", "number-words"):
        assert f"`tasks(kind='{kind}'" in sections["tasks"]
    assert "\n".join(data.tasks("test", "countdown", n=3).texts) in sections["tasks"]
    excerpt = re.search(r"``````text\n(.*?)\n``````", sections["pytext"], re.DOTALL)[1]
    assert excerpt in data.pytext("test") and excerpt.count("\n") == 19


def test_maps_stand_beside_the_scenes(sections):
    assert sections["scenes"].count("<figure") == 3
    for word in ("picture", "edges", "depth", "segments"):
        assert word in sections["scenes"]


def test_pictures_are_described_and_the_pages_are_sound_and_small(made):
    page = "\n".join(made.values())
    html = "\n".join(re.findall(r"```\{raw\} html\n(.*?)\n```", page, re.DOTALL))
    reader = Reader(html)
    assert reader.faults == [] and html.count("<img") == html.count(' alt="') > 5
    held = ("data:image/png;base64,", "data:audio/wav;base64,")
    assert [one for one in reader.loads if not one.startswith(held)] == []
    assert len(page.encode()) < 1_000_000


def test_speech_can_be_heard(sections):
    text = sections["speech"]
    assert text.count("<audio controls") == text.count("data:audio/wav;base64,") == 7
    assert "autoplay" not in text and text.count("<figure") == 2
    spoken = data.speech("test", "digits", n=16, parallel=True).texts[0]
    assert text.count(f'aria-label="{spoken}, in four voices: voice ') == 4
    assert len(text.encode()) < 250_000


def test_films_can_be_run_and_say_what_is_told(sections):
    text = sections["moving"]
    assert text.count('class="arlearn-interactive"') == 3 and text.count("<img") == 12
    two = data.moving("test", 32, n=1, frames=16, objects=2, glyphs=True, dots=True, change=0.25)
    told = {ACTIONS[a] for a in two.actions.flatten().tolist()}
    assert len(told) > 3 and all(f": {action}" in text for action in told)


def test_what_is_still_to_come_has_no_card(made):
    named = re.findall(r"(\w[\w-]*) \(\d+\)", made["data"].partition("## To come")[2])
    assert not set(named) & set(cards.names())
