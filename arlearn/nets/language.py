"""A language model: next-token prediction over text of any length up to its context."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.checks import axes, indices
from arlearn.heads.categorical import Categorical
from arlearn.nets.cache import Cache
from arlearn.nets.plan_model import PlanModel
from arlearn.nets.transformer import Transformer
from arlearn.plans import raster


class LanguageModel(PlanModel):
    """p(text) = prod_t p(x_t | x_<t), a decoder in the manner of Llama (arXiv 2302.13971).

    Tokens: indices below `vocab`. Plan: raster. Head: categorical. Position 0 is fed the start
    token, whose index is `vocab`; position t the token before it. Being causal it reads any text
    of up to `context` tokens, so it trains on windows and samples shorter or longer ones.

    It is a `decode.CachedModel` too: `new_cache` and `read` take a text piece by piece. There the
    caller feeds the tokens, so a text that begins from nothing begins with `model.start`.

    Args:
        vocab: number of tokens.
        context: the longest text it reads.
        width, depth, heads, dropout: of its transformer.
    """

    def __init__(
        self,
        vocab: int,
        context: int,
        *,
        width: int,
        depth: int,
        heads: int | None = None,
        dropout: float = 0.0,
    ):
        backbone = Transformer(width, depth, heads, dropout=dropout)
        super().__init__(raster(context), backbone, Categorical(width, vocab))
        self.vocab, self.context, self.start = vocab, context, vocab
        self.embed = nn.Embedding(vocab + 1, width)
        nn.init.normal_(self.embed.weight, std=0.5)

    def inputs(
        self, units: Int[Tensor, "b t"], s: int, cond: Float[Tensor, "b e"] | None = None
    ) -> Float[Tensor, "b 1 d"]:
        """The start token for step 0, else the token before."""
        return self.embed(
            units.new_full((len(units), 1), self.start) if s == 0 else units[:, s - 1 : s]
        )

    def sequence(
        self, units: Int[Tensor, "b t"], cond: Float[Tensor, "b e"] | None = None
    ) -> Float[Tensor, "b t d"]:
        """The text one token to the right, behind the start token."""
        return self.embed(
            torch.cat([units.new_full((len(units), 1), self.start), units[:, :-1]], 1)
        )

    def forward(
        self, units: Int[Tensor, "b t"], labels: Int[Tensor, "b"] | None = None
    ) -> Float[Tensor, "b t d"]:
        """Hidden states from which each token of a text is predicted; t may be below the context.

        Raises:
            TypeError: the tokens are no integers.
            ValueError: no batch of texts, a token outside the vocabulary, a text that is empty or
                longer than the context, or labels.
        """
        axes("texts", units, "b t")
        indices("tokens", units, self.vocab)
        self.condition(labels, len(units))
        self._fits(units.shape[1])
        return self.backbone(self.sequence(units), mask="causal")

    def unit_loss(
        self, units: Int[Tensor, "b t"], labels: Int[Tensor, "b"] | None = None
    ) -> Float[Tensor, "b t"]:
        """Negative log-likelihood of each token of a text, in nats; t may be below the context."""
        return self.head.loss(self(units, labels), units)

    def logits(self, units: Int[Tensor, "b t"]) -> Float[Tensor, "b t v"]:
        """Logits of each token of a text given the tokens before it."""
        return self.head(self(units))

    def new_cache(self, batch: int, capacity: int) -> Cache:
        """An empty cache for `batch` texts of at most `capacity` tokens, the start token counted.

        Raises:
            ValueError: the capacity exceeds the context (and its start token).
        """
        self._fits(capacity - 1)
        return self.backbone.cache(batch, capacity)

    def read(self, tokens: Int[Tensor, "b n"], cache: Any) -> Float[Tensor, "b n v"]:
        """Read n tokens behind those in the cache; the logits of the token after each.

        Raises:
            TypeError, ValueError: a text begins with what is no token.
        """
        if not cache.length:  # what comes later was mostly drawn from this model
            indices("tokens", tokens, self.vocab + 1)
        return self.head(self.backbone(self.embed(tokens), mask="causal", cache=cache))

    def _fits(self, length: int) -> None:
        if not 1 <= length <= self.context:
            raise ValueError(
                f"a text of {length} tokens does not fit a context of {self.context}; "
                f"cut it to 1 … {self.context}, or build the model with a larger context="
            )
