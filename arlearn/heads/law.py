"""What a sampler may do to a law before it draws: temperature, truncation, guidance."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Law:
    """How to draw from a head.

    Attributes:
        temperature: logits are divided by it; 0 takes the most likely unit. Continuous heads scale
            the noise they start from by it.
        top_k: keep the k most likely units of a categorical law (None: all).
        top_p: keep the smallest set of units that holds probability p (None: all).
        guidance: classifier-free guidance g; logits (or velocities) become
            (1 + g) * conditional - g * unconditional. 0 is plain conditional sampling.
        ramp: guidance grows linearly from 0 at the first step to g at the last (VAR, xAR, ELM).
        min_p: keep the units at least this many times as likely as the most likely one (None: all;
            Nguyen et al. 2024, arXiv 2407.01082).

    Raises:
        ValueError: a field is outside its range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    guidance: float = 0.0
    ramp: bool = False
    min_p: float | None = None

    def __post_init__(self):
        if not self.temperature >= 0:
            raise ValueError(f"temperature {self.temperature} is negative; 0 means most likely")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k {self.top_k} keeps nothing; use 1 or more, or None for all")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p {self.top_p} is no probability above 0; 1 or None keeps all")
        if self.min_p is not None and not 0 < self.min_p <= 1:
            raise ValueError(f"min_p {self.min_p} is no share above 0; None keeps all units")

    def strength(self, step: int, n_steps: int) -> float:
        """The guidance at one step of `n_steps`."""
        if not self.ramp:
            return self.guidance
        return self.guidance * step / max(n_steps - 1, 1)

    def filter(self, logits: Float[Tensor, "*b v"]) -> Float[Tensor, "*b v"]:
        """Logits of the law that is drawn from: tempered, then truncated with -inf.

        Speculative sampling needs exactly these: the test must use the law that was sampled.

        Raises:
            ValueError: `top_k` exceeds the vocabulary.
        """
        v = logits.shape[-1]
        if self.top_k is not None and self.top_k > v:
            raise ValueError(f"top_k {self.top_k} exceeds the vocabulary of {v}")
        if self.temperature == 0:
            best = logits.argmax(-1, keepdim=True)
            return torch.full_like(logits, -torch.inf).scatter(-1, best, 0.0)
        if self.temperature != 1:
            logits = logits / self.temperature
        if self.top_k is not None and self.top_k < v:
            least = logits.topk(self.top_k, dim=-1).values[..., -1:]
            logits = logits.masked_fill(logits < least, -torch.inf)
        if self.top_p is not None and self.top_p < 1:
            ordered, index = logits.sort(dim=-1, descending=True)
            mass = ordered.softmax(-1)
            above = mass.cumsum(-1) - mass  # probability of strictly more likely units
            ordered = ordered.masked_fill(above >= self.top_p, -torch.inf)
            logits = torch.empty_like(logits).scatter(-1, index, ordered)
        if self.min_p is not None:
            least = logits.amax(-1, keepdim=True) + math.log(self.min_p)
            logits = logits.masked_fill(logits < least, -torch.inf)
        return logits


def guided(conditional: Tensor, unconditional: Tensor | None, strength: float) -> Tensor:
    """(1 + g) * conditional - g * unconditional (Ho & Salimans 2022, arXiv 2207.12598).

    Raises:
        ValueError: guidance is asked for and there is nothing to guide away from.
    """
    if strength == 0:
        return conditional
    if unconditional is None:
        raise ValueError(f"guidance {strength} needs the unconditional branch too; pass it, or 0")
    return (1 + strength) * conditional - strength * unconditional


def draw(
    logits: Float[Tensor, "*b v"], generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """One index per row of logits, and its log-probability.

    Raises:
        ValueError: a row is no law, because a logit is nan or all of them are -inf.
    """
    rows = logits.float().log_softmax(-1).view(-1, logits.shape[-1])
    try:
        index = _drawn(rows.exp(), generator)
    except RuntimeError as error:
        wrong = "nan" if logits.isnan().any() else "-inf everywhere, or +inf"
        raise ValueError(
            f"logits that are {wrong} give no probability to draw from; look at the network's "
            "weights (a training that diverged?) and at the law that cut them"
        ) from error
    shape = logits.shape[:-1]
    return index.view(shape), rows.gather(-1, index).view(shape)


def _drawn(p: Float[Tensor, "n v"], generator: torch.Generator | None) -> Int[Tensor, "n 1"]:
    """`torch.multinomial(p, 1)` to the last bit, also of the generator.

    That draws e_v ~ Exp(1) and takes the largest p_v / e_v, which is v with probability p_v. On a
    CPU most of its time goes into checks of p; for a softmax a look at the largest is enough.
    """
    if not p.is_cpu:
        return torch.multinomial(p, 1, generator=generator)
    best, index = (p / torch.empty_like(p).exponential_(1, generator=generator)).max(-1, True)
    if math.isnan(best.sum()):
        raise RuntimeError("a probability is nan")
    return index
