"""Drafts as a picture: every letter, every verdict, and bolts where something was taken back."""

import pytest
import torch

from arlearn.decode.film import film
from arlearn.decode.unmask import unmask
from arlearn.show.unmasking import BOLT, RIGHT_SIGN, WRONG_SIGN, unmasking


def network(units):
    place = torch.arange(units.shape[1])
    seen = ((units + 1) * (place + 2)).sum(1, keepdim=True) % 17
    return 2 * torch.sin(seen[..., None] + place[:, None] * 1.7 + torch.arange(6) * 2.3)


def letters(units):
    return "".join("ab\n d"[unit] if unit < 5 else "z" for unit in units.tolist())


@pytest.fixture
def seen():
    start = torch.full((4, 8), 6)
    start[:, :2] = 1
    dice = torch.Generator().manual_seed(0)
    _, trace = unmask(network, start, mask=6, n_steps=6, remask="last", generator=dice)
    return film(trace, start, 6)


def words(picture):
    return [text.get_text() for text in picture.figure.axes[0].texts]


def test_every_step_has_its_letters_and_its_verdict(seen):
    marks = torch.tensor([[0.0, 1.0, 0.0, 1.0]] * 5 + [[1.0, 1.0, 0.0, 0.0]])
    picture = unmasking(seen, marks, letters, sample=0, columns=slice(2, 8), title="a problem")
    told = words(picture)
    assert told.count(RIGHT_SIGN) == 1 and told.count(WRONG_SIGN) == 5
    assert [w for w in told if w.startswith("step")] == [f"step {s}" for s in range(1, 7)]
    shown = {"\n": "↵", " ": "␣"}
    by_hand = "".join(shown.get(letters(u[None]), letters(u[None])) for u in seen.guesses[5, 0, 2:])
    assert f"step 6 {by_hand} right" in picture.alt and "step 1" in picture.alt
    assert picture.png[:4] == b"\x89PNG" and len(picture.png) < 20_000


def test_a_bolt_stands_where_something_was_taken_back(seen):
    marks, bolts = torch.zeros(6, 4), []
    for sample in range(4):
        count = words(unmasking(seen, marks, letters, sample=sample)).count(BOLT)
        assert count == int(seen.taken_back[:, sample].sum())
        bolts.append(count)
    assert sum(bolts), "nothing was ever taken back, so this test saw nothing"


def test_marks_and_samples_must_fit(seen):
    with pytest.raises(ValueError, match="sample=4 of 4"):
        unmasking(seen, torch.zeros(6, 4), letters, sample=4)
    with pytest.raises(ValueError, match=r"needs marks of shape \(6, 4\)"):
        unmasking(seen, torch.zeros(5, 4), letters)
