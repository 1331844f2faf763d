"""Plain ancestral sampling of text: one token a pass, with a cache."""

import time

import torch
from jaxtyping import Int
from torch import Tensor

from arlearn.decode.speculative import CachedModel
from arlearn.heads.law import Law, draw
from arlearn.trace import Step, Trace


@torch.no_grad()
def write(
    model: CachedModel,
    prompt: Int[Tensor, "b m"],
    n: int,
    *,
    law: Law | None = None,
    generator: torch.Generator | None = None,
) -> tuple[Int[Tensor, "b n"], Trace]:
    """Continue prompts by n tokens each; the prompt is read in one pass.

    What speculation is measured against: n tokens cost n evaluations.

    Returns: the n new tokens, and a trace over them with one entry a token.

    Raises:
        ValueError: an empty prompt, n below 1, guidance (which belongs into `model.read`), or a
            text that the model's context cannot hold.
    """
    law = law or Law()
    if not prompt.numel() or n < 1:
        raise ValueError(
            f"a prompt of shape {tuple(prompt.shape)} and n={n}: give at least one token to "
            "continue (a model's start token will do), and n of at least 1"
        )
    if law.guidance:
        raise ValueError(
            f"guidance {law.guidance} is not applied here; let the model's `read` return guided "
            "logits and give a law without it"
        )
    batch, begin = prompt.shape
    cache, trace = model.new_cache(batch, begin + n - 1), Trace(n)
    written, chances, seconds, new = [], [], [], prompt
    for _ in range(n):
        logits = model.read(new, cache)[:, -1:].float()
        new, log_p = draw(law.filter(logits), generator)
        written.append(new)
        chances.append(log_p)
        seconds.append(time.perf_counter() - trace.began)
    text = torch.cat(written, 1)
    # told at the end: a step by step account would make an accelerator wait at every token
    drawn, chance = text.cpu().clone(), torch.cat(chances, 1).exp().cpu()
    seconds[-1] = time.perf_counter() - trace.began
    columns = zip(torch.arange(n).split(1), drawn.split(1, 1), seconds, chance.split(1, 1),
                  strict=True)  # fmt: skip
    trace.steps += [Step(here, units, 1, at, sure) for here, units, at, sure in columns]
    return text, trace
