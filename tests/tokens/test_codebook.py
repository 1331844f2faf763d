"""The codebook: nearest code, moving averages, revival, several ranks."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import arlearn
from arlearn.tokens.codebook import Codebook


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def vectors(n=64, c=4, seed=0):
    return torch.randn(n, c, generator=torch.Generator().manual_seed(seed))


def test_nearest_is_the_nearest():
    book, z = Codebook(20, 4), vectors()
    assert torch.equal(book.nearest(z), torch.cdist(z, book.codes).argmin(1))


def test_nearest_keeps_the_shape_before_the_channels():
    assert Codebook(20, 4).nearest(vectors(24).view(2, 3, 4, 4)).shape == (2, 3, 4)


def test_a_code_is_its_own_nearest():
    book = Codebook(50, 4)
    assert torch.equal(book.nearest(book.lookup(torch.arange(50))), torch.arange(50))


def test_nearest_is_the_same_under_autocast():
    book, z = Codebook(512, 4), vectors(500)
    with torch.autocast("cpu", torch.bfloat16):
        low = book.nearest(z)
    assert torch.equal(low, book.nearest(z))


def test_moving_averages_follow_their_formula():
    book = Codebook(2, 1, decay=0.75, revive=False)
    counts, sums = torch.zeros(2), torch.zeros(2, 1)
    for values, chosen in [([1.0, 3.0, 8.0], [0, 0, 1]), ([5.0, 2.0, 4.0], [0, 1, 1])]:
        z, indices = torch.tensor(values)[:, None], torch.tensor(chosen)
        for k in range(2):
            counts[k] = 0.75 * counts[k] + 0.25 * (indices == k).sum()
            sums[k] = 0.75 * sums[k] + 0.25 * z[indices == k].sum(0)
        book.observe(z, indices)
    assert torch.allclose(book.counts, counts)
    assert torch.allclose(book.codes, sums / counts[:, None])


def test_a_code_nobody_chooses_stays_without_revival():
    book, z = Codebook(3, 4, revive=False), vectors()
    before = book.codes.clone()
    for _ in range(50):
        book.observe(z, torch.ones(len(z), dtype=torch.long))
    assert torch.equal(book.codes[[0, 2]], before[[0, 2]])
    assert torch.allclose(book.codes[1], z.mean(0), atol=1e-6)


@pytest.mark.parametrize("method", ["ema", "gradient"])
def test_the_first_batch_places_all_codes_on_data(method):
    book, z = Codebook(16, 4, method=method), vectors()
    book.observe(z, book.nearest(z))
    same = (book.codes.detach()[:, None] == z).all(-1)
    # a code chosen often enough in the first batch may stay at the mean of its vectors
    assert same.any(1).sum() >= 12 and same.any(0).sum() >= 12


@pytest.mark.parametrize("method", ["ema", "gradient"])
def test_a_dead_code_restarts_and_a_living_one_does_not(method):
    book, z = Codebook(3, 4, method=method, floor=0.1), vectors()
    even = len(z) / 3
    book.counts.copy_(torch.tensor([even, 0.05 * even, even]))
    if method == "ema":
        book.sums.copy_(book.codes * book.counts[:, None])
    before = book.codes.detach().clone()
    book.observe(z, torch.tensor([0, 2] * 32))
    moved = (book.codes.detach() - before).abs().sum(1)
    assert (book.codes[1] == z).all(-1).any()
    assert book.counts[1] == pytest.approx(even)
    assert moved[1] > 0.1 > moved[0] and moved[2] < 0.1


def test_revival_off_means_off():
    book, z = Codebook(3, 4, method="gradient", revive=False), vectors()
    before = book.codes.detach().clone()
    book.observe(z, torch.zeros(len(z), dtype=torch.long))
    assert torch.equal(book.codes.detach(), before)


def test_codes_find_the_clusters():
    torch.manual_seed(0)
    centres = 4 * torch.randn(12, 3)
    book = Codebook(48, 3, decay=0.8)  # with 12, two codes may share a cluster, as in k-means
    for _ in range(150):
        z = centres[torch.randint(12, (256,))] + 0.01 * torch.randn(256, 3)
        book.observe(z, book.nearest(z))
    distance = torch.cdist(centres, book.codes)
    assert distance.min(1).values.max() < 0.02
    assert distance.min(0).values.max() < 0.1
    assert book.usage() > 0.9


def test_usage_counts_the_codes_in_use():
    book = Codebook(4, 2)
    assert book.usage() == 0.0
    book.counts.copy_(torch.tensor([10.0, 10.0, 0.0, 0.01]))
    assert book.usage() == 0.5


def test_same_seed_same_codes_and_a_restored_book_goes_on_alike():
    def run(book, steps):
        for step in steps:
            torch.manual_seed(step)
            z = vectors(seed=step)
            book.observe(z, book.nearest(z))
        return book.state_dict()

    torch.manual_seed(1)
    whole = run(Codebook(16, 4), range(6))
    torch.manual_seed(1)
    half = run(Codebook(16, 4), range(3))
    resumed = Codebook(16, 4)
    resumed.load_state_dict(half)
    again = run(resumed, range(3, 6))
    assert whole.keys() == {"counts", "codes", "sums"}
    assert all(torch.equal(whole[name], again[name]) for name in whole)


TWO_RANKS = """
import sys, torch, torch.distributed as dist
from arlearn.tokens.codebook import Codebook
rank, store = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=2)
torch.manual_seed(0)
book = Codebook(4, 3)
torch.manual_seed(7 + rank)
z = torch.randn(32, 3, generator=torch.Generator().manual_seed(0))
for _ in range(3):
    part = z[rank::2]
    book.observe(part, book.nearest(part))
print(",".join(str(x) for x in [*book.codes.flatten().tolist(), *book.counts.tolist()]), flush=True)
dist.barrier()
dist.destroy_process_group()  # a rank that leaves with gloo's threads running may be aborted
"""


def test_two_ranks_keep_one_codebook(tmp_path):
    folder = Path(arlearn.__path__[0]).parent
    command = [sys.executable, "-c", TWO_RANKS]
    ranks = [
        subprocess.Popen(
            [*command, str(rank), str(tmp_path / "store")],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    said = [process.communicate(timeout=300) for process in ranks]
    assert [process.returncode for process in ranks] == [0, 0], said
    first, second = (out.strip().splitlines()[-1] for out, _ in said)
    assert first == second
    assert sum(float(x) for x in first.split(",")[-4:]) == pytest.approx(32, rel=0.05)


def test_bad_input_gets_a_sentence():
    with pytest.raises(ValueError, match='method "kmeans" is unknown; choose "ema" or "gradient"'):
        Codebook(4, 2, method="kmeans")
    with pytest.raises(ValueError, match=r"decay 1.0 must lie in \[0, 1\)"):
        Codebook(4, 2, decay=1.0)
    with pytest.raises(ValueError, match="0 codes of 2 channels holds nothing"):
        Codebook(0, 2)
    with pytest.raises(IndexError, match="code 4 is outside a vocabulary of 4; codes run from 0"):
        Codebook(4, 2).lookup(torch.tensor([0, 4]))
    with pytest.raises(IndexError, match="code -1 is outside"):
        Codebook(4, 2).lookup(torch.tensor([-1]))
    with pytest.raises(ValueError, match="takes vectors of 2 channels, not 3; give the encoder 2"):
        Codebook(4, 2).nearest(torch.zeros(5, 3))
