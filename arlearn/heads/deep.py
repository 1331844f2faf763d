"""A network between a state and its law, so that heads of different laws can be equally large."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from arlearn.heads.checks import guidable
from arlearn.heads.law import Law, draw, guided


class Trunk(nn.Module):
    """Residual blocks on every state alone: x + W2 silu(W1 norm(x))."""

    def __init__(self, width: int, hidden: int, depth: int):
        super().__init__()
        self.enter = nn.Linear(width, hidden)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(hidden),
                nn.Linear(hidden, hidden),
                nn.SiLU(),
                nn.Linear(hidden, hidden),
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(hidden)

    def forward(self, h: Float[Tensor, "*b d"]) -> Float[Tensor, "*b e"]:
        """A state of width `hidden` for each state."""
        x = self.enter(h)
        for block in self.blocks:
            x = x + block(x)
        return self.norm(x)


class Deep(nn.Module):
    """Any head behind a trunk: `Deep(Trunk(d, e, 3), GaussianHead(e, c))`.

    Args:
        weight: the head's loss is multiplied by it; 1 / c makes that of a Gaussian a mean over
            channels, so that it does not drown what is learned beside it.
    """

    def __init__(self, trunk: Trunk, head: nn.Module, *, weight: float = 1.0):
        super().__init__()
        self.trunk, self.head, self.weight = trunk, head, weight

    def loss(self, h: Float[Tensor, "*b d"], target: Tensor) -> Float[Tensor, "*b"]:
        """The head's loss of each unit, weighted."""
        return self.weight * self.head.loss(self.trunk(h), target)

    @torch.no_grad()
    def sample(
        self,
        h: Float[Tensor, "*b d"],
        *,
        null: Float[Tensor, "*b d"] | None = None,
        **options,
    ) -> tuple[Tensor, Tensor | None]:
        """The head's draw; `null` goes through the trunk as well."""
        away = None if null is None else self.trunk(null)
        return self.head.sample(self.trunk(h), null=away, **options)


class LevelHead(nn.Module):
    """A softmax per level of a residual quantizer: units are level · size + code.

    Which level a unit has is known, so probability is shared among that level's codes alone.

    Args:
        width: size d of a state.
        levels, size: levels, and codes of each.
    """

    def __init__(self, width: int, levels: int, size: int):
        super().__init__()
        self.levels, self.size = levels, size
        self.linear = nn.Linear(width, levels * size)

    def forward(self, h: Float[Tensor, "*b d"]) -> Float[Tensor, "*b q k"]:
        """Logits of every level."""
        return self.linear(h).float().unflatten(-1, (self.levels, self.size))

    def loss(self, h: Float[Tensor, "*b d"], target: Int[Tensor, "*b"]) -> Float[Tensor, "*b"]:
        """-log p of each unit among its level's codes, in nats."""
        level, code = target.flatten() // self.size, target.flatten() % self.size
        logits = self(h).flatten(0, -3)
        own = logits[torch.arange(len(logits), device=h.device), level]
        return F.cross_entropy(own, code, reduction="none").view(target.shape)

    @torch.no_grad()
    def sample(
        self,
        h: Float[Tensor, "*b d"],
        *,
        level: int = 0,
        null: Float[Tensor, "*b d"] | None = None,
        guidance: float = 0.0,
        law: Law | None = None,
        generator: Generator | None = None,
    ) -> tuple[Int[Tensor, "*b"], Float[Tensor, "*b"]]:
        """Draw a unit of one level per state; its log-probability under the law drawn from.

        Raises:
            ValueError: guidance without `null`.
        """
        guidable(null, guidance)
        away = self(null)[..., level, :] if guidance else None
        logits = (law or Law()).filter(guided(self(h)[..., level, :], away, guidance))
        code, log_p = draw(logits, generator)
        return code + level * self.size, log_p
