"""`make bench`: ratios of two measurements in one run, printed and kept in .arlearn/bench.json.

Nothing here is asserted but that the rivals agree; what a machine does between two measurements is
not the library's fault. Peers that are not installed are skipped, saying so.
"""

import statistics
import time

import pytest
import torch

from arlearn import home
from arlearn.decode import generate
from arlearn.papers.raster import Raster
from arlearn.tokens.quantize import VectorQuantizer

ROUNDS = 7


def seconds(work) -> float:
    """The median of a few rounds, after one that is not counted."""
    work()
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


@pytest.fixture(scope="module")
def ratios():
    """Name -> (ours, theirs) in seconds; written when all are measured."""
    found = {}
    yield found
    path = home.root() / ".arlearn" / "bench.json"
    home.write_json(
        path,
        {name: {"ours": a, "theirs": b, "ratio": b / a} for name, (a, b) in found.items()},
    )
    print()
    for name, (ours, theirs) in found.items():
        print(f"{name}: {theirs / ours:.2f} times as fast ({1e3 * ours:.1f} ms)")


@pytest.mark.parametrize("batch", [1, 32])
def test_a_cache_against_reading_again(ratios, batch):
    torch.manual_seed(0)
    model, labels = Raster(8, 256, width=64, depth=4, classes=4), torch.zeros(batch).long()
    made = {}

    def run(cached):
        dice = torch.Generator().manual_seed(0)
        made[cached] = generate(model, labels, generator=dice, cached=cached)[0]

    measured = seconds(lambda: run(True)), seconds(lambda: run(False))
    ratios[f"64 tokens with a cache, batch {batch}, against none"] = measured
    assert torch.equal(made[True], made[False])


def test_vector_quantizer_against_vector_quantize_pytorch(ratios):
    peer = pytest.importorskip("vector_quantize_pytorch", reason="`make bench` installs the peers")
    torch.manual_seed(0)
    z = torch.randn(64, 256, 32, requires_grad=True)
    ours = VectorQuantizer(512, 32, revive=False).train()
    theirs = peer.VectorQuantize(dim=32, codebook_size=512, decay=0.99, commitment_weight=0.25)

    def mine():
        made = ours(z)
        (made.vectors.sum() + made.loss).backward()

    def other():
        vectors, _, loss = theirs(z)
        (vectors.sum() + loss.sum()).backward()

    ratios["VQ forward and backward, 16,384 vectors, 512 codes"] = seconds(mine), seconds(other)
