"""How to learn: the recipe of a run, its optimizer, and the average of the weights."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

PRECISIONS = ("auto", "fp32", "bf16")


@dataclass(frozen=True)
class Recipe:
    """AdamW under a warm-up and a cosine, with an average of the weights on request.

    Attributes:
        lr: the highest learning rate.
        betas: AdamW's decay of the first and the second moment.
        weight_decay: on the layers' weight matrices only; norms, biases, embeddings, and bare
            parameters (start tokens, positions) are left alone.
        warmup: share of the run in which the rate rises from 0 to lr.
        final: share of lr at which the cosine ends.
        clip: longest gradient, as the norm over all parameters; None cuts nothing.
        ema: decay of the average of the weights over the second half of the run, such as 0.999;
            the model holds that average at the end.
        precision: "fp32", "bf16" (autocast), or "auto": bf16 on CUDA; on a CPU the faster one in
            a few trial passes on the first batch, fp32 for runs below 100 steps. The choice is
            kept in the history and in the checkpoint, so that a resumed run stays with it; name
            one where two runs from the start must agree bit for bit.
        seed: of the model's own randomness (dropout, noise), step by step.

    Raises:
        ValueError: a number outside its range, or an unknown precision.
    """

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.01
    warmup: float = 0.05
    final: float = 0.1
    clip: float | None = 1.0
    ema: float | None = None
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self):
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"precision={self.precision!r} is unknown; choose one of {', '.join(PRECISIONS)}"
            )
        for name in ("lr", "clip"):
            if (value := getattr(self, name)) is not None and not value > 0:
                raise ValueError(f"{name} must be above 0, not {value}")
        for name in ("warmup", "final", "ema"):
            if (value := getattr(self, name)) is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} is a share between 0 and 1, not {value}")

    def rate(self, step: int, steps: int) -> float:
        """lr · (s+1)/w in the w warm-up steps, then lr · (final + (1-final)(1 + cos πp)/2)."""
        warm = max(1, round(self.warmup * steps))
        if step < warm:
            return self.lr * (step + 1) / warm
        part = (step - warm) / max(1, steps - 1 - warm)
        return self.lr * (self.final + (1 - self.final) * (1 + math.cos(math.pi * part)) / 2)


def adamw(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW over the parameters that are not frozen, fused where torch has the kernel."""
    trained = [x for x in model.parameters() if x.requires_grad]
    decayed = _matrices(model)
    groups = [
        {"params": [x for x in trained if id(x) in decayed], "weight_decay": recipe.weight_decay},
        {"params": [x for x in trained if id(x) not in decayed], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=recipe.lr,
        betas=recipe.betas,
        fused=trained[0].device.type in ("cpu", "cuda"),
    )


def _matrices(model: nn.Module) -> set[int]:
    """Which parameters decay: `weight`s of two or more axes that no embedding or norm shares."""
    spared = (nn.Embedding, nn.EmbeddingBag, nn.LayerNorm, nn.RMSNorm)
    matrices, kept = set(), set()
    for layer in model.modules():
        for name, x in layer.named_parameters(recurse=False):
            if isinstance(layer, spared):
                kept.add(id(x))
            elif name.endswith("weight") and x.ndim > 1:
                matrices.add(id(x))
    return matrices - kept


@torch.no_grad()
def average_in(
    average: dict[str, Tensor], weights: dict[str, Tensor], decay: float, n: int
) -> None:
    """average <- d · average + (1 - d) · weights, in float32, at the n-th call (from 0).

    d = min(decay, (1 + n) / (10 + n)), so that a short average does not stay where it began.
    """
    d = min(decay, (1 + n) / (10 + n))
    for name, x in weights.items():
        if n == 0:
            average[name] = x.float().clone()
        else:
            average[name].lerp_(x.float(), 1 - d)


@torch.no_grad()
def settle(average: dict[str, Tensor], model: nn.Module) -> None:
    """Ready to sample: the weights become their average, if there is one; no gradients; eval."""
    for name, value in average.items():
        model.get_parameter(name).copy_(value)
    model.zero_grad(set_to_none=True)
    model.eval()
