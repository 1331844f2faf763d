"""The law of a code made of sub-codes that are independent given the state."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from arlearn.heads.checks import guidable
from arlearn.heads.law import Law, draw, guided
from arlearn.tokens.binary import bits_each, join, split


class Factored(nn.Module):
    """p(c | h) = prod_j softmax(W_j h + b_j)[c_j]: m heads on the same state, drawn in parallel.

    A unit is the code as one number of `bits` bits; its sub-codes are the bits in runs, first bits
    first. Instead of 2^bits rows the m heads have m * 2^(bits/m). One part is `Categorical`. What
    it cannot say is how the sub-codes of one position hang together once the state is known.

    The head is called on the states of a network: `head(h)` are the logits of every sub-code.

    Args:
        width: size d of a state.
        bits: bits D of a whole code.
        parts: number of sub-codes m.

    Raises:
        ValueError: the parts do not divide the bits.

    Source: ELM (arXiv 2410.16257), "m-d" tokens.
    """

    def __init__(self, width: int, bits: int, parts: int):
        super().__init__()
        self.bits, self.parts, self.vocab = bits, parts, 2**bits
        self.each = bits_each(bits, parts)
        self.linear = nn.Linear(width, parts * 2**self.each)

    def forward(self, h: Float[Tensor, "*b d"]) -> Float[Tensor, "*b m v"]:
        """Logits of every sub-code, in float32 whatever the precision of the network."""
        return self.linear(h).float().unflatten(-1, (self.parts, 2**self.each))

    def log_prob(self, h: Float[Tensor, "*b d"], target: Int[Tensor, "*b"]) -> Float[Tensor, "*b"]:
        """log p(code | h) = sum_j log p_j(c_j | h), in nats.

        Raises:
            IndexError: a target is not in the vocabulary.
        """
        return -self.loss(h, target)

    def loss(self, h: Float[Tensor, "*b d"], target: Int[Tensor, "*b"]) -> Float[Tensor, "*b"]:
        """Nats of each code: the *sum* over its sub-codes, so that all splits can be compared.

        Raises:
            IndexError: a target is not in the vocabulary.
        """
        wanted = split(target, self.parts, self.bits)
        logits = self(h).flatten(0, -2)
        nats = F.cross_entropy(logits, wanted.flatten(), reduction="none")
        return nats.view(wanted.shape).sum(-1)

    def joint(self, h: Float[Tensor, "*b d"]) -> Float[Tensor, "*b v"]:
        """log p of all 2^bits codes, for samplers that ask how sure a whole position is."""
        parts = self(h).log_softmax(-1).unbind(-2)
        total = parts[0]
        for part in parts[1:]:
            total = (total[..., :, None] + part[..., None, :]).flatten(-2)
        return total

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
        """Draw a code per state, every sub-code with a random number of its own.

        Temperature, top-k and top-p act on each sub-code's law; the log-probability returned is
        that of the whole code under the laws drawn from. Arguments as for `Categorical.sample`.

        Raises:
            ValueError: guidance without `null`, or `law.top_k` above a sub-code's vocabulary.
        """
        guidable(null, guidance)
        away = self(null) if guidance else None
        logits = (law or Law()).filter(guided(self(h), away, guidance))
        subcodes, log_p = draw(logits, generator)
        return join(subcodes, self.bits), log_p.sum(-1)
