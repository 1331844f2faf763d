"""Exact speculation: a small model drafts, the target checks all drafts in one pass.

The accept/reject core (`accept`, `accept_ratio`) knows no model: whatever proposes units with a
known law can be checked with it. `speculative` is the loop over two cached language models.
"""

from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from arlearn.decode.rounds import Verdict, record
from arlearn.heads.law import Law, draw
from arlearn.trace import Trace


def accept(
    draft: Int[Tensor, "*b k"],
    q: Float[Tensor, "*b k v"],
    p: Float[Tensor, "*b k+1 v"],
    generator: torch.Generator | None = None,
) -> Verdict:
    """Check k drafted tokens so that what stands follows p exactly.

    Draft x_j stands with probability min(1, p_j(x_j) / q_j(x_j)). At the first that falls, the
    token is drawn from norm(max(p_j - q_j, 0)) instead; if all stand, one more from p_k. Exact
    because min(p, q) + max(p - q, 0) = p. Greedy decoding is the case of one-hot p and q.

    Args:
        draft: the drafted tokens; k may be 0.
        q: the probabilities each was actually drawn from, after temperature and truncation.
        p: the target's probabilities given the drafts before, and behind the last one.

    Raises:
        ValueError: q gives a drafted token no probability, so it is not the law it came from.

    Source: Leviathan et al. 2023 (arXiv 2211.17192), algorithm 1; Chen et al. 2023 (2302.01318).
    """
    k = draft.shape[-1]
    log_q = q.gather(-1, draft[..., None])[..., 0].log()
    if torch.isneginf(log_q).any():
        raise ValueError(
            "a drafted token has probability 0 under q; give the law it was drawn from, "
            "after temperature and truncation"
        )
    log_p = p[..., :k, :].gather(-1, draft[..., None])[..., 0].log()
    n_accepted = accept_ratio(log_p - log_q, generator)
    at = n_accepted[..., None, None].expand(*n_accepted.shape, 1, p.shape[-1])
    target = p.gather(-2, at)[..., 0, :]
    drafted = torch.cat([q, torch.zeros_like(p[..., :1, :])], dim=-2).gather(-2, at)[..., 0, :]
    rest = (target - drafted).clamp_min(0)
    # p = q up to rounding may still refuse once in 1e7 and leave no rest; either law serves then
    rest = torch.where(rest.sum(-1, keepdim=True) > 0, rest, target)
    next_token = torch.multinomial(rest.reshape(-1, rest.shape[-1]), 1, generator=generator)
    return Verdict(n_accepted, next_token.view(n_accepted.shape))


def accept_ratio(
    log_ratio: Float[Tensor, "*b k"], generator: torch.Generator | None = None
) -> Int[Tensor, "*b"]:
    """How many of k drafts stand, each with probability min(1, exp(log_ratio)), until one falls.

    log_ratio = log p(x_j) - log q(x_j) of the drafted units, densities where they are continuous;
    the caller draws the unit that replaces the fallen one from norm(max(p - q, 0)).

    Raises:
        ValueError: a ratio is not a number.
    """
    if log_ratio.isnan().any():
        raise ValueError("a log ratio is not a number; p and q cannot both be 0 at a drafted unit")
    chance = torch.rand(log_ratio.shape, generator=generator, device=log_ratio.device)
    return (chance.log() < log_ratio).long().cumprod(-1).sum(-1)


def expected_tokens(alpha: float, k: int) -> float:
    """Tokens per target pass if each of k drafts stands with probability alpha, independently.

    (1 - alpha^(k+1)) / (1 - alpha), the sum of alpha^0 .. alpha^k (Leviathan et al., equation 1).

    Raises:
        ValueError: alpha is no probability, or k is negative.
    """
    if not 0 <= alpha <= 1 or k < 0:
        raise ValueError(f"alpha {alpha} must lie in 0 .. 1 and the draft length {k} be at least 0")
    return float(sum(alpha**j for j in range(k + 1)))


@runtime_checkable
class CachedModel(Protocol):
    """A causal language model that reads new tokens only.

    The cache has a `length` (tokens read) and a `crop(length)` that forgets all behind it, such as
    `nets.cache.Cache`. A recurrent state has no such crop; it is replayed instead (chapter STree).
    """

    def new_cache(self, batch: int, capacity: int) -> Any:
        """An empty cache for `batch` texts of at most `capacity` tokens."""
        ...

    def read(self, tokens: Int[Tensor, "b n"], cache: Any) -> Float[Tensor, "b n v"]:
        """Read n tokens behind those in the cache; the logits of the token after each."""
        ...


@torch.no_grad()
def speculative(
    target: CachedModel,
    draft: CachedModel,
    prompt: Int[Tensor, "1 m"],
    n: int,
    *,
    length: int,
    law: Law = Law(),
    generator: torch.Generator | None = None,
) -> tuple[Int[Tensor, "1 n"], Trace]:
    """Continue a prompt by n tokens of the target's law, `length` drafts to a target pass.

    A round: the draft model draws up to `length` tokens one by one, the target reads them in one
    pass, `accept` judges them, and both caches are cropped to what stands. `law` transforms both
    models' logits before the draw and the test alike. At temperature 0 the text is the target's
    greedy text. Batch 1, as the texts of a batch would stop at different places.

    Returns:
        the n new tokens, and a trace over them with two entries a round: the drafts (0
        evaluations, `kept` says which stand) and the token the target adds (1 evaluation). So
        `trace.evaluations` counts passes of the target alone; see `tally` for the draft's.

    Raises:
        ValueError: no prompt, n below 1, length below 0, guidance (which belongs into `read`), or
            a draft model with another vocabulary.
    """
    check_request(prompt, n, length, law)
    text, begin, trace = prompt, prompt.shape[1], Trace(n)
    reads, drafts = (model.new_cache(1, begin + n) for model in (target, draft))
    while (known := text.shape[1]) < begin + n:
        k = min(length, begin + n - known - 1)
        text, laws = _propose(draft, drafts, text, k, law, generator)
        logits = target.read(text[:, reads.length :], reads)[:, -k - 1 :]
        p = law.filter(logits.float()).softmax(-1)
        _same_vocabulary(p, laws)
        q = torch.cat([p[:, :0], *laws], dim=1)
        verdict = accept(text[:, known:], q, p, generator)
        stands = int(verdict.n_accepted)
        for cache in (reads, drafts):
            cache.crop(min(cache.length, known + stands))
        record(trace, known - begin, text[:, known:], q, p, verdict)
        text = torch.cat([text[:, : known + stands], verdict.next_token[:, None]], dim=1)
    return text[:, begin:], trace


def _propose(draft, cache, text, k, law, generator) -> tuple[Tensor, list[Tensor]]:
    """The text with k drafts behind it, and the probabilities each was drawn from, `1 1 v`."""
    laws = []
    for _ in range(k):
        logits = law.filter(draft.read(text[:, cache.length :], cache)[:, -1].float())
        token, _ = draw(logits, generator)
        text = torch.cat([text, token[:, None]], dim=1)
        laws.append(logits.softmax(-1)[:, None])
    return text, laws


def _same_vocabulary(p: Tensor, laws: list[Tensor]) -> None:
    if laws and laws[0].shape[-1] != p.shape[-1]:
        raise ValueError(
            f"the draft model has a vocabulary of {laws[0].shape[-1]}, the target of "
            f"{p.shape[-1]}; both must read the same tokens"
        )


def check_request(prompt: Int[Tensor, "1 m"], n: int, length: int, law: Law) -> None:
    """Refuse what no speculation can do.

    Raises:
        ValueError: no prompt, n below 1, length below 0, or guidance.
    """
    if not prompt.shape[1] or n < 1 or length < 0:
        raise ValueError(
            f"speculation needs a prompt of at least 1 token (got {prompt.shape[1]}), "
            f"n of at least 1 (got {n}) and a draft length of at least 0 (got {length})"
        )
    if law.guidance:
        raise ValueError(
            f"guidance {law.guidance} is not applied here; let both models' `read` return "
            "guided logits and give a law without it"
        )
