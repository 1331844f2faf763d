"""The law of a continuous unit as a rectified flow: noise, carried to data along a velocity."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from arlearn.corrupt.checks import one_of
from arlearn.corrupt.flow import Flow, euler, heun, time_grid
from arlearn.heads.checks import guidable, has_channels, untruncated
from arlearn.heads.law import Law, guided
from arlearn.heads.mlp import ModulatedMLP


class FlowHead(nn.Module):
    """Each unit alone, given its state: z_t = (1 - t) x + t ε, and a network for v = ε - x.

    t = 1 is noise, t = 0 data (`corrupt.flow`). Any law can be learned, but none is written down:
    the head draws, it does not score.

    Args:
        width: size d of a state.
        channels: size c of a unit; units should have about unit variance.
        hidden, depth: width and blocks of the network.
        steps: solver steps of a draw.
        time: how training times are drawn (`corrupt.flow.Flow`).
        noise_draws: noise and time draws per unit in the loss; a state is costly, a draw is not.
        solver: `euler` (one evaluation a step) or `heun` (two).

    Raises:
        ValueError: a count below 1, an unknown `time` or `solver`.

    Source: Liu et al. 2022 (arXiv 2209.03003); per unit as in MAR (arXiv 2406.11838) and CLEAR
    (arXiv 2508.19098).
    """

    def __init__(
        self,
        width: int,
        channels: int,
        hidden: int = 128,
        depth: int = 3,
        *,
        steps: int = 10,
        time: Literal["uniform", "logit-normal"] = "logit-normal",
        noise_draws: int = 1,
        solver: Literal["euler", "heun"] = "euler",
    ):
        super().__init__()
        if steps < 1 or noise_draws < 1:
            raise ValueError(f"steps={steps} and noise_draws={noise_draws} must be at least 1")
        self.channels, self.steps, self.noise_draws = channels, steps, noise_draws
        one_of("solver", solver, ("euler", "heun"))
        self.flow = Flow(time)
        self.solve = {"euler": euler, "heun": heun}[solver]
        self.net = ModulatedMLP(width, channels, hidden, depth)

    def velocity(
        self, z: Float[Tensor, "*b c"], t: Float[Tensor, "*b"], h: Float[Tensor, "*#b d"]
    ) -> Float[Tensor, "*b c"]:
        """The predicted ε - x of each unit z at its time t."""
        return self.net(z, t, h)

    def loss(
        self,
        h: Float[Tensor, "*b d"],
        target: Float[Tensor, "*b c"],
        *,
        t: Float[Tensor, "*b"] | None = None,
        generator: Generator | None = None,
    ) -> Float[Tensor, "*b"]:
        """|v(z_t, t, h) - (ε - x)|² of each unit, the mean over channels and noise draws.

        Every unit has its own noise, and its own time unless `t` is given (positions that are
        denoised together, as those of a scale or a cell, share one). This is a regression loss,
        not nats: it stays above zero for the best network, and says nothing when laws of different
        data are compared.

        Raises:
            ValueError: targets of another size than the head draws.
        """
        has_channels(target, self.channels)
        h, x = h.flatten(0, -2), target.flatten(0, -2)
        many = x.expand(self.noise_draws, *x.shape)

        def model(z, t):
            return self.velocity(z.view(many.shape), t.view(many.shape[:2]), h).flatten(0, 1)

        if t is not None:
            t = t.flatten().repeat(self.noise_draws)
        loss = self.flow.loss(model, many.flatten(0, 1), t=t, generator=generator)
        return loss.view(self.noise_draws, *target.shape[:-1]).mean(0)

    @torch.no_grad()
    def sample(
        self,
        h: Float[Tensor, "*b d"],
        *,
        null: Float[Tensor, "*b d"] | None = None,
        guidance: float = 0.0,
        law: Law | None = None,
        generator: Generator | None = None,
    ) -> tuple[Float[Tensor, "*b c"], None]:
        """Draw a unit per state by solving dz/dt = v from noise at t = 1 to data at t = 0.

        Guidance acts on the velocity at every solver step, with the same z in both branches. The
        law's temperature scales the noise the solver starts from.

        Raises:
            ValueError: guidance without `null`, or a law that truncates.
        """
        law = law or Law()
        guidable(null, guidance)
        untruncated(law)
        shape = (*h.shape[:-1], self.channels)
        h, null = h.flatten(0, -2), None if null is None else null.flatten(0, -2)

        def velocity(z, t):
            away = self.velocity(z, t, null) if guidance else None
            return guided(self.velocity(z, t, h), away, guidance)

        noise = torch.randn(len(h), self.channels, generator=generator, device=h.device)
        solution = self.solve(velocity, law.temperature * noise, time_grid(self.steps))
        return solution.x.view(shape), None
