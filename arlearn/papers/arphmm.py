"""ARPHMM, partial knowledge in a switching AR process (Juesas et al. 2016, arXiv 2105.00211).

Tokens: readings x_t of a health indicator. Plan: raster. Head: a Gaussian for each hidden state.
Twist: weights w_t(k) on the states, in the E-step. See chapters/01_what_ar_learns/23_arphmm.py.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from arlearn.nets import chain

Readings = Float[Tensor, "*r u t c"]  # of u units, the shorter ones filled up
Recorded = Bool[Tensor, "*r u t"]
LogWeights = Float[Tensor, "*r u t k"]
States = Float[Tensor, "*r u n k"]  # of t > p: n = t - p


@dataclass(frozen=True, eq=False)
class Switching:
    """z_1 ~ π, z_t ~ A[z_t-1], x_t ~ N(Θ_z h_t, Σ_z) with h_t = [1, x_t-1, …, x_t-p].

    Several models may stand side by side, one for each seed, along leading axes.
    """

    start: Float[Tensor, "*r k"]
    move: Float[Tensor, "*r k k"]
    lags: Float[Tensor, "*r k c l"]
    noise: Float[Tensor, "*r k c c"]

    @property
    def order(self) -> int:
        """p, the number of readings a state looks back on."""
        return (self.lags.shape[-1] - 1) // self.lags.shape[-2]

    def parts(self) -> list[Tensor]:
        """π, A, Θ, Σ."""
        return [getattr(self, field.name) for field in fields(self)]

    def one(self, i: int) -> "Switching":
        """The i-th of several models."""
        return Switching(*(part[i] for part in self.parts()))

    def log_density(self, x: Readings, recorded: Recorded) -> States:
        """log N(x_t; Θ_k h_t, Σ_k) of t > p; 0 where nothing was recorded."""
        error = _error(x, self.lags, self.order)
        root = torch.linalg.cholesky(self.noise)
        white = torch.einsum("...kce,...utke->...utkc", torch.linalg.inv(root), error)
        size = root.diagonal(dim1=-2, dim2=-1).log().sum(-1)[..., None, None, :]
        log_b = -white.square().sum(-1) / 2 - size - x.shape[-1] * math.log(2 * math.pi) / 2
        return log_b.where(recorded[..., self.order :, None], 0.0)


def lagged(x: Readings, order: int) -> Float[Tensor, "*r u n l"]:
    """h_t = [1, x_t-1, …, x_t-p] of t > p, each unit for itself: no lag reaches into another."""
    n = x.shape[-2] - order
    past = [x[..., order - lag : order - lag + n, :] for lag in range(1, order + 1)]
    return torch.cat([torch.ones_like(x[..., :n, :1]), *past], -1)


def _error(x: Tensor, lags: Tensor, order: int) -> Float[Tensor, "*r u n k c"]:
    """x_t - Θ_k h_t for every state."""
    told = torch.einsum("...kcl,...utl->...utkc", lags, lagged(x, order))
    return x[..., order:, None, :] - told


def beginning(
    x: Readings, recorded: Recorded, states: int, order: int, seeds: Sequence[int]
) -> Switching:
    """Where EM begins, a model a seed: sticky moves, slow AR about readings drawn from the data."""
    c, slow, made = x.shape[-1], 0.8 if order else 0.0, []
    move = 0.9 * torch.eye(states) + 0.1 / max(states - 1, 1) * (1 - torch.eye(states))
    move = (move / move.sum(-1, keepdim=True)).to(x)
    for own, seen, seed in zip(x, recorded, seeds, strict=True):
        random, readings = torch.Generator().manual_seed(seed), own[seen]
        level = readings[torch.randint(len(readings), (states,), generator=random).to(x.device)]
        noise = 0.05 * torch.randn(states, c, order * c, generator=random).to(x)
        lags = slow * torch.eye(c, order * c).to(x) + noise
        lags = torch.cat([(1 - slow) * level[..., None], lags], -1)
        spread = torch.diag((1 - slow**2) * readings.var(0)).expand(states, c, c)
        made.append((torch.full((states,), 1 / states).to(x), move, lags, spread))
    return Switching(*map(torch.stack, zip(*made, strict=True)))


def expect(
    model: Switching, x: Readings, recorded: Recorded, log_w: LogWeights | None = None
) -> chain.Posterior:
    """The E-step under p_w(z | x) = Π_t w_t(z_t) p(x, z) / L_w: log w is added, nothing else."""
    log_b, seen = model.log_density(x, recorded), recorded[..., model.order :]
    if log_w is not None:
        log_b = log_b + log_w[..., model.order :, :].where(seen[..., None], 0.0)
    return chain.posterior(log_b, model.start, model.move, seen)


def maximise(model: Switching, found: chain.Posterior, x: Readings, floor: float) -> Switching:
    """The M-step: counts for π and A, weighted least squares for Θ and Σ, summed over all units.

    γ holds the weights already; they do not come in again. A state that has almost nothing keeps
    its parameters, and no variance falls below `floor`.
    """
    h, y, g = lagged(x, model.order), x[..., model.order :, :], found.states
    first, moves, mass = g[..., 0, :].sum(-2), found.moves.sum((-4, -3)), g.sum((-3, -2))
    leaving = moves.sum(-1, keepdim=True)
    move = torch.where(leaving > 0, moves / leaving.clamp(min=1e-300), model.move)
    hh = torch.einsum("...utk,...utl,...utm->...klm", g, h, h)
    yh = torch.einsum("...utk,...utc,...utl->...kcl", g, y, h)
    lags = torch.linalg.solve(hh + 1e-9 * torch.eye(h.shape[-1]).to(x), yh.mT).mT
    error = _error(x, lags, model.order)
    squares = torch.einsum("...utk,...utkc,...utke->...kce", g, error, error)
    size, axes = torch.linalg.eigh(squares / mass.clamp(min=1e-300)[..., None, None])
    noise = axes @ torch.diag_embed(size.clamp(min=floor)) @ axes.mT
    alive = (mass > h.shape[-1])[..., None, None]
    lags, noise = torch.where(alive, lags, model.lags), torch.where(alive, noise, model.noise)
    return Switching(first / first.sum(-1, keepdim=True), move, lags, noise)


@dataclass(frozen=True, eq=False)
class Learned:
    """The models that EM found, log L_w of each iteration, and how many each model took."""

    model: Switching
    log_likelihood: Float[Tensor, "n *r"]
    iterations: Int[Tensor, "*r"]


def learn(
    model: Switching, x: Readings, recorded: Recorded, log_w: LogWeights | None = None, *,
    most: int = 100, tolerance: float = 1e-6, floor: float = 1e-6,
) -> Learned:  # fmt: skip
    """EM on log L_w = log Σ_z Π_t w_t(z_t) p(x, z), which never falls, since w is free of θ.

    A model stops when log L_w changes by less than `tolerance` of itself; the others go on.
    """
    found = expect(model, x, recorded, log_w)
    curve = [found.log_likelihood.sum(-1)]
    going, iterations = torch.ones_like(curve[0], dtype=torch.bool), torch.zeros_like(curve[0])
    while going.any() and len(curve) <= most:
        pairs = zip(maximise(model, found, x, floor).parts(), model.parts(), strict=True)
        model = Switching(*(torch.where(_beside(going, new), new, old) for new, old in pairs))
        found = expect(model, x, recorded, log_w)
        curve.append(found.log_likelihood.sum(-1))
        iterations += going
        going = going & ((curve[-1] - curve[-2]).abs() >= tolerance * curve[-1].abs())
    return Learned(model, torch.stack(curve), iterations.long())


def by_level(model: Switching, found: chain.Posterior, x: Readings) -> Switching:
    """The same models with their states in the order of their mean reading, the lowest first."""
    total = torch.einsum("...utk,...utc->...k", found.states, x[..., model.order :, :])
    order = (total / found.states.sum((-3, -2)).clamp(min=1e-300)).argsort(-1)
    rows = [part.take_along_dim(_beside(order, part), order.ndim - 1) for part in model.parts()]
    return Switching(rows[0], rows[1].take_along_dim(order[..., None, :], -1), *rows[2:])


def _beside(flags: Tensor, part: Tensor) -> Tensor:
    """With axes of length 1 at the end, as many as `part` has more."""
    return flags.view(*flags.shape, *[1] * (part.ndim - flags.ndim))


def filtered(model: Switching, x: Readings, recorded: Recorded) -> States:
    """f_t(k) ∝ α_t(k) of t > p: the state by x_1 … x_t alone, no weight and no future."""
    log_b, seen = model.log_density(x, recorded), recorded[..., model.order :]
    return chain.forward(log_b, model.start, model.move, seen).softmax(-1)


def walk(
    model: Switching, state: Float[Tensor, "n k"], past: Float[Tensor, "n l"], draws: int,
    generator: Generator,
) -> Iterator[Float[Tensor, "n m c"]]:  # fmt: skip
    """Drawn futures, cycle by cycle: z from f_t, then again z ← A[z], x ← Θ_z h + noise.

    `past` are the last p readings, the newest first.
    """
    like = {"generator": generator, "device": past.device, "dtype": past.dtype}
    z = torch.multinomial(state, draws, replacement=True, generator=generator)
    h = torch.cat([past.new_ones(len(past), 1), past], -1)[:, None].expand(-1, draws, -1)
    root, steps = torch.linalg.cholesky(model.noise), model.move.cumsum(-1)[:, :-1].contiguous()
    while True:
        z = (torch.rand(*z.shape, 1, **like) > steps[z]).sum(-1)
        noise = torch.randn(*z.shape, 1, root.shape[-1], **like)
        x = (model.lags[z] * h[..., None, :]).sum(-1) + (root[z] * noise).sum(-1)
        h = torch.cat([h[..., :1], x, h[..., 1:]], -1)[..., : h.shape[-1]]
        yield x


def first_passage(
    readings: Iterable[Float[Tensor, "n m c"]], threshold: float, horizon: int
) -> Float[Tensor, "n m"]:
    """Cycles until the first channel reaches `threshold`; `horizon` where it takes longer."""
    reached = None
    for cycle, x in zip(range(1, horizon + 1), readings, strict=False):
        reached = x.new_full(x.shape[:2], horizon) if reached is None else reached
        reached = torch.where((x[..., 0] >= threshold) & (reached > cycle), float(cycle), reached)
        if bool((reached <= cycle).all()):
            break
    return reached
