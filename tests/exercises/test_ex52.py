"""Exercises of chapter 52: each mistake gets the sentence that helps."""

import pytest
import torch

from arlearn.exercises import ex52
from arlearn.papers.tidar import decode_mask


def test_right_answers_pass():
    assert ex52.check_1(ex52._solved) is None
    assert ex52.check_2(lambda k: decode_mask(k)[0]) is None
    assert ex52.check_3(lambda c, s: max(ex52._speeds(c, s), key=ex52._speeds(c, s).get)) is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda tokens, k: ex52._solved(tokens, k + 1), "the first draft is final"),
        (lambda tokens, k: 2.0, "r is a probability"),
        (lambda tokens, k: 0.5, "more drafts stand with a larger r"),
    ],
)
def test_mistakes_about_the_chance(answer, said):
    assert said in ex52.check_1(answer)


def wrong_mask(change):
    def answer(k):
        seen = decode_mask(k)[0].clone()
        change(seen, k)
        return seen

    return answer


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda seen, k: seen[:k, k:].fill_(True), "a draft sees a mask"),
        (lambda seen, k: seen[:k, :k].fill_(True), "they are causal"),
        (lambda seen, k: seen[k:, :k].fill_(True), "group 1 sees draft 1"),
        (lambda seen, k: seen[k:, :k].fill_(False), "group 1 does not see draft 0"),
        (lambda seen, k: seen[k:, k:].fill_(True), "group 1 sees group 2"),
        (lambda seen, k: seen.copy_(seen & torch.ones_like(seen).tril()), "in both directions"),
    ],
)
def test_mistakes_about_the_mask(change, said):
    assert said in ex52.check_2(wrong_mask(change))


def test_a_mask_of_another_size():
    assert "the mask is 2 x 2" in ex52.check_2(lambda k: torch.ones(3, 3))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda chances, seconds: 8, "every position costs"),
        (lambda chances, seconds: 1, "what keeps k at 1"),
        (lambda chances, seconds: 20, "k is 1 … 8"),
        (lambda c, s: 8 if s[72] == 1 else 1 if s[72] > 10 else 3, "only if those before it do"),
    ],
)
def test_mistakes_about_the_machine(answer, said):
    assert said in ex52.check_3(answer)
