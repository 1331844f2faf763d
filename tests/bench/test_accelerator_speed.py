"""On a CUDA device only: what share of its arithmetic and of its memory's bandwidth is used."""

import time

import pytest
import torch

from arlearn.nets.language import LanguageModel
from arlearn.precision import autocast
from arlearn.recipe import Recipe, adamw

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def seconds(work, rounds: int) -> float:
    """The best of a few rounds, each waited for."""
    found = []
    for _ in range(rounds):
        torch.cuda.synchronize()
        began = time.perf_counter()
        work()
        torch.cuda.synchronize()
        found.append(time.perf_counter() - began)
    return min(found)


def share(results, name, ours, peak, unit, goal):
    """A row whose ratio is a share of what the device was measured to do."""
    peers = [{"name": "measured peak", "value": peak, "ratio": ours / peak}]
    row = {"group": "accelerator", "name": name, "unit": unit, "ours": ours, "peers": peers}
    results.tell(row | {"ratio": ours / peak, "goal": goal, "met": ours / peak >= goal})
    assert 0 < ours < 1.2 * peak


def test_share_of_the_matrix_peak_in_training(results):
    a, b = torch.randn(2, 8192, 8192, device="cuda", dtype=torch.bfloat16)
    peak = 2 * 8192**3 / seconds(lambda: a @ b, 20)
    batch, t = 32, 1024
    model = LanguageModel(8192, t, width=768, depth=12).cuda().train()
    tokens, optimizer = torch.randint(0, 8192, (batch, t), device="cuda"), adamw(model, Recipe())

    def step():
        with autocast(tokens.device, "bf16"):
            loss = model.loss(tokens)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    used = sum(p.numel() for p in model.parameters()) - model.embed.weight.numel()
    flops = batch * t * (6 * used + 6 * 12 * 768 * t)  # causal attention: half of 12 · d · t
    share(results, f"training {used / 1e6:.0f}M parameters in bf16, share of the matrix peak",
          flops / seconds(step, 12), peak, "FLOP/s", 0.5)  # fmt: skip


@torch.no_grad()
def test_share_of_the_bandwidth_in_decoding(results):
    held = torch.empty(2**30, device="cuda", dtype=torch.uint8)
    peak = 2 * held.numel() / seconds(lambda: held.clone(), 20)
    model = LanguageModel(32000, 512, width=2048, depth=20).cuda().bfloat16().eval()
    cache, new = model.new_cache(1, 300), torch.zeros(1, 1, dtype=torch.long, device="cuda")

    def write():
        cache.crop(0)
        for _ in range(256):
            model.read(new, cache)

    write()
    read = sum(p.numel() for p in model.parameters()) - model.embed.weight.numel()
    share(results, f"decoding {read / 1e9:.1f}G parameters in bf16, share of the bandwidth",
          256 * 2 * read / seconds(write, 3), peak, "bytes/s", 0.7)  # fmt: skip
