"""The second lesson's exercises: solutions pass, stubs are hints, usual mistakes are named."""

import math

import pytest
import torch

from arlearn.show.exercises import WrongAnswer, check


def stub(*_):
    raise NotImplementedError("a hint")


def bits_and_perplexity(p):
    bits = float(-p.log2().mean())
    return bits, 2**bits


def refined(counts, shorter, discount):
    if counts.sum() == 0:
        return shorter
    kinds = (counts > 0).sum()
    return ((counts - discount).clamp(min=0) + discount * kinds * shorter) / counts.sum()


def mixed(log_p, log_q, share):
    return torch.logaddexp(log_p + math.log(share), log_q + math.log(1 - share))


def nats(p):
    return float(-p.log().mean())


def never_unseen(counts, shorter, discount):
    kept = (counts - discount).clamp(min=0) + discount * (counts > 0).sum() * shorter
    return kept / counts.sum()


def not_clamped(counts, shorter, discount):
    total, kinds = counts.sum().clamp(min=1), (counts > 0).sum()
    return (counts - discount + discount * kinds * shorter) / total


def through_probabilities(log_p, log_q, share):
    return (share * log_p.exp() + (1 - share) * log_q.exp()).log()


@pytest.mark.parametrize(
    ("exercise", "solution"),
    [
        ("transformer.1", bits_and_perplexity),
        ("transformer.2", refined),
        ("transformer.3", mixed),
    ],
)
def test_the_solution_passes_and_the_stub_is_a_hint(exercise, solution):
    assert check(exercise, solution).sentence.startswith(f"{exercise}: right.")
    assert not check(exercise, stub).tried


@pytest.mark.parametrize(
    ("exercise", "answer", "sentence"),
    [
        ("transformer.1", lambda p: (nats(p), math.exp(nats(p))), "those are nats"),
        ("transformer.1", lambda p: (nats(p) * math.log(2), 1), "not multiply"),
        ("transformer.1", lambda p: (-p.log2().sum(), 1), "bits of the whole text"),
        ("transformer.1", lambda p: (-p.mean().log2(), 1), "logarithm of the mean"),
        ("transformer.1", lambda p: (0.1, 1), "are 2.2500 bits a character, not 0.1000"),
        ("transformer.1", lambda p: (bits_and_perplexity(p)[0], (1 / p).mean()), "mean of 1/p"),
        ("transformer.1", lambda p: (-p.log2().mean(), (-p.log2().mean()).exp()), "exp goes with"),
        ("transformer.1", lambda p: (bits_and_perplexity(p)[0], 7.0), "not 7.0000"),
        ("transformer.2", never_unseen, "never seen divides by zero"),
        ("transformer.2", not_clamped, "below 0"),
        ("transformer.2", lambda n, q, d: (n - d).clamp(min=0) + d * q, "adds up to 3"),
        ("transformer.2", lambda n, q, d: n / n.sum(), "bare shares"),
        ("transformer.2", lambda n, q, d: q, "for the counts .* the law is"),
        ("transformer.2", lambda n, q, d: n[:2], "one probability a character"),
        ("transformer.3", lambda p, q, w: w * p + (1 - w) * q, "mixes the logarithms"),
        ("transformer.3", lambda p, q, w: mixed(p, q, w).exp(), "its logarithm is asked for"),
        ("transformer.3", lambda p, q, w: mixed(q, p, w), "shares are swapped"),
        ("transformer.3", lambda p, q, w: p, "with a share of 0.5"),
        ("transformer.3", lambda p, q, w: p[0], "one logarithm for each"),
        ("transformer.3", through_probabilities, "stay in logarithms throughout"),
    ],
)
def test_the_usual_mistakes_are_named(exercise, answer, sentence):
    with pytest.raises(WrongAnswer, match=sentence):
        check(exercise, answer)
