"""Texts with signs: what stood, what fell, what the target added, in HTML and in plain text."""

import re

import pytest
import torch

from arlearn import decode, show
from arlearn.nets.markov import Markov
from arlearn.show.texts import ADDED, DRAFTED, FALLEN, PROMPT
from arlearn.tokens.text import CharTokenizer
from arlearn.trace import Trace

TOKENS = CharTokenizer("ab<\n ")


def law(seed: int) -> Markov:
    generator = torch.Generator().manual_seed(seed)
    return Markov(torch.randn(5, 5, generator=generator).softmax(-1))


def by_hand() -> Trace:
    """Drafts "a<b", of which "a" stands; then the target's "b"; then a draft that stands, "\n"."""
    trace = Trace(4)
    units = TOKENS.encode("a< ")[None]
    trace.record(torch.arange(3), units, 0, kept=torch.tensor([[True, False, False]]))
    trace.record(torch.tensor([1]), TOKENS.encode("b")[None], 1, kept=torch.tensor([[True]]))
    trace.record(torch.tensor([2]), TOKENS.encode("\n")[None], 0, kept=torch.tensor([[True]]))
    trace.record(torch.tensor([3]), TOKENS.encode("a")[None], 1)
    return trace


def test_the_pieces_of_a_speculation_by_hand():
    shown = show.text(by_hand(), TOKENS.decode, prompt="ab", caption="Look.")
    assert shown.pieces == (
        *((PROMPT, "ab"), (DRAFTED, "a"), (FALLEN, "< "), (ADDED, "b")),
        *((DRAFTED, "\n"), (ADDED, "a")),
    )
    assert repr(shown).startswith("aba[-<␣-]<b>↵\n<a>\n") and repr(shown).endswith("\nLook.")
    page = shown._repr_html_()
    assert re.search(r"<u [^>]*>a</u><del [^>]*>&lt;␣</del><b [^>]*>b</b>", page)
    assert "refused" in page and "Look." in page and "<style" not in page


@pytest.mark.parametrize("length", [0, 1, 4])
def test_what_stands_is_the_text_that_was_written(length):
    units, trace = decode.speculative(
        law(0), law(1), torch.tensor([[0]]), 40, length=length,
        generator=torch.Generator().manual_seed(2),
    )  # fmt: skip
    pieces = show.text(trace, TOKENS.decode).pieces
    assert "".join(told for kind, told in pieces if kind != FALLEN) == TOKENS.decode(units[0])
    assert sum(kind == ADDED for kind, _ in pieces) == trace.evaluations
    assert (length > 0) == any(kind == DRAFTED for kind, _ in pieces)


def test_plain_writing_has_no_drafts_and_its_legend_no_such_words():
    units, trace = decode.write(law(0), torch.tensor([[0], [1]]), 6)
    shown = show.text(trace, TOKENS.decode, sample=1)
    assert {kind for kind, _ in shown.pieces} == {ADDED}
    assert "".join(told for _, told in shown.pieces) == TOKENS.decode(units[1])
    assert "refused" not in shown._repr_html_() + repr(shown)


def test_every_kind_has_a_sign_beside_its_colour():
    signs = {"u": "underline", "del": "line-through", "b": "outline"}
    page = show.text(by_hand(), TOKENS.decode)._repr_html_()
    for tag, sign in signs.items():
        assert re.search(rf'<{tag} style="[^"]*{sign}', page)
    # the letters keep the page's own colour, so that they are legible in a dark theme too
    assert not re.search(r'[";]color:#', page)


def test_texts_side_by_side_are_escaped_and_named():
    shown = show.passages({"greedy": "a<b", "T = 1": "b\na"}, caption="Two.")
    assert "<strong>greedy</strong>" in shown._repr_html_() and "a&lt;b" in shown._repr_html_()
    assert repr(shown) == "greedy\n    a<b\n\nT = 1\n    b\n    a\n\nTwo."


def unmasking() -> Trace:
    trace = Trace(2)
    trace.record(torch.tensor([1]), torch.tensor([[0]]), 1)
    return trace


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: show.passages({}), "at least one text"),
        (lambda: show.text(by_hand(), TOKENS.decode, sample=1), "sample=1, but the trace holds 1"),
        (lambda: show.text(Trace(3), TOKENS.decode), "sample=0, but the trace holds 0"),
        (lambda: show.text(unmasking(), TOKENS.decode), "not written from left to right"),
    ],
)
def test_what_cannot_be_shown_says_so(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        wrong()
