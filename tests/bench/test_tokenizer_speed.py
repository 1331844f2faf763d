"""Vector quantisation against vector-quantize-pytorch, and how long `import arlearn` takes."""

import subprocess
import sys
import time

import torch
from peers import installed

from arlearn import home
from arlearn.tokens.quantize import VectorQuantizer


def test_vector_quantizer(results):
    """Forward and backward of 16,384 vectors of width 32 through the same codebook of 512."""
    torch.manual_seed(0)
    z = torch.randn(64, 256, 32, requires_grad=True)
    ours, made = VectorQuantizer(512, 32, revive=False).train(), {}

    def mine():
        found = ours(z)
        (found.vectors.sum() + found.loss).backward()
        made["arlearn"] = found.vectors

    arms = {"arlearn": mine}
    library = installed("vector_quantize_pytorch")
    if library is not None:
        theirs = library.VectorQuantize(
            dim=32, codebook_size=512, decay=0.99, commitment_weight=0.25
        ).train()
        theirs._codebook.embed.data[0] = ours.codebook.codes.detach()

        def other():
            vectors, _, loss = theirs(z)
            (vectors.sum() + loss.sum()).backward()
            made["vector-quantize-pytorch"] = vectors

        arms["vector-quantize-pytorch"] = other
    results.race(
        "tokens", "VQ forward and backward", arms, goal=1.0, rounds=15, unit="ms", per=1e-3
    )
    assert all(vectors.shape == z.shape for vectors in made.values())


def test_import(results):
    """`import arlearn` with torch, in a fresh interpreter: below two seconds."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import arlearn, torch"], check=True, cwd=home.root())
        times.append(time.perf_counter() - began)
    row = {"group": "import", "name": "import arlearn, torch", "unit": "s", "peers": []}
    seconds = min(times)
    results.tell(row | {"ours": seconds, "ratio": 2.0 / seconds, "goal": 1, "met": seconds < 2.0})
    assert seconds > 0
