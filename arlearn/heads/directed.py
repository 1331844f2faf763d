"""A flow head that also minds the direction of its velocity, and prepares a draw at once."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Generator, Tensor

from arlearn.corrupt.flow import time_grid
from arlearn.heads.checks import guidable, has_channels, untruncated
from arlearn.heads.flow import FlowHead
from arlearn.heads.law import Law, guided


class DirectedFlow(FlowHead):
    """A flow head with the loss |v - u|² + 1 - cos(v, u), u = ε - x: size and direction.

    Arguments as for `FlowHead`; the solver is Euler's. Several draws of time and noise per unit
    make use of a state, which costs a pass through the transformer while a draw does not.

    Source: CLEAR (arXiv 2508.19098), the losses of its flow head.
    """

    def loss(
        self,
        h: Float[Tensor, "*b d"],
        target: Float[Tensor, "*b c"],
        *,
        t: Float[Tensor, "*b"] | None = None,
        generator: Generator | None = None,
    ) -> Float[Tensor, "*b"]:
        """Squared error, the mean over channels, plus 1 - cosine; both means over the draws.

        Raises:
            ValueError: targets of another size than the head draws.
        """
        has_channels(target, self.channels)
        states, x = h.flatten(0, -2), target.flatten(0, -2)
        x = x.expand(self.noise_draws, *x.shape)
        if t is None:
            times = self.flow.times(x[..., 0].numel(), generator=generator, device=x.device)
            times = times.view(x.shape[:2])
        else:
            times = t.flatten().expand(x.shape[:2])
        eps = torch.randn(x.shape, generator=generator, device=x.device)
        z = (1 - times[..., None]) * x + times[..., None] * eps
        v, u = self.velocity(z, times, states).float(), eps - x
        lost = (v - u).square().mean(-1) + 1 - F.cosine_similarity(v, u, dim=-1)
        return lost.mean(0).view(target.shape[:-1])

    @torch.no_grad()
    def sample(
        self,
        h: Float[Tensor, "*b d"],
        *,
        null: Float[Tensor, "*b d"] | None = None,
        guidance: float = 0.0,
        law: Law | None = None,
        generator: Generator | None = None,
        steps: int | None = None,
        keep_path: bool = False,
    ) -> tuple[Float[Tensor, "*b c"], Float[Tensor, "s *b c"] | None]:
        """As `FlowHead.sample`: w v(z | h) + (1 - w) v(z | null) with w = 1 + guidance.

        What the network reads of state and time does not depend on z, so it is computed for all
        steps of the solver, and for both states, before the first.

        Args:
            steps: of the solver, instead of the head's own.
            keep_path: also return z at every time.

        Raises:
            ValueError: guidance without `null`, or a law that truncates.
        """
        law = law or Law()
        guidable(null, guidance)
        untruncated(law)
        shape, flat = (*h.shape[:-1], self.channels), h.flatten(0, -2)
        states = torch.stack([flat, null.flatten(0, -2)]) if guidance else flat[None]
        grid = time_grid(steps or self.steps).to(h.device)
        told = self._told(states, grid[:-1])
        noise = torch.randn(shape, generator=generator, device=h.device).flatten(0, -2)
        z = law.temperature * noise
        path = [z]
        for i, length in enumerate((grid[1:] - grid[:-1]).tolist()):
            v = self._velocities(z, told, i)
            z = z + length * (guided(v[0], v[1], guidance) if guidance else v[0])
            path.append(z)
        whole = torch.stack(path).view(len(path), *shape) if keep_path else None
        return z.view(shape), whole

    def _told(self, states: Tensor, times: Tensor) -> list[tuple[Tensor, ...]]:
        """Shift, scale + 1 and gate of every block, and of the end: `s 2 n e` each."""
        net = self.net
        c = F.silu(net.state(states) + net.time(times)[:, None, None])
        told = []
        for part in (*net.blocks, net):
            shift, scale, *gate = part.modulation(c).chunk(3 if part is not net else 2, dim=-1)
            told.append((shift, 1 + scale, *gate))
        return told

    def _velocities(self, z: Tensor, told: list[tuple[Tensor, ...]], i: int) -> Tensor:
        """`ModulatedMLP.forward` with the condition's part prepared."""
        net = self.net
        x = net.entry(z)
        for block, (shift, scale, gate) in zip(net.blocks, told[:-1], strict=True):
            inside = block.net(torch.addcmul(shift[i], scale[i], block.norm(x)))
            x = torch.addcmul(x, gate[i], inside)
        shift, scale = told[-1]
        return net.exit(torch.addcmul(shift[i], scale[i], net.norm(x)))
