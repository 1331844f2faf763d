"""The law of a discrete unit: a softmax over the vocabulary."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from arlearn.corrupt.checks import in_vocabulary
from arlearn.heads.checks import guidable
from arlearn.heads.law import Law, draw, guided


class Categorical(nn.Module):
    """p(unit = v | h) = softmax(W norm(h) + b)_v.

    The head is called on the states of a network: `head(h)` are the logits.

    Args:
        width: size d of a state.
        vocab: number of units v.
        norm: normalise the state first (for backbones that end without a norm).
    """

    def __init__(self, width: int, vocab: int, *, norm: bool = False):
        super().__init__()
        self.vocab = vocab
        self.norm = nn.RMSNorm(width) if norm else nn.Identity()
        self.linear = nn.Linear(width, vocab)

    def forward(self, h: Float[Tensor, "*b d"]) -> Float[Tensor, "*b v"]:
        """Logits of every unit, in float32 whatever the precision of the network."""
        return self.linear(self.norm(h)).float()

    def log_prob(self, h: Float[Tensor, "*b d"], target: Int[Tensor, "*b"]) -> Float[Tensor, "*b"]:
        """log p(target | h), in nats.

        Raises:
            ValueError: a target is not in the vocabulary.
        """
        return -self.loss(h, target)

    def loss(self, h: Float[Tensor, "*b d"], target: Int[Tensor, "*b"]) -> Float[Tensor, "*b"]:
        """Cross-entropy of each unit, -log p(target | h), in nats.

        Raises:
            ValueError: a target is not in the vocabulary.
        """
        in_vocabulary(target, self.vocab)
        logits = self(h).flatten(0, -2)
        return F.cross_entropy(logits, target.flatten(), reduction="none").view(target.shape)

    @torch.no_grad()
    def sample(
        self,
        h: Float[Tensor, "*b d"],
        *,
        null: Float[Tensor, "*b d"] | None = None,
        guidance: float = 0.0,
        law: Law | None = None,
        generator: Generator | None = None,
    ) -> tuple[Int[Tensor, "*b"], Float[Tensor, "*b"]]:
        """Draw a unit per state; returns it and its log-probability under the law drawn from.

        Args:
            h: states of the conditional network.
            null: states of the same network without its condition; needed for guidance.
            guidance: strength at this step, `law.strength(step, n_steps)`.
            law: temperature and truncation; its own `guidance` is not read here.

        Raises:
            ValueError: guidance without `null`, or `law.top_k` above the vocabulary.
        """
        guidable(null, guidance)
        away = self(null) if guidance else None
        return draw((law or Law()).filter(guided(self(h), away, guidance)), generator)
