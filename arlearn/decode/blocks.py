"""Block diffusion as a sampler: blocks from left to right, masks inside a block lifted in parallel.

What lies before a block is read once and cached; the active block is looked at again and again.
Which keys and values may be kept from one look to the next is a choice with four names, see
`blockwise`.
"""

from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from arlearn.decode.unmask import Score, certainty
from arlearn.heads.law import Law, draw
from arlearn.plans import blocks
from arlearn.trace import Trace

Kept = Literal["exact", "prefix", "dual", "last"]
Context = Literal["causal", "block"]


@runtime_checkable
class BlockModel(Protocol):
    """A model that knows a mask and reads a text behind a cache, as `nets.two_half.TwoHalf`.

    Its state at a token predicts the token behind (the token shift), a masked one too.
    """

    mask_token: int
    head: Any

    def new_cache(self, batch: int, capacity: int) -> Any:
        """An empty cache."""
        ...

    def look(
        self,
        tokens: Int[Tensor, "b n"],
        cache: Any,
        *,
        mask: Any = "causal",
        positions: Int[Tensor, "n"] | None = None,
        commit: bool = True,
    ) -> Float[Tensor, "b n d"]:
        """Hidden states of tokens behind what the cache holds, under any mask."""
        ...


@torch.no_grad()
def blockwise(
    model: BlockModel,
    prompt: Int[Tensor, "b m"],
    n: int,
    *,
    size: int,
    sub: int | None = None,
    threshold: float | None = None,
    score: Score = "confidence",
    cache: Kept = "exact",
    context: Context = "causal",
    stop: int | None = None,
    law: Law | None = None,
    generator: torch.Generator | None = None,
) -> tuple[Int[Tensor, "b n"], Trace]:
    """Continue prompts by n tokens, `size` at a time.

    The first token of a block is drawn from the pass over everything before it. The others begin
    as masks; each pass guesses them from the tokens before theirs and shows, within the leftmost
    sub-block that has masks, the best one and all that score at least the threshold. A finished
    block is read once more without masks, which fills the cache and gives the next block's first
    token. So n tokens cost one pass a block and the passes inside; size 1 is `decode.write`.

    Args:
        prompt: at least one token (the model's start token will do).
        size: tokens of a block; the last one may be shorter.
        sub: tokens of a sub-block; the whole block unless given.
        threshold: None shows one token a pass.
        score: what is compared with it, see `decode.unmask.certainty`.
        cache: what a pass inside a block may keep of the passes before it.
            "exact": nothing. Only finished blocks are remembered, and from a fresh reading.
            "prefix": at the start of a sub-block the whole block is looked at; from then on what
            lies before it is kept as it was, and looks go from the token before it to the end.
            "dual": the later ones are kept too; only the sub-block itself is looked at, and the
            whole block as long as its first token is a mask.
            "last": as exact, but a finished block is not read again: the keys of its last look are
            kept, in which the tokens shown last were still masks. Saves a pass a block.
        context: how finished text is read, each token seeing those before it ("causal"), or all of
            its block too ("block"), as the model was trained.
        stop: a unit that ends a sample. Its later sub-blocks are filled with it at no cost, and
            the sampler ends when all samples have.

    Returns: the n new tokens, and a trace with one entry an evaluation: the positions of the
        sub-block, the guesses, and in `kept` which of them are shown after it.

    Raises:
        ValueError: an argument outside its range, or a text that the model's context cannot hold.

    Sources: Arriola et al. 2025 (arXiv 2503.09573) for blocks behind a cache; arXiv 2512.06776 for
    the causal re-reading and the first token; Wu et al. 2025 (Fast-dLLM, arXiv 2505.22618, and v2,
    2509.26328) for thresholds, sub-blocks, prefix and dual caches.
    """
    law, sub = law or Law(), sub or size
    _check(prompt, n, size, sub, threshold, score, cache, context, law)
    batch, m = prompt.shape
    how = _How(threshold, score, cache, stop, law, generator)
    units = prompt.new_full((batch, n), model.mask_token)
    run = _Run(model, model.new_cache(batch, m + n), units, Trace(n), how)
    aligned = blocks(m, size, first=(m - 1) % size + 1).mask().to(prompt.device)
    ahead = run.read(prompt, "causal" if context == "causal" else aligned), 1
    for begin in range(0, n, size):
        block = units[:, begin : begin + size]  # a view: what is shown in it is shown in units
        run.open(begin, block, *ahead)
        for left in range(0, block.shape[1], sub):
            run.fill(begin, block, left, min(left + sub, block.shape[1]))
            if run.ended(begin + left + sub):
                return units, run.trace
        if begin + size < n:
            ahead = run.close(block, "causal" if context == "causal" else None)
    return units, run.trace


@dataclass(frozen=True)
class _How:
    """What stays the same for a whole text."""

    threshold: float | None
    score: Score
    keep: Kept
    stop: int | None
    law: Law
    generator: torch.Generator | None


@dataclass
class _Run:
    """One text a sample; `cache.length` is where the active block begins, but inside `look`."""

    model: BlockModel
    cache: Any
    units: Int[Tensor, "b n"]
    trace: Trace
    how: _How
    last: Float[Tensor, "b d"] | None = None  # the state behind the block at its latest whole look

    def read(self, tokens: Tensor, mask: Any) -> Float[Tensor, "b 1 v"]:
        """Logits behind some finished tokens, which are remembered."""
        return self.model.head(self.model.look(tokens, self.cache, mask=mask)[:, -1:]).float()

    def open(self, begin: int, block: Tensor, logits: Tensor, evaluations: int) -> None:
        """The first token of a block, from a pass that may have been counted before."""
        self.last = None
        self._show(begin, block[:, :1], logits, evaluations)

    def fill(self, begin: int, block: Tensor, left: int, right: int) -> None:
        """Passes over the block until none of its tokens left … right-1 is a mask."""
        length, whole = self.cache.length, True
        while (block[:, left:right] == self.model.mask_token).any():
            first, states = self._look(length, block, left, right, whole)
            self._show(begin + first, block[:, first:right], self.model.head(states).float(), 1)
            waits = bool((block[:, left] == self.model.mask_token).any())
            whole = self.how.keep == "dual" and waits
        self.cache.crop(length)

    def close(self, block: Tensor, mask: Any) -> tuple[Float[Tensor, "b 1 v"], int]:
        """Remember a finished block; the logits behind it, and the evaluations they took."""
        if self.how.keep == "last" and self.last is not None:
            self.cache.advance(block.shape[1])
            return self.model.head(self.last).float(), 0
        return self.read(block, mask), 1

    def ended(self, shown: int) -> bool:
        """Whether every sample has its end within the tokens shown; fills up those that have."""
        if self.how.stop is None:
            return False
        over = (self.units[:, :shown] == self.how.stop).any(1)
        self.units[over, shown:] = self.how.stop
        return bool(over.all())

    def _look(
        self, length: int, block: Tensor, left: int, right: int, whole: bool
    ) -> tuple[int, Float[Tensor, "b k d"]]:
        """One pass over what is not kept: the states that predict the tokens up to right-1, and
        the first of those tokens; `whole` where nothing may be kept."""
        first = max(left, 1)  # the token at 0 is known
        if self.how.keep in ("exact", "last") or whole:
            states = self.model.look(block, self.cache, mask=None, commit=False)
            self.last = states[:, -1:]
            return first, states[:, first - 1 : right - 1]
        if self.how.keep == "prefix":
            self.cache.advance(first - 1)
            states = self.model.look(block[:, first - 1 :], self.cache, mask=None, commit=False)
            self.cache.crop(length)
            return first, states[:, : right - first]
        if self.cache.length == length:  # the rest of the block moves before the sub-block
            here = torch.arange(length + block.shape[1], device=block.device)
            self.cache.advance(block.shape[1])
            self.cache.keep(here[(here < length + left) | (here >= length + right)])
        places = torch.arange(length + left, length + right, device=block.device)
        states = self.model.look(
            block[:, left:right], self.cache, mask=None, positions=places, commit=False
        )
        return left + 1, states[:, :-1]

    def _show(self, at: int, block: Tensor, logits: Float[Tensor, "b n v"], evaluations: int):
        """Guess what is hidden in a part of a block, show the best guess and all good ones."""
        how, shown = self.how, block != self.model.mask_token
        guess = torch.where(shown, block, draw(how.law.filter(logits), how.generator)[0])
        sure = certainty(logits, guess, how.score, how.generator).masked_fill(shown, -torch.inf)
        chance = certainty(logits, guess, "confidence").masked_fill(shown, 1.0)
        now = shown | (torch.arange(block.shape[1], device=block.device) == sure.argmax(1, True))
        if how.threshold is not None:
            now |= sure >= how.threshold
        block.copy_(torch.where(now, guess, block))
        places = torch.arange(at, at + block.shape[1])
        self.trace.record(places, guess, evaluations, confidence=chance, kept=now)


def _check(prompt, n, size, sub, threshold, score, cache, context, law) -> None:
    """Refuse what is outside its range."""
    if not prompt.numel() or n < 1:
        raise ValueError(
            f"a prompt of shape {tuple(prompt.shape)} and n={n}: give at least one token to "
            "continue (a model's start token will do), and n of at least 1"
        )
    if size < 1 or not 1 <= sub <= size:
        raise ValueError(f"blocks of size={size} with sub={sub}: 1 <= sub <= size")
    if threshold is not None and (threshold <= 0 or score == "random"):
        raise ValueError(
            f"threshold={threshold} with score={score!r}: a threshold is above 0 and goes with a "
            "score the law decides; None shows one token a pass"
        )
    for name, value, kind in (("score", score, Score), ("cache", cache, Kept),
                              ("context", context, Context)):  # fmt: skip
        if value not in get_args(kind):
            raise ValueError(f"{name} {value!r} is none of {', '.join(get_args(kind))}")
    if law.guidance:
        raise ValueError(f"guidance {law.guidance} is not applied here; give a law without it")
