"""Tasks: the same for the same seed, splits without a common problem, rows of units and back."""

import hashlib

import numpy as np
import pytest
import torch

from arlearn.data import load
from arlearn.data.number_words import STYLES
from arlearn.data.tasks import (
    ALPHABET,
    DEFAULT_N,
    END,
    KINDS,
    Tasks,
    decode,
    encode,
    in_test,
    tasks,
)
from arlearn.tokens.text import CharTokenizer


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("arithmetic", "635a872bd3269a5b"),
        ("countdown", "66eb1f894ae4b9a9"),
        ("sudoku", "b0e94c596f5b18e0"),
        ("number-words", "09542d52334e27af"),
    ],
)
def test_a_seed_gives_these_very_problems(kind, expected):
    text = "\n".join(tasks("test", kind, n=50).texts)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == expected


@pytest.mark.parametrize("kind", KINDS)
def test_splits_share_no_problem_whatever_the_seeds(kind):
    train = [tasks("train", kind, n=300, seed=seed) for seed in (0, 1)]
    test = [tasks("test", kind, n=80, seed=seed) for seed in (0, 5)]
    prompts = [{p for made in split for p in made.prompts} for split in (train, test)]
    assert not prompts[0] & prompts[1]
    assert train[0].prompts != train[1].prompts and test[0].prompts != test[1].prompts


@pytest.mark.parametrize("kind", KINDS)
def test_the_given_answers_are_right_and_others_are_not(kind):
    made = tasks("test", kind, n=100)
    assert made.accuracy(made.answers) == 1
    assert made.accuracy([answer + END + "!?" for answer in made.answers]) == 1
    assert made.accuracy([answer + " " for answer in made.answers]) == 0
    assert made.accuracy([""] * 100) == 0
    for prompt, answer in zip(made.prompts, made.answers, strict=True):
        assert made.kind.credit(prompt, answer) == 1
        assert 0 <= made.kind.credit(prompt, answer[:-1]) < 1 or made.kind.check(
            prompt, answer[:-1]
        )
    half = [a if k % 2 else "?" for k, a in enumerate(made.answers)]
    assert made.accuracy(half) == 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_model_may_write_is_judged_without_an_error(kind):
    made = tasks("test", kind, n=3)
    random = np.random.default_rng(0)
    for prompt in made.prompts:
        for length in (1, 5, 16, 40, 300):
            text = "".join(ALPHABET[k] for k in random.integers(1, len(ALPHABET), length))
            assert made.kind.check(prompt, text) is False
            assert 0 <= made.kind.credit(prompt, text) < 1


def test_fewer_are_the_first_of_many():
    few, many = tasks(n=5, seed=3), tasks(n=50, seed=3)
    assert few == many.first(5) and len(few) == 5 and len(many.first(500)) == 50


def test_default_sizes_and_texts():
    made = tasks("test", "number-words")
    assert isinstance(made, Tasks) and len(made) == 1000 == DEFAULT_N["test"]
    assert made.texts[7] == made.prompts[7] + made.answers[7]
    assert all(prompt.endswith("=") for prompt in made.prompts)


def test_about_one_key_in_eight_is_for_the_test():
    share = sum(in_test(str(k)) for k in range(8000)) / 8000
    assert abs(share - 1 / 8) < 0.015


def every_text():
    texts = tasks("train", "arithmetic", n=300, terms=3, operators="+-", steps=True).texts
    texts += tasks("train", "arithmetic", n=300, operators="*").texts
    texts += tasks("train", "countdown", n=300).texts + tasks("train", "sudoku", n=100).texts
    texts += tasks("train", "number-words", n=900, largest=3999, styles=STYLES, named=True).texts
    british = tasks("train", "number-words", n=300, largest=10**8, styles=("british",))
    return texts + british.texts


def test_the_alphabet_holds_what_is_written_and_no_more():
    assert set("".join(every_text())) | {END} == set(ALPHABET)
    assert len(ALPHABET) == len(set(ALPHABET)) == 45 and ALPHABET[0] == END


def test_rows_of_units_and_back():
    texts = every_text()[::7]
    length = max(map(len, texts)) + 1
    rows = encode(texts, length)
    assert rows.shape == (len(texts), length) and rows.dtype == torch.int64
    assert decode(rows) == texts
    assert (rows[:, -1] == 0).all()
    tokenizer = CharTokenizer(ALPHABET)
    for text, row in zip(texts[:50], rows, strict=False):
        assert torch.equal(tokenizer.encode(text.ljust(length, END)), row)


def test_decoding_stops_at_the_first_end():
    assert decode(encode(["46"], 6)[:, :2]) == ["46"]
    row = torch.cat([encode(["12"], 3), encode(["34"], 3)], 1)
    assert decode(row) == ["12"] and decode(torch.zeros(2, 0, dtype=torch.long)) == ["", ""]


def test_load_passes_kind_and_options_on():
    assert load("tasks", "test", kind="sudoku", n=4) == tasks("test", "sudoku", n=4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "valid"}, "split 'valid' does not exist"),
        ({"kind": "chess"}, "kind 'chess' does not exist; choose one of arithmetic, countdown"),
        ({"n": 0}, "n=0 problems cannot be drawn"),
        ({"givens": 5}, "arithmetic has no option 'givens'; it has digits, terms, operators"),
        ({"kind": "sudoku", "digits": 5}, "sudoku has no option 'digits'; it has fewest, most"),
        ({"digits": 0}, "digits=0 is outside"),
        (
            {"split": "test", "kind": "number-words", "largest": 2},
            r"the test split has no problem of NumberWords\(largest=2, .*allow larger numbers",
        ),
    ],
)
def test_bad_arguments_get_a_sentence(options, words):
    with pytest.raises(ValueError, match=words):
        tasks(**options)


def test_bad_texts_and_units_get_a_sentence():
    with pytest.raises(ValueError, match="'12345' and its end need 6 places, a row has 5"):
        encode(["12345"], 5)
    with pytest.raises(ValueError, match="holds 'J', which no task is written with"):
        encode(["J"], 5)
    with pytest.raises(ValueError, match="units reach from 0 to 45, the alphabet from 0 to 44"):
        decode(torch.tensor([[0, 45]]))
    with pytest.raises(ValueError, match="1 answers for 2 problems; give one for each"):
        tasks(n=2).accuracy(["1"])
