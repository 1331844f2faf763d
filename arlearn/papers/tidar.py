"""TiDAR, "Think in Diffusion, Talk in Autoregression" (Liu et al. 2025, arXiv 2511.08923).

Tokens: characters. Plan: drafts. Head: one categorical for both ways of reading. One pass checks a
draft and makes the next, for every place where the check may stop. See
chapters/08_diffusion_lm/52_tidar.py.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from arlearn.corrupt.masking import Absorbing
from arlearn.decode.rounds import Verdict, record
from arlearn.decode.speculative import accept, check_request
from arlearn.heads.law import Law, draw
from arlearn.nets.two_half import TwoHalf
from arlearn.plans import blocks, raster, two_streams, windows
from arlearn.trace import Trace


class TiDAR(TwoHalf):
    """A language model that also guesses the next K tokens at once, at masks behind its text.

    L = (alpha · L_talk + L_think) / (1 + alpha), both from one pass over [text | masks].
    L_talk: the nats of every token given those before it. L_think: the nats of every token at its
    own mask, in blocks of K that see the text before them and themselves.

    Args:
        vocab, context, sizes: as for `LanguageModel`.
        block: K in training; a decoder may draft as many or fewer.
        alpha: weight of L_talk; `math.inf` trains the language model alone.
        full: hide all of a block; else a random share of each, as in block diffusion.
    """

    def __init__(
        self,
        vocab: int,
        context: int,
        *,
        block: int = 8,
        alpha: float = 1.0,
        full: bool = True,
        **sizes,
    ):
        if block < 1 or not alpha >= 0:
            raise ValueError(f"block={block} must be at least 1, and alpha={alpha} not negative")
        super().__init__(vocab, context, **sizes)
        self.block, self.alpha, self.full = block, alpha, full

    def both(
        self, units: Int[Tensor, "b t"], *, full: bool | None = None
    ) -> tuple[Float[Tensor, "b t"], Float[Tensor, "b t-1"], Bool[Tensor, "b t-1"]]:
        """Nats of each token in the text and at its mask, and whether it was hidden there.

        Token i is read at place i + 1, behind the start token; there its mask stands and predicts
        it in place. The last token is never read and has none.
        """
        (n, t), where = units.shape, units.device
        plan = blocks(t, self.block, first=1)
        level = 1.0  # of the noise: everything is hidden
        if not (self.full if full is None else full):
            level = torch.rand(n, plan.n_steps, device=where)[:, plan.step.to(where)]
        clean = self.read_as(units)
        noisy = Absorbing(self.mask_token).corrupt(clean, level)
        talk, think = self.halves(clean, noisy, two_streams(raster(t), plan).to(where))
        hidden, nats = noisy[:, 1:] == self.mask_token, self.head.loss(think[:, 1:], units[:, :-1])
        return self.head.loss(talk, units), nats * hidden, hidden

    def loss(self, units: Int[Tensor, "b t"], labels: None = None) -> Float[Tensor, ""]:
        """(alpha · L_talk + L_think) / (1 + alpha) in nats; L_think is over what is hidden."""
        if math.isinf(self.alpha):
            return self.unit_loss(units, labels).mean()
        talk, think, hidden = self.both(units)
        think = think.sum() / hidden.sum().clamp(min=1)
        return (self.alpha * talk.mean() + think) / (1 + self.alpha)


def decode_mask(k: int) -> tuple[Bool[Tensor, "n n"], Int[Tensor, "n"]]:
    """Who sees whom among the n = k + k² new places of a pass, and where they stand.

    First k drafts, causal among themselves. Then groups a = 1 … k of k masks, each of which sees
    the drafts before place a and itself: it is what comes next if the check stops there. Everybody
    also sees the text before, which is no part of this mask.

    Returns: the mask, and places counted from the first draft's.
    """
    group = torch.arange(k + 1).repeat_interleave(k)  # 0: the drafts
    offset = torch.arange(k).repeat(k + 1)
    draft = group == 0
    together = group[:, None] == group[None, :]
    causal = offset[None, :] <= offset[:, None]
    before = draft[None, :] & (offset[None, :] < group[:, None])
    return torch.where(draft[:, None], together & causal, together | before), group + offset


@dataclass(frozen=True)
class Round:
    """One pass of the decoder.

    Attributes:
        tested: the place in the text of d_1, the first draft that is tested.
        draft: d_0 … d_{k-1}; d_0 was final before. Empty in the first pass, which reads the prompt.
        q: the laws that d_1 … were drawn from.
        p: the text's own laws behind each draft, the ones that are tested against.
        verdict: how many of d_1 … stand, and the token behind them.
        groups: hidden states of the masks; the next draft comes from group `verdict.n_accepted`.
    """

    tested: int
    draft: Int[Tensor, "1 _"]
    q: Float[Tensor, "1 _ v"]
    p: Float[Tensor, "1 _ v"]
    verdict: Verdict
    groups: Float[Tensor, "1 a k d"]


@torch.no_grad()
def rounds(
    model: TwoHalf,
    prompt: Int[Tensor, "1 m"],
    n: int,
    *,
    length: int,
    law: Law = Law(),
    beta: float = 1.0,
    generator: Generator | None = None,
) -> Iterator[Round]:
    """The passes that write n tokens behind a prompt, see `generate`."""
    check_request(prompt, n, length, law)
    if length < 1 or not 0 <= beta <= 1:
        raise ValueError(f"length {length} must be at least 1 (plain decoding), beta {beta} 0 … 1")
    known, left = prompt.shape[1], n - 1
    cache = model.backbone.cache(1, known + n + length + length**2)
    masks, nothing = prompt.new_full((1, length**2), model.mask_token), prompt[:, :0]
    seen = windows([1] * known + [length]).mask().to(prompt.device)
    fixed = [[x.to(prompt.device) for x in decode_mask(k + 1)] for k in range(min(length, n))]
    states = model.look(torch.cat([prompt, masks[:, :length]], 1), cache, mask=seen, commit=False)
    p = law.filter(model.head(states[:, known - 1 : known]).float()).softmax(-1)
    verdict, groups = accept(nothing, p[:, :0], p, generator), states[:, None, known:]
    cache.advance(known)
    yield Round(known, nothing, p[:, :0], p, verdict, groups)
    while left:
        k = min(length, left)
        logits = law.filter(model.head(groups[:, int(verdict.n_accepted), 1:k]).float())
        q, drafts = logits.softmax(-1), draw(logits, generator)[0] if k > 1 else nothing
        draft = torch.cat([verdict.next_token[:, None], drafts], 1)
        tokens = torch.cat([draft, masks[:, : k * k]], 1)
        own, place = fixed[k - 1]
        seen = torch.cat([own.new_ones(len(own), known), own], 1)
        states = model.look(tokens, cache, mask=seen, positions=known + place, commit=False)
        p = law.filter(model.head(states[:, :k]).float()).softmax(-1)
        judge = torch.cat([beta * p[:, :-1] + (1 - beta) * q, p[:, -1:]], 1)
        verdict, groups = accept(drafts, q, judge, generator), states[:, k:].unflatten(1, (k, k))
        stands = 1 + int(verdict.n_accepted)
        cache.advance(stands)  # the drafts were written first; what fell and all masks are lost
        yield Round(known + 1, draft, q, judge, verdict, groups)
        known, left = known + stands, left - stands


def generate(
    model: TwoHalf,
    prompt: Int[Tensor, "1 m"],
    n: int,
    *,
    length: int,
    law: Law = Law(),
    beta: float = 1.0,
    stop: int | None = None,
    generator: Generator | None = None,
) -> tuple[Int[Tensor, "1 n"], Trace]:
    """Continue a prompt by n tokens of the language model's law, up to `length` a pass.

    A pass reads the draft d_0 … d_{k-1} and k groups of masks. d_0 is final already. Each of d_1 …
    stands as in `decode.accept`, tested against the text's own law; behind the last that stands
    comes a token y of that law, and the group at that place has the laws of what follows y. Only
    the drafts that stand are remembered.

    Args:
        prompt: what is read first; begins with `model.start`.
        length: k, drafts a pass with d_0; 1 is plain decoding.
        beta: 1 is exact. Below, drafts are tested against beta p + (1 - beta) q, which lets more
            stand and is no longer the language model's law.
        stop: a token that ends the text; the rest is filled with it at no cost.

    Returns: the new tokens, and a trace as `decode.speculative` writes it: the drafts of a pass (0
        evaluations, `kept` says which stand), then y (1 evaluation).

    Raises:
        ValueError: no prompt, n or length below 1, or guidance.
    """
    trace, begin = Trace(n), prompt.shape[1]
    for one in rounds(model, prompt, n, length=length, law=law, beta=beta, generator=generator):
        record(trace, one.tested - begin, one.draft[:, 1:], one.q, one.p, one.verdict)
        if stop is not None and any((s.units[s.kept] == stop).any() for s in trace.steps[-2:]):
            break
    return trace.units_after(trace.n_steps, -1 if stop is None else stop).to(prompt.device), trace
