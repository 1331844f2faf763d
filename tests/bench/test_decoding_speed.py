"""Sampling with a cache, token by token, against `generate` of transformers and a plain loop."""

import time

import pytest
import torch
import yardstick
from peers import SHAPES, VOCAB, gpt2

from arlearn.decode import write
from arlearn.nets.language import LanguageModel

PROMPT, SIZE = 8, "0.8M"
ROUNDS = {1: 6, 32: 2}


@pytest.mark.parametrize("n", [128, 512])
@pytest.mark.parametrize("batch", [1, 32])
def test_writing_with_a_cache(results, batch, n):
    torch.manual_seed(0)
    width, depth = SHAPES[SIZE]
    context = PROMPT + n
    prompt = torch.randint(0, VOCAB, (batch, PROMPT))
    ours = LanguageModel(VOCAB, context, width=width, depth=depth).eval()
    plain = yardstick.GPT(VOCAB, context, width, depth, width // 32).eval()
    peer, made = gpt2(context, width, depth), {}

    def keep(name, text):
        made[name] = text[:, -n:]

    arms = {
        "arlearn": lambda: keep("arlearn", write(ours, prompt, n)[0]),
        "yardstick": lambda: keep("yardstick", plain.write(prompt, n)),
    }
    if peer is not None:
        peer.eval()
        options = {"do_sample": True, "top_k": 0, "max_new_tokens": n, "min_new_tokens": n}
        arms["transformers"] = lambda: keep("transformers", peer.generate(prompt, **options))
    results.race(
        "decoding", f"batch {batch}, {n} tokens", arms,
        goal=3.0 if batch == 1 else 1.0, rounds=ROUNDS[batch], unit="ms a token", per=1e-3 * n,
    )  # fmt: skip
    assert all(text.shape == (batch, n) for text in made.values())


@torch.no_grad()
def test_cost_of_a_token_against_length(results):
    """One more token behind ever longer texts: ours, the yardstick's loop."""
    torch.manual_seed(0)
    lengths = [16, 64, 256, 1024, 2048]
    width, depth = SHAPES[SIZE]
    ours = LanguageModel(VOCAB, 2100, width=width, depth=depth).eval()
    plain = yardstick.GPT(VOCAB, 2100, width, depth, width // 32).eval()
    text, found = torch.randint(0, VOCAB, (1, 2048)), {"arlearn": [], "yardstick": []}
    for length in lengths:
        cache = ours.new_cache(1, length + 8)
        ours.read(text[:, :length], cache)
        _, pasts = plain(text[:, :length])
        times = {name: [] for name in found}
        for _ in range(60):
            began = time.perf_counter()
            ours.read(text[:, :1], cache)
            times["arlearn"].append(time.perf_counter() - began)
            cache.crop(length)
            began = time.perf_counter()
            plain(text[:, :1], pasts)
            times["yardstick"].append(time.perf_counter() - began)
        for name, each in times.items():
            found[name].append(1e3 * min(each))
    results.curves.append(
        {"name": "one more token", "x": "tokens before it", "y": "ms", "at": lengths} | found
    )
    assert ours.read(text[:, :1], cache).isfinite().all()
