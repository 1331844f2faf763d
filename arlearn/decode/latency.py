"""What a pass takes on this machine, by how many positions it reads: are more of them free?"""

import time
from collections.abc import Sequence

import torch

from arlearn.nets.language import LanguageModel

IN_A_ROW = 4  # passes of a turn; the first finds the weights gone from the processor's own memory


@torch.no_grad()
def latency(
    model: LanguageModel, positions: Sequence[int], *, behind: int = 64, tries: int = 20
) -> dict[int, float]:
    """Seconds of one pass over n new positions behind a cached text, for each n.

    The shortest of some tries, which other programs disturb least; the sizes take turns, so that a
    machine that slows down slows all of them, each with some passes in a row, as a sampler has it.
    Where a pass waits for its weights to arrive from memory, positions up to some number cost
    nothing more; where it waits for arithmetic, they cost in proportion. Speculation lives from the
    difference.

    Args:
        positions: n of each pass.
        behind: length of the text in the cache.
        tries: turns of each size.

    Raises:
        ValueError: no size, or one below 1.
    """
    if not len(positions) or min(positions) < 1:
        raise ValueError(f"positions {list(positions)} must be one or more numbers of at least 1")
    most, device = behind + max(positions), next(model.parameters()).device
    text = torch.arange(most, device=device)[None] % model.vocab
    cache = model.backbone.cache(1, most)  # positions may lie behind the context: only time counts
    model.read(text[:, :behind], cache)
    seconds = {n: float("inf") for n in positions}
    for n in [n for _ in range(tries) for n in positions for _ in range(IN_A_ROW)]:
        cache.crop(behind)
        began = time.perf_counter()
        float(model.read(text[:, behind : behind + n], cache)[0, -1, 0])  # waits for a device
        seconds[n] = min(seconds[n], time.perf_counter() - began)
    return seconds
