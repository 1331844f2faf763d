"""Language models that count: n-grams of any order from one pass over a text."""

import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Counts:
    """How often each gram (context c and the unit x behind it) was counted, sorted by its number.

    Attributes:
        grams, times: the grams as numbers in base v, and their counts n(c, x), all above 0.
        contexts, totals, kinds: the contexts, n(c) = sum_x n(c, x), and how many x followed c.
        discount: what is taken from every count, D = n1 / (n1 + 2 n2), with n1 and n2 the numbers
            of grams counted once and twice (Ney, Essen & Kneser 1994).
        vocab: the base v.
    """

    grams: Int[Tensor, "g"]
    times: Int[Tensor, "g"]
    contexts: Int[Tensor, "c"]
    totals: Int[Tensor, "c"]
    kinds: Int[Tensor, "c"]
    discount: float
    vocab: int

    def refine(self, gram: Int[Tensor, "*b"], shorter: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
        """p(x | c) = (max(n(c, x) - D, 0) + D · kinds(c) · shorter) / n(c).

        `shorter` is p(x | c') with c' one unit shorter; a context never seen keeps it as it is.
        The D taken from each kind of unit is what the shorter context hands out, so the law adds
        up to 1.
        """
        n, _ = _found(self.grams, gram, self.times)
        at = gram // self.vocab
        total, seen = _found(self.contexts, at, self.totals)
        kinds, _ = _found(self.contexts, at, self.kinds)
        kept = (n - self.discount).clamp(min=0)
        law = (kept + self.discount * kinds * shorter) / total.clamp(min=1)
        return torch.where(seen, law, shorter)


class Ngram:
    """p(x_t | x_<t) = p(x_t | x_{t-m}, …, x_{t-1}): counts of m + 1 units in a row.

    Each order falls back on the next shorter one (`Counts.refine`), down to all units being
    equally likely. With `novel` (Kneser & Ney 1995) the shorter orders do not count how *often* a
    gram stands in the text, but behind how many *different* units: "isco" is frequent, yet nearly
    always after "D", so it says little about a context that was never seen.

    It is a `decode.CachedModel` too, so that it writes like any other model.

    Args:
        text: the units it counts.
        vocab: number of units v.
        order: the longest context m; all shorter ones come with it.

    Raises:
        ValueError: order below 0, a text no longer than the context, a unit outside the
            vocabulary, or v^(m + 1) grams, which is more than an integer numbers.
    """

    def __init__(self, text: Int[Tensor, "n"], vocab: int, order: int, *, novel: bool = True):
        if order < 0 or len(text) <= order + 1:
            raise ValueError(
                f"order {order} must be at least 0 and the text longer than {order + 1} units; "
                f"it has {len(text)}"
            )
        if (order + 1) * math.log2(vocab) >= 63:
            most = int(63 / math.log2(vocab)) - 1
            raise ValueError(f"order {order} with {vocab} units is too long; use at most {most}")
        if not 0 <= int(text.min()) <= int(text.max()) < vocab:
            raise ValueError(f"the text holds units outside 0 … {vocab - 1}")
        self.vocab, self.order = vocab, order
        # Sorted once: the first m + 1 units of the sorted longest grams are the shorter grams.
        longest = _grams(text, vocab, order).sort().values
        parts = [longest // vocab ** (order - m) for m in range(order + 1)]
        grams = [torch.unique_consecutive(part, return_counts=True) for part in parts]
        self.often = [_counts(*pair, vocab) for pair in grams]
        self.shorter = self.often
        if novel:
            ends = [grams[m + 1][0] % vocab ** (m + 1) for m in range(order)]
            pairs = [torch.unique_consecutive(e.sort().values, return_counts=True) for e in ends]
            self.shorter = [_counts(*pair, vocab) for pair in pairs]

    def entries(self, order: int) -> int:
        """How many counts the model of this order keeps."""
        return sum(len(table.grams) for table in self._tables(order))

    def log_prob(self, text: Int[Tensor, "n"], order: int | None = None) -> Float[Tensor, "_"]:
        """Nats of text[order], text[order + 1], …, each given the `order` units before it."""
        order = self.order if order is None else order
        law = torch.full((len(text) - order,), 1 / self.vocab, dtype=torch.float64)
        for m, table in enumerate(self._tables(order)):
            law = table.refine(_grams(text, self.vocab, m)[order - m :], law)
        return law.log()

    def law(self, context: Int[Tensor, "b m"]) -> Float[Tensor, "b v"]:
        """p(x | context) for every unit x; of a long context the last `order` units count."""
        order, units = min(context.shape[1], self.order), torch.arange(self.vocab)
        law = torch.full((len(context), self.vocab), 1 / self.vocab, dtype=torch.float64)
        for m, table in enumerate(self._tables(order)):
            base = self.vocab ** torch.arange(m, 0, -1)
            behind = (context[:, context.shape[1] - m :] * base).sum(-1, keepdim=True)
            law = table.refine(behind + units, law)
        return law

    def share_seen(self, text: Int[Tensor, "n"], order: int) -> float:
        """The share of a text's contexts of `order` units that stood in the counted text."""
        _, seen = _found(
            self.often[order].contexts,
            _grams(text, self.vocab, order) // self.vocab,
            self.often[order].totals,
        )
        return float(seen.double().mean())

    def new_cache(self, batch: int, capacity: int) -> Any:
        """The last units that were read, none at first."""
        return SimpleNamespace(tokens=torch.zeros(batch, 0, dtype=torch.long))

    def read(self, tokens: Int[Tensor, "b n"], cache: Any) -> Float[Tensor, "b n v"]:
        """Read n units; log-probabilities of the unit after each."""
        known = torch.cat([cache.tokens, tokens], dim=1)
        begin = cache.tokens.shape[1]
        cache.tokens = known[:, max(known.shape[1] - self.order, 0) :]
        laws = [self.law(known[:, : begin + i + 1]) for i in range(tokens.shape[1])]
        return torch.stack(laws, dim=1).log()

    def _tables(self, order: int) -> list[Counts]:
        if not 0 <= order <= self.order:
            raise ValueError(f"order {order} was not counted; choose 0 … {self.order}")
        return [*self.shorter[:order], self.often[order]]


def _grams(text: Tensor, vocab: int, order: int) -> Int[Tensor, "_"]:
    """Every `order` + 1 units in a row as one number in base `vocab`."""
    runs = text.unfold(0, order + 1, 1)
    number = runs[:, 0].clone()
    for column in range(1, order + 1):
        number = number * vocab + runs[:, column]
    return number


def _counts(grams: Tensor, times: Tensor, vocab: int) -> Counts:
    contexts, place, kinds = torch.unique_consecutive(
        grams // vocab, return_inverse=True, return_counts=True
    )
    totals = torch.zeros_like(contexts).index_add_(0, place, times)
    once, twice = int((times == 1).sum()), int((times == 2).sum())
    discount = once / (once + 2 * twice) if once and twice else 0.5
    return Counts(grams, times, contexts, totals, kinds, discount, vocab)


def _found(keys: Tensor, wanted: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """The value of each wanted key, 0 where there is none, and whether there is one."""
    place = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
    there = keys[place] == wanted
    return torch.where(there, values[place], 0), there
