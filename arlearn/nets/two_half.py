"""A language model that reads its text twice in one pass: once clean, once with masks."""

from typing import Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from arlearn.checks import axes, indices
from arlearn.nets.attention import Mask
from arlearn.nets.cache import Cache
from arlearn.nets.language import LanguageModel


class TwoHalf(LanguageModel):
    """A causal language model that knows a mask as well, so that it can write several tokens at
    once beside its text.

    Training lays two halves side by side, the clean text and a copy with masks. Both stand at the
    same positions, and a mask from `plans.two_streams` says who sees whom. While no mask is read
    it is the `LanguageModel` it was grown from, bit for bit: the clean half never looks at the
    other. What the masked half predicts (the token at a place, or the one behind it) is the
    paper's choice; here are the pass and its cache.

    Args:
        vocab, context, width, depth, heads, dropout: as for `LanguageModel`. Tokens are 0 …
            vocab - 1, `start` is vocab, `mask` vocab + 1.

    Source: Arriola et al. 2025 (block diffusion, arXiv 2503.09573) for the two halves; with a
    token-causal clean half, arXiv 2512.06776 and 2511.08923.
    """

    def __init__(self, vocab: int, context: int, **sizes):
        super().__init__(vocab, context, **sizes)
        self.mask_token = vocab + 1
        width = self.backbone.width
        self.embed = nn.Embedding(vocab + 2, width)
        nn.init.normal_(self.embed.weight, std=0.5)

    @classmethod
    def grown(cls, model: LanguageModel) -> Self:
        """A copy of a trained language model; its mask begins as the mean of the tokens."""
        backbone = model.backbone
        sizes = {"width": backbone.width, "depth": backbone.depth, "heads": backbone.heads}
        new = cls(model.vocab, model.context, **sizes)
        weights = model.state_dict()
        tokens = weights["embed.weight"][: model.vocab + 1]
        mean = tokens[: model.vocab].mean(0, keepdim=True)
        new.load_state_dict({**weights, "embed.weight": torch.cat([tokens, mean])})
        return new.to(tokens.device)

    def read_as(self, units: Int[Tensor, "b t"]) -> Int[Tensor, "b t"]:
        """What the clean half reads of a text: the start token, then all tokens but the last.

        Behind position i stand the tokens before i, so its hidden state predicts token i.
        """
        return torch.cat([units.new_full((len(units), 1), self.start), units[:, :-1]], 1)

    def halves(
        self,
        clean: Int[Tensor, "b t"],
        noisy: Int[Tensor, "b t"],
        mask: Bool[Tensor, "two two"] | Bool[Tensor, "b two two"],
        positions: Int[Tensor, "t"] | None = None,
    ) -> tuple[Float[Tensor, "b t d"], Float[Tensor, "b t d"]]:
        """Hidden states of both halves, from one pass over [clean | noisy].

        Args:
            clean: what the clean half reads, `read_as(units)` or units that are given.
            noisy: what the other half reads, with `mask_token` where a token is hidden.
            mask: who sees whom, over both halves, two = 2 t.
            positions: of each half; 0 … t-1 unless given.

        Raises:
            TypeError: the tokens are no integers.
            ValueError: halves of different shape, a token the model has no row for, a mask of
                another size, or a text longer than the context.
        """
        t = clean.shape[1]
        for name, tokens in (("the clean half", clean), ("the noisy half", noisy)):
            axes(name, tokens, "b t")
            indices(f"tokens of {name}", tokens, self.vocab + 2)
        self._fits(t)
        if clean.shape != noisy.shape or mask.shape[-2:] != (2 * t, 2 * t):
            raise ValueError(
                f"halves of shape {tuple(clean.shape)} and {tuple(noisy.shape)} under a mask of "
                f"{tuple(mask.shape)}; both halves need one shape b t, the mask 2t by 2t"
            )
        where = torch.arange(t, device=clean.device) if positions is None else positions
        hidden = self.backbone(
            self.embed(torch.cat([clean, noisy], 1)), mask=mask, positions=torch.cat([where, where])
        )
        return hidden[:, :t], hidden[:, t:]

    def look(
        self,
        tokens: Int[Tensor, "b n"],
        cache: Cache,
        *,
        mask: Mask = "causal",
        positions: Int[Tensor, "n"] | None = None,
        commit: bool = True,
    ) -> Float[Tensor, "b n d"]:
        """Hidden states of n tokens behind what the cache holds, under any mask.

        Args:
            tokens: may hold `mask_token`.
            mask: over the n new queries and all keys, cached ones first; None: they see each other
                and everything before.
            positions: of the new tokens; the next ones unless given.
            commit: whether they are remembered; else the cache is as it was.
        """
        return self.backbone(
            self.embed(tokens), mask=mask, positions=positions, cache=cache, commit=commit
        )
