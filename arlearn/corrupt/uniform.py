"""Uniform-state diffusion: units are replaced by random ones, and may change at every step back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Generator, Tensor

from arlearn.corrupt.checks import in_vocabulary, one_of
from arlearn.corrupt.times import Linear, Schedule, Time, along, in_order
from arlearn.heads.law import Law, draw

Model = Callable[[Tensor, Tensor], Tensor]  # x_t [b t], t [b] -> logits of the clean unit [b t v]


@dataclass(frozen=True)
class Uniform:
    """q(x_t | x) = alpha(t) [x_t = x] + (1 - alpha(t)) / v.

    No unit says of itself that it is noise, so the network is told the time, and what was drawn
    early can still be corrected late.

    Attributes:
        vocab: number of units v.
        schedule: alpha(t), the share of units not yet redrawn at time t.

    Source: Hoogeboom et al. 2021 (arXiv 2102.05379); Austin et al. 2021 (D3PM, arXiv 2107.03006),
    appendix A.2.1.
    """

    vocab: int
    schedule: Schedule = field(default_factory=Linear)

    def forward_law(self, x: Int[Tensor, "b t"], t: Time) -> Float[Tensor, "b t {self.vocab}"]:
        """q(x_t | x) of every unit.

        Raises:
            ValueError: a unit that is none of the vocabulary, or a time outside 0..1.
        """
        in_vocabulary(x, self.vocab)
        alpha = self.schedule.alpha(along(t, x))[..., None]
        return alpha * F.one_hot(x, self.vocab) + (1 - alpha) / self.vocab

    def corrupt(
        self, x: Int[Tensor, "b t"], t: Time, *, generator: Generator | None = None
    ) -> Int[Tensor, "b t"]:
        """x with each unit drawn anew, from all v, with probability 1 - alpha(t)."""
        in_vocabulary(x, self.vocab)
        stands = self.schedule.alpha(along(t, x))
        anew = torch.rand(x.shape, generator=generator, device=x.device) >= stands
        noise = torch.randint(self.vocab, x.shape, generator=generator, device=x.device)
        return torch.where(anew, noise, x)

    def posterior(
        self,
        x_t: Int[Tensor, "b t"],
        clean: Float[Tensor, "b t {self.vocab}"],
        t: Time,
        s: Time,
    ) -> Float[Tensor, "b t {self.vocab}"]:
        """The law of x_s given x_t, when the clean unit follows the law `clean` given x_t.

        Σ_x clean(x) q(x_s | x_t, x),  q(x_s | x_t, x) = q(x_t | x_s) q(x_s | x) / q(x_t | x),
        where q(x_t | x_s) is again a uniform kernel, with alpha(t) / alpha(s). A one-hot `clean`
        gives Bayes' posterior; the true p(x | x_t) gives the true reverse step.

        Args:
            clean: probabilities over the vocabulary for every unit.
            t, s: the later and the earlier time.

        Source: the mixture form is that of VQ-Diffusion (arXiv 2111.14822), equation 11.
        """
        late = self.schedule.alpha(along(t, x_t))[..., None]
        early = self.schedule.alpha(along(s, x_t))[..., None]
        here = F.one_hot(x_t, self.vocab)
        step = late / early
        back = step * here + (1 - step) / self.vocab  # q(x_t | x_s), as a function of x_s
        likely = late * here + (1 - late) / self.vocab  # q(x_t | x), as a function of x
        # Where q(x_t | x) = 0 (only at t = 0) the clean law cannot have mass either.
        weight = torch.where(likely > 0, clean / likely, 0.0)
        return back * (early * weight + (1 - early) / self.vocab * weight.sum(-1, keepdim=True))

    def divergence(
        self, model: Model, x: Int[Tensor, "b t"], x_t: Int[Tensor, "b t"], t: Time, s: Time
    ) -> Float[Tensor, "b t"]:
        """KL(q(x_s | x_t, x) || the model's reverse step) of each unit, in nats.

        At s = 0 it is -log p(x | x_t). Summed over the steps of a chain it bounds -log p(x).
        """
        clean = self._logits(model, x_t, t).softmax(-1)
        wanted = self.posterior(x_t, F.one_hot(x, self.vocab).float(), t, s)
        # A probability that float32 rounds to 0 counts 87 nats, not infinity.
        offered = self.posterior(x_t, clean, t, s).clamp(min=torch.finfo(torch.float32).tiny)
        return (torch.xlogy(wanted, wanted) - wanted * offered.log()).sum(-1)

    def loss(
        self,
        model: Model,
        x: Int[Tensor, "b t"],
        *,
        steps: int = 100,
        weight: Literal["likelihood", "uniform"] = "likelihood",
        generator: Generator | None = None,
    ) -> Float[Tensor, "b t"]:
        """The loss of each unit at a random step of a chain of `steps`.

        Weighted for likelihood, steps times `divergence`: its expected sum over a sample is
        `bound`. Uniform: cross-entropy of the clean unit given x_t, which bounds nothing.

        Raises:
            ValueError: fewer than 1 step, or a unit that is none of the vocabulary.
        """
        one_of("weight", weight, ("likelihood", "uniform"))
        moments = torch.arange(1, _positive(steps) + 1, device=x.device) / steps
        t = moments[torch.randint(steps, (len(x),), generator=generator, device=x.device)]
        x_t = self.corrupt(x, t, generator=generator)
        if weight == "likelihood":
            return steps * self.divergence(model, x, x_t, t, (t - 1 / steps).clamp(min=0))
        logits = self._logits(model, x_t, t)
        return F.cross_entropy(logits.flatten(0, 1), x.flatten(), reduction="none").view_as(x)

    @torch.no_grad()
    def bound(
        self,
        model: Model,
        x: Int[Tensor, "b t"],
        *,
        steps: int = 100,
        generator: Generator | None = None,
    ) -> Float[Tensor, "b"]:
        """Unbiased estimate of the bound on -log p(x), in nats per sample, for `steps` steps.

        Σ_i KL(q(x_s | x_t, x) || p(x_s | x_t)) over t = i/steps, s = (i - 1)/steps, with one x_t
        drawn for each; at t = 1 nothing of x is left, so the prior costs nothing.

        Raises:
            ValueError: fewer than 1 step, or a unit that is none of the vocabulary.
        """
        total = torch.zeros(len(x), device=x.device)
        for i in range(1, _positive(steps) + 1):
            x_t = self.corrupt(x, i / steps, generator=generator)
            total += self.divergence(model, x, x_t, i / steps, (i - 1) / steps).sum(1)
        return total

    def reverse(
        self,
        model: Model,
        x_t: Int[Tensor, "b t"],
        t: float,
        s: float,
        *,
        law: Law | None = None,
        generator: Generator | None = None,
    ) -> Int[Tensor, "b t"]:
        """Draw x_s given x_t, with the model's law of the clean unit (after `law`) in `posterior`.

        Raises:
            ValueError: unless 0 <= s < t <= 1.
        """
        in_order(t, s)
        clean = (law or Law()).filter(self._logits(model, x_t, t)).softmax(-1)
        return draw(self.posterior(x_t, clean, t, s).log(), generator)[0]

    def _logits(self, model: Model, x_t: Tensor, t: Time) -> Tensor:
        time = torch.as_tensor(t, dtype=torch.float32, device=x_t.device)
        logits = model(x_t, time.expand(len(x_t)) if time.ndim == 0 else time)
        if logits.shape != (*x_t.shape, self.vocab):
            raise ValueError(
                f"the model answers units of shape {tuple(x_t.shape)} with "
                f"{tuple(logits.shape)}; it must give {self.vocab} logits each"
            )
        return logits.float()


def _positive(steps: int) -> int:
    if steps < 1:
        raise ValueError(f"a chain needs at least 1 step, not {steps}")
    return steps
