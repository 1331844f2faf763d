"""A language model that counts: the law of a token given the last few, as a table."""

from types import SimpleNamespace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Markov:
    """p(x_t | x_<t) = table[x_{t-m}, …, x_{t-1}, x_t], a law that looks m tokens back.

    It is a `decode.CachedModel` whose law is known exactly, so a sampler can be held against it;
    counted from a text it is a draft that costs next to nothing. Where fewer than m tokens stand
    before a place, token 0 fills up from the left; a start token (index v) is read as token 0 too.

    Args:
        table: probabilities, `v` along each of m + 1 axes, that add up to 1 along the last.

    Raises:
        ValueError: the axes differ in length, there is only one, or a law does not add up to 1.
    """

    def __init__(self, table: Float[Tensor, "*v"]):
        if table.ndim < 2 or len(set(table.shape)) > 1:
            raise ValueError(
                f"a table of shape {tuple(table.shape)} is no law of tokens given tokens; give "
                "the vocabulary along each of 2 or more axes"
            )
        total = table.sum(-1)
        if bool((table < 0).any()) or not torch.allclose(total, torch.ones_like(total), atol=1e-4):
            raise ValueError("a row of the table is no law: it must be positive and add up to 1")
        self.table, self.vocab, self.order = table, table.shape[-1], table.ndim - 1

    @classmethod
    def count(
        cls, units: Int[Tensor, "n"], vocab: int, order: int, *, prior: float = 1.0
    ) -> "Markov":
        """Counted from a text: p_m(x | c) = (n(c, x) + a p_{m-1}(x | c')) / (n(c) + a).

        c' is the context c without its first token and p_{-1} is uniform, so a context that was
        never seen falls back on the next shorter one (MacKay & Peto 1995).

        Args:
            prior: the weight a of the shorter context, in tokens.

        Raises:
            ValueError: order below 1, prior not above 0, or a text no longer than the order.
        """
        if order < 1 or not prior > 0 or len(units) <= order:
            raise ValueError(
                f"order {order} must be at least 1 and below the {len(units)} tokens of the text, "
                f"and prior {prior} above 0"
            )
        law = torch.full((vocab,), 1 / vocab, device=units.device)
        for m in range(order + 1):
            seen = units.unfold(0, m + 1, 1)
            place = (seen * vocab ** torch.arange(m, -1, -1, device=units.device)).sum(-1)
            n = torch.bincount(place, minlength=vocab ** (m + 1)).view([vocab] * (m + 1))
            law = (n + prior * law) / (n.sum(-1, keepdim=True) + prior)
        return cls(law)

    def new_cache(self, batch: int, capacity: int) -> Any:
        """An empty cache for `batch` texts: the tokens read so far, with `length` and `crop`."""
        nothing = torch.zeros(batch, 0, dtype=torch.long, device=self.table.device)
        cache = SimpleNamespace(tokens=nothing, length=0)

        def crop(length: int) -> None:
            cache.tokens, cache.length = cache.tokens[:, :length], length

        cache.crop, cache.capacity = crop, capacity
        return cache

    def read(self, tokens: Int[Tensor, "b n"], cache: Any) -> Float[Tensor, "b n v"]:
        """Log-probabilities of the token after each of n new ones.

        Raises:
            ValueError: the cache has no room for them.
        """
        n, end = tokens.shape[1], cache.length + tokens.shape[1]
        if end > cache.capacity:
            raise ValueError(f"{end} tokens do not fit a cache for {cache.capacity}")
        known = tokens.masked_fill(tokens == self.vocab, 0)
        cache.tokens, cache.length = torch.cat([cache.tokens, known], dim=1), end
        blank = tokens.new_zeros(len(tokens), self.order)
        behind = torch.cat([blank, cache.tokens], dim=1)[:, -(n + self.order - 1) :]
        return self.table[behind.unfold(1, self.order, 1).unbind(-1)].log()

    def joint(self, prompt: Int[Tensor, "m"], n: int) -> Float[Tensor, "_"]:
        """The law of the next n tokens together, by enumeration: v^n numbers, the last token's
        index running fastest.

        Raises:
            ValueError: there are more than ten million of them.
        """
        if self.vocab**n > 10**7:
            raise ValueError(
                f"{self.vocab}^{n} continuations are too many to enumerate; lower n={n}"
            )
        texts, law = prompt[None], self.table.new_ones(1)
        for _ in range(n):
            step = self.read(texts, self.new_cache(len(texts), texts.shape[1]))[:, -1].exp()
            law = (law[:, None] * step).flatten()
            every = torch.arange(self.vocab, device=texts.device).repeat(len(texts))[:, None]
            texts = torch.cat([texts.repeat_interleave(self.vocab, 0), every], dim=1)
        return law
