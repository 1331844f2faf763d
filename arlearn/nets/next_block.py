"""A model of films that predicts a block of tokens at once, each at its own place one block on."""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from arlearn import plans
from arlearn.heads.categorical import Categorical
from arlearn.nets.cache import Cache
from arlearn.nets.layout import Layout, waves
from arlearn.nets.plan_model import PlanModel
from arlearn.nets.transformer import Transformer
from arlearn.plans import Plan

STRETCH = 2.0  # rotary steps a token: on so small a grid, neighbours are easier to tell apart


def plan(units: int, size: int, *, given: int = 0, hybrid: bool = False) -> Plan:
    """Who is read together: what is given, then blocks of `size`; its mask is the paper's.

    Args:
        units: positions behind what is given, a multiple of the size.
        given: condition tokens, which see each other and are seen by all.
        hybrid: the first `size` positions one by one, as the first block is drawn token by token.

    Raises:
        ValueError: blocks that do not fill the units.
    """
    count = plans.blocks(units, size).n_steps  # refuses a size that does not divide
    first = [1] * size if hybrid else [size]
    return plans.windows([given] * (given > 0) + first + [size] * (count - 1))


class NextBlock(PlanModel):
    """A film's tokens, block after block: output p predicts token p + B, the same place one on.

    p(z) = prod_k prod_j p(z_{kB+j} | all tokens of blocks before k): those of one block do not know
    each other. Size 1 is next-token prediction.

    Plain, the first block is given: the input is z_1 … z_{N-B}, the target z_{B+1} … z_N. Hybrid,
    a film begins from nothing: [start] [z_1 … z_B] [B - 1 fillers] [z_{B+1} … z_{N-B}] predicts
    z_1 … z_N, the first block token by token (`decode.generate` samples it).

    Args:
        layout: shape of a film and of a block.
        codes: a vector for each token, of which embedding and head begin as a projection.
        width, depth, hidden: of the transformer.
        classes: number of labels; what a film's label says is added to every input.
        hybrid: draw the first block too.
        inside: whether a position sees its whole block or, as a control, only what is before it.
        scored: how many of the last tokens the loss counts; None: all that are predicted.

    Raises:
        ValueError: a film of one block where the first is given, or `scored` tokens there are not.
    """

    def __init__(
        self,
        layout: Layout,
        codes: Float[Tensor, "v p"],
        *,
        width: int,
        depth: int,
        hidden: int | None = None,
        classes: int = 0,
        hybrid: bool = False,
        inside: Literal["block", "causal"] = "block",
        scored: int | None = None,
    ):
        skip = 0 if hybrid else layout.size
        count = len(layout) - skip
        if not 0 < (count if scored is None else scored) <= count:
            raise ValueError(
                f"{scored or count} tokens cannot be scored where {count} of {len(layout)} are "
                "predicted; give a film of more blocks, or score fewer"
            )
        backbone = Transformer(width, depth, hidden=hidden, rotary=2)
        order, places = plan(len(layout), layout.size, hybrid=hybrid), layout.places()
        head = Categorical(width, len(codes))
        rest = {"classes": classes, "drop": 0.0, "positions": STRETCH * places}
        super().__init__(order, backbone, head, **rest)
        self.layout, self.hybrid, self.inside = layout, hybrid, inside
        self.skip, self.scored = skip, scored or count
        self.causal = self.causal or inside == "causal"
        self.embed = nn.Embedding(len(codes), width)
        self.place = nn.Parameter(_projected(waves(places, layout.shape), width, 1 / 6))
        if hybrid:
            self.special = nn.Parameter(torch.randn(layout.size, width) / 2)  # start, fillers
        with torch.no_grad():
            first = _projected(codes, width, 1 / 4)
            self.embed.weight.copy_(first)
            head.linear.weight.copy_(first * 2 / width**0.5)
            if classes:
                self.label.weight.mul_(0.5)

    def inputs(
        self, units: Int[Tensor, "b t"], s: int, cond: Float[Tensor, "b e"] | None = None
    ) -> Float[Tensor, "b n d"]:
        """The tokens one block before those of step s; in a hybrid's beginning what it has.

        Raises:
            ValueError: the first block of a plain model, which is given (see `continued`).
        """
        here, size = self.plan.groups()[s], self.layout.size
        if not self.hybrid and s == 0:
            raise ValueError("the first block is given, nothing predicts it; use continued(…)")
        if self.hybrid and s <= size:  # token by token; then the last token with the fillers
            x = self.embed(units[:, s - 1 : s]) if s else self._special(units, 0, 1)
            if s == size:
                x = torch.cat([x, self._special(units, 1, size)], 1)
        else:
            x = self.embed(units[:, here - size])
        return self._placed(x, self.place[here], cond)

    def sequence(
        self, units: Int[Tensor, "b t"], cond: Float[Tensor, "b e"] | None = None
    ) -> Float[Tensor, "b n d"]:
        """`inputs` of all steps that are predicted, at once."""
        size = self.layout.size
        x = self.embed(units[:, :-size])
        if self.hybrid:
            start, fillers = self._special(units, 0, 1), self._special(units, 1, size)
            x = torch.cat([start, x[:, :size], fillers, x[:, size:]], 1)
        return self._placed(x, self.place[self.skip :], cond)

    def forward(
        self, units: Int[Tensor, "b t"], labels: Int[Tensor, "b"] | None = None
    ) -> Float[Tensor, "b n d"]:
        """Hidden states of all tokens that are predicted."""
        mask = "causal" if self.causal else self.mask_of(len(self.layout))
        where = self.positions[self.skip :]
        x = self.sequence(units, self.condition(labels, len(units)))
        return self.backbone(x, mask=mask, positions=where)

    def unit_loss(
        self, units: Int[Tensor, "b t"], labels: Int[Tensor, "b"] | None = None
    ) -> Float[Tensor, "b n"]:
        """Negative log-likelihood of the last `scored` tokens, in nats."""
        states = self(units, labels)[:, -self.scored :]
        return self.head.loss(states, units[:, -self.scored :])

    def read(
        self,
        units: Int[Tensor, "b t"],
        begin: int,
        end: int,
        cache: Cache | None = None,
        cond: Float[Tensor, "b e"] | None = None,
    ) -> Float[Tensor, "b n d"]:
        """Hidden states of the tokens begin … end - 1 of a plain model, given those before.

        A cache holds what was read before; then only one block may be new.
        """
        fed = slice(begin - self.layout.size, end - self.layout.size)
        mask = None if cache is not None and cache.length else self.mask_of(end)
        return self.backbone(
            self._placed(self.embed(units[:, fed]), self.place[begin:end], cond),
            mask="causal" if self.causal else mask,
            positions=self.positions[begin:end],
            cache=cache,
        )

    def mask_of(self, end: int) -> Bool[Tensor, "n n"] | None:
        """Who sees whom among the positions that predict all tokens before `end`."""
        return None if self.mask is None else self.mask[self.skip : end, self.skip : end]

    @staticmethod
    def _placed(x: Tensor, place: Tensor, cond: Tensor | None) -> Float[Tensor, "b n d"]:
        return x + place if cond is None else x + place + cond[:, None]

    def _special(self, units: Tensor, begin: int, end: int) -> Float[Tensor, "b n d"]:
        return self.special[begin:end].expand(len(units), -1, -1)


def _projected(x: Float[Tensor, "n k"], width: int, scale: float) -> Float[Tensor, "n d"]:
    return x @ torch.randn(x.shape[1], width) * scale
