# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Noise as a plan

# %%
from itertools import permutations

import torch
from einops import rearrange
from torch import nn

import arlearn
from arlearn import corrupt, decode, metrics, plans, show
from arlearn.corrupt import Mixture, euler, heun, log_density, time_grid
from arlearn.data import oracle, scenes
from arlearn.frontier import Point
from arlearn.nets.denoiser import MaskedDenoiser, VelocityDenoiser
from arlearn.nets.language import LanguageModel
from arlearn.show.planes import Plane, planes
from arlearn.tokens.images import ImageTokenizer
from arlearn.tokens.quantize import VectorQuantizer
from arlearn.trace import Trace

arlearn.card("noise")

# %% tags=["parameters"]
tier = arlearn.tier()

# %%
n, judged, width, steps, samples, seeds = {
    "smoke": (128, 24, 16, 2, 16, [0, 1]),
    "cpu": (8000, 400, 64, 600, 200, [0, 1, 2]),
    "gpu": (40000, 2000, 128, 4000, 1000, [0, 1, 2]),
}[tier]
device = arlearn.device()
PX, PATCH, K = 16, 4, 256
SIDE = PX // PATCH
T = SIDE * SIDE
train = scenes("train", side=PX, n=n)
test = scenes("test", side=PX, n=judged).to(device)


def dice(seed):
    """A fresh source of randomness, so that every cell can be run again alone."""
    return torch.Generator(device).manual_seed(seed)


# %% [markdown]
# ## The question
#
# So far a picture was drawn like a text: one token after the other, each seeing those before it.
# As many tokens, as many runs of the network; and a token once drawn stands. Is there another way
# to make a random thing, one that works on all of it at once?
#
# There is: *break the data little by little, and learn the way back.* Breaking is easy and needs no
# network. Here are scenes, broken in two ways. In the upper rows the picture is cut into 16
# tokens, from a list of 256 patches as in the chapter before, and tokens are masked one by one. In
# the lower rows all numbers move on straight lines towards Gaussian noise.

# %%
cut, paste = nn.PixelUnshuffle(PATCH), nn.PixelShuffle(PATCH)
torch.manual_seed(0)
quantizer = VectorQuantizer(K, 3 * PATCH**2, method="gradient", decay=0.95)
tokens = ImageTokenizer(cut, quantizer, paste, SIDE).to(device)
arlearn.fit(
    tokens,
    arlearn.Batches(train.images, size=min(128, n), seed=0),
    min(steps, 200),
    recipe=arlearn.Recipe(lr=1e-2, precision="fp32"),
    label="patches",
    progress=False,
)
units, test_units = tokens.encode(train.images.to(device)), tokens.encode(test.images)
centre, scale = train.images.mean((0, 2, 3)).view(3, 1, 1).to(device), float(train.images.std())


def to_vectors(images):
    """Pictures as 16 patches of 48 numbers of about unit variance."""
    return rearrange(cut((images - centre) / scale), "b c h w -> b (h w) c").contiguous()


def to_images(vectors):
    """The pictures of such patches, clamped to 0..1."""
    patches = rearrange(vectors, "b (h w) c -> b c h w", h=SIDE)
    return (paste(patches) * scale + centre).clamp(0, 1)


def to_pictures(some):
    """The pictures of tokens; a masked one (or none at all, -1) is light grey."""
    hidden = (some < 0) | (some >= K)
    images = tokens.decode(some.masked_fill(hidden, 0).to(device)).cpu()
    veil = hidden.cpu().view(-1, 1, SIDE, SIDE)
    veil = veil.repeat_interleave(PATCH, 2).repeat_interleave(PATCH, 3)
    return torch.where(veil, 0.85, images)


masking, flow = corrupt.Absorbing(K), corrupt.Flow()
times = (0.0, 0.4, 0.8)
vectors = to_vectors(test.images[:6])
noise = torch.randn(vectors.shape, generator=dice(0), device=device)
show.compare(
    {
        **{f"masked, t = {t}": to_pictures(masking.corrupt(test_units[:6], t, generator=dice(1)))
           for t in times},
        **{f"noisy, t = {t}": to_images(flow.corrupt(vectors, t, noise)).cpu() for t in times},
    },
    caption="Six scenes on their way from data (t = 0) to nothing (t = 1), in two ways.",
)  # fmt: skip

# %% [markdown]
# ## The idea
#
# A network that sees a broken picture and says what was there is trained on ready-made pairs: break
# a picture, compare. To draw, start from nothing and repair a little at a time. How many repairs
# one makes is free to choose *after* training, and each repair works on all positions at once.
#
# Is that another world than next-token prediction? Masking is closer to it than it looks. Lift one
# mask at a time and you draw the tokens one by one, in an order that is not the raster but random:

# %%
show.order(
    plans.shuffled(T, torch.Generator().manual_seed(3)),
    SIDE,
    SIDE,
    caption="One of the many orders in which single masks can be lifted.",
)

# %% [markdown]
# So masked diffusion is next-token prediction over *all orders at once*: one network that must
# answer whatever is known and whatever is asked. Lifting several masks in one step is a plan with
# fewer steps, and what is lifted together is drawn without looking at each other. A noise process
# is a plan whose steps are levels of noise.
#
# For numbers instead of tokens there is a second way, without any order. Draw a straight line from
# each data point to a point of noise, chosen at random. The lines cross; but at each place and
# time, take the *mean* direction of all lines that pass. That is a velocity field, its paths do not
# cross, and following it backwards carries noise to data. Below for a mixture of five small
# Gaussians, where the mean direction is known exactly.

# %%
corners = torch.arange(5) * (2 * torch.pi / 5)
law = Mixture(2.2 * torch.stack([corners.sin(), corners.cos()], 1), 0.2)
ends, _ = law.sample(50, torch.Generator().manual_seed(0))
starts = torch.randn(50, 2, generator=torch.Generator().manual_seed(1))
lines = torch.stack([ends, starts])
solved = heun(law.velocity, starts, time_grid(40), keep_path=True)
planes(
    {
        "random straight lines": Plane(ends, paths=lines),
        "along their mean velocity": Plane(solved.x, paths=solved.path),
    },
    x="first number",
    y="second number",
    low=-3.2,
    high=3.2,
    caption="Lines cross, paths of the velocity field do not; both end in the same five clouds.",
)

# %% [markdown]
# ## The maths
#
# **Masking.** Let $x = (x_1, \dots, x_N)$ be the tokens. At time $t \in [0, 1]$ each one is masked
# with probability $t$, on its own. A network reads the masked sequence $x_t$ and gives a law
# $p_\theta(x_i \mid x_t)$ for every position. Its loss is the cross-entropy at the masked
# positions, weighted by $1/t$:
#
# $$ B(x) = \int_0^1 \frac1t \; \mathbb{E}_{x_t}
#    \Big[ \sum_{i \text{ masked}} -\log p_\theta(x_i \mid x_t) \Big] dt . $$
#
# Why $1/t$? Collect what a set $S$ of $n$ masked positions contributes. It comes up with
# probability $t^n (1-t)^{N-n}$, so its weight is a Beta integral:
#
# $$ \int_0^1 \frac1t\, t^n (1-t)^{N-n}\, dt = \frac{(n-1)!\,(N-n)!}{N!}
#    = \frac{1}{n \binom Nn} . $$
#
# Now draw the tokens one by one in a random order. When $n$ of them are still missing, they are a
# given set $S$ with probability $1 / \binom Nn$, and the next one is a given member of it with
# probability $1/n$. The product is the same weight. Hence, exactly,
#
# $$ B(x) = \mathbb{E}_{\text{orders } \sigma} \Big[ \sum_{k=1}^N
#    -\log p_\theta\big(x_{\sigma_k} \mid x_{\sigma_1}, \dots, x_{\sigma_{k-1}}\big) \Big]
#    = \mathbb{E}_\sigma \big[ -\log p_\sigma(x) \big] : $$
#
# masked diffusion's loss is the mean loss of autoregression over all orders. Each order is an
# honest model $p_\sigma$; drawing the order first makes a mixture of them,
# $p(x) = \mathbb{E}_\sigma[p_\sigma(x)]$. The logarithm is concave, so by Jensen
# $-\log p(x) \le B(x)$: an upper bound on the cost of a picture in nats. It is tight only if all
# orders agree on $x$.
#
# **Flow matching.** Let $x$ be data, $\varepsilon$ Gaussian noise, and $x_t = (1-t)\,x +
# t\,\varepsilon$ a straight line between them with velocity $\dot x_t = \varepsilon - x$. Train a
# network on
#
# $$ L = \mathbb{E}_{x, \varepsilon, t}\, \lVert v_\theta(x_t, t) - (\varepsilon - x) \rVert^2 . $$
#
# The minimum of a squared error is a conditional mean, here $v(z, t) =
# \mathbb{E}[\varepsilon - x \mid x_t = z]$. And that is the right field: the density $p_t$ of
# $x_t$ changes because mass moves, and the mass that passes through $z$ moves with the velocities
# of all lines through $z$, on average with $v(z, t)$. In symbols, $\partial_t p_t +
# \mathrm{div}(p_t\, v) = 0$. So points that start as noise at $t = 1$ and follow $\dot z = v(z,
# t)$ down to $t = 0$ have the law $p_t$ at every time, and end as data. The least value of $L$ is
# not zero: it is how much the lines through a point disagree.
#
# A flow has a likelihood too. Along a path, $\frac{d}{dt} \log p_t(z_t) = -\mathrm{div}\, v$, so
#
# $$ \log p_0(x) = \log \mathcal{N}(z_1; 0, I) + \int_0^1 \mathrm{div}\, v(z_t, t)\, dt . $$
#
# It is a density, in nats per number, and no probability: it cannot be set beside nats per token.
#
# **Solvers.** Euler's method takes $z \leftarrow z + (s-t)\, v(z, t)$ and errs by
# $O(h)$ for steps of size $h$; Heun's takes the mean of the velocities at both ends of the step,
# two evaluations, and errs by $O(h^2)$. On a straight path both are exact in a single step. How
# many evaluations a flow needs is how far its paths are from straight.

# %% [markdown]
# ## The code
#
# The processes stand in `arlearn/corrupt`; both are a few lines.

# %%
arlearn.source(corrupt.Absorbing.loss, docstring=False)

# %%
arlearn.source(corrupt.Flow.loss, docstring=False)

# %%
arlearn.source(heun, docstring=False)

# %% [markdown]
# The networks are transformers that look both ways. One reads tokens and masks and needs no time,
# since the number of masks tells it; the other reads numbers and is told the time.

# %%
arlearn.source(MaskedDenoiser.forward, docstring=False)

# %%
arlearn.source(VelocityDenoiser.forward, docstring=False)

# %% [markdown]
# Is the bound really the mean over all orders? On four tokens out of three there are only 24 orders
# and 15 sets of masks, so we can count. The "network" is a table of random logits, a different law
# for everything it may see: as inconsistent as can be.

# %%
N, V = 4, 3
table = torch.randn((V + 1) ** N, N, V, generator=torch.Generator().manual_seed(0))
every = torch.cartesian_prod(*[torch.arange(V)] * N)


def toy(x_t):
    """Logits `b t v` of a masked sequence, looked up."""
    return table[(x_t * (V + 1) ** torch.arange(N)).sum(-1)]


def cost_in_order(x, order):
    """-log p of each sequence when its tokens are revealed in this order, in nats."""
    x_t, cost = torch.full_like(x, V), torch.zeros(len(x))
    for i in order:
        cost = cost - toy(x_t)[:, i].log_softmax(-1).gather(1, x[:, [i]])[:, 0]
        x_t = torch.where(torch.arange(N) == i, x, x_t)
    return cost


costs = torch.stack([cost_in_order(every, order) for order in permutations(range(N))])
exact = corrupt.Absorbing(V).bound(toy, every, draws=None)
orders_gap = float((exact - costs.mean(0)).abs().max())
mixture = -(-costs).exp().mean(0).log()
drawn = torch.stack([
    corrupt.Absorbing(V).loss(toy, every, generator=torch.Generator().manual_seed(k)).sum(1)
    for k in range(20 if tier == "smoke" else 400)
]).mean(0)  # fmt: skip

# %% tags=["nbval-check-output"]
print(f"{len(every)} sequences, {len(costs)} orders")
print("bound = mean over all orders, to 1e-5:", orders_gap < 1e-5)
print("the mixture over orders costs no more:", bool((mixture <= exact + 1e-5).all()))
print("probabilities of all sequences, one order:", f"{float((-costs[5]).exp().sum()):.4f}")

# %%
first = costs[:, 0]
print(
    f"the first sequence costs {float(first.min()):.2f} to {float(first.max()):.2f} nats,", end=" "
)
print(f"by its order; the bound says {float(exact[0]):.2f}, the mixture {float(mixture[0]):.2f}")
print(
    f"the weighted loss at random times, mean over draws and sequences: {float(drawn.mean()):.2f}"
)
print(f"the bound, mean over sequences: {float(exact.mean()):.2f}")

# %% [markdown]
# And the flow of the five Gaussians: does it carry noise to their density? The likelihood formula
# above, solved numerically along the exact velocity, against the density written down.

# %%
points, _ = law.sample(100, torch.Generator().manual_seed(2))
density_gap = float((log_density(law.velocity, points, 64) - law.log_prob(points)).abs().mean())
print(f"mean difference of the log densities: {density_gap:.4f} nats")

# %% [markdown]
# ## Train
#
# Three models from scratch, on the same scenes, with transformers of the same width and depth and
# the same number of steps. Two of them read the 16 tokens: an autoregressive one in raster order,
# and a masked one. Their losses are both nats per token and can share an axis: the one is the cost
# of a picture, the other a bound on it. The third reads the 16 patches as numbers and learns the
# velocity. No model is told what it should draw.

# %%
size = {"width": width, "depth": 3}
torch.manual_seed(0)
models = {
    "raster": LanguageModel(K, T, **size),
    "masked": MaskedDenoiser(K, T, **size),
    "flow": VelocityDenoiser(3 * PATCH**2, T, **size),
}
data = {"raster": units, "masked": units, "flow": to_vectors(train.images.to(device))}
history = {}
for name, model in models.items():
    history[name] = arlearn.fit(
        model.to(device),
        arlearn.Batches(data[name], size=min(64, n), seed=0),
        steps,
        recipe=arlearn.Recipe(lr=3e-3, ema=0.99, precision="fp32"),
        label=name,
        progress=False,
    )
    count = sum(weight.numel() for weight in model.parameters())
    print(f"{name:<7}{count:,} parameters, last losses {history[name].curve(100)[-1]:.3f}")
show.curves(
    {name: (range(1, steps + 1), history[name].curve(20)) for name in ("raster", "masked")},
    x="training step",
    y="loss (nats per token)",
    caption="The masked model must answer in every order, so it is behind in each; its loss is a "
    "bound, too.",
)

# %% [markdown]
# ## Sample
#
# All three, uncurated. The raster model takes one run of its network per token. The masked model
# may take any number; here as many as there are tokens, and a quarter of them. In each step it
# guesses every hidden token and keeps those it is surest of. The flow takes 16 steps of Euler's
# method.

# %%
raster, masked, velocity = models["raster"], models["masked"], models["flow"]


def unmasked(n_steps, count=samples, score="confidence", seed=0, start=None):
    """Pictures of the masked model after `n_steps` runs, and the trace."""
    start = masked.blank(count) if start is None else start
    return decode.unmask(
        masked, start, mask=masked.mask, n_steps=n_steps, score=score, generator=dice(seed)
    )


@torch.no_grad()
def flowed(evaluations, count=samples, solve=euler, seed=0):
    """Patches of the flow after so many evaluations, and the states on the way."""
    calls = 2 if solve is heun else 1
    start = velocity.noise(count, dice(seed))
    return solve(velocity, start, time_grid(evaluations // calls), keep_path=True)


rows_drawn, raster_trace = decode.generate(raster, batch=samples, generator=dice(0))
mask_drawn, mask_trace = unmasked(T)
flow_drawn = flowed(T)
show.compare(
    {
        f"raster, {raster_trace.evaluations} runs": to_pictures(rows_drawn[:10]),
        f"masked, {mask_trace.evaluations} runs": to_pictures(mask_drawn[:10]),
        f"masked, {T // 4} runs": to_pictures(unmasked(T // 4, 10)[0]),
        f"flow, {flow_drawn.evaluations} runs": to_images(flow_drawn.x[:10]).cpu(),
        "test, as tokens": to_pictures(test_units[:10]),
    },
    caption="The first ten samples of each; colours and places are the models' own choice.",
)

# %% [markdown]
# Step by step: where is the masked model sure first? Tokens of the background, then one token of
# the shape, which settles its colour; the others follow.

# %%
show.play(
    mask_trace,
    lambda some, step: to_pictures(some),
    samples=5,
    at=(1, 2, 4, 8, 12, 16),
    label="the masked model lifting one mask a step",
)

# %% [markdown]
# The flow has no first token. All numbers leave the noise together, and what is decided early is
# the coarse look.

# %%
flow_trace = Trace(T)
for state in flow_drawn.path[1:]:
    flow_trace.record(torch.arange(T), state[:5], 1)
show.play(
    flow_trace,
    lambda some, step: to_images(some.to(device)).cpu(),
    samples=5,
    at=(1, 2, 4, 8, 12, 16),
    label="the flow carrying noise to scenes",
)

# %% [markdown]
# ## Measure
#
# First the likelihood, on test scenes nobody was trained on. The raster model says it exactly. The
# masked model gives the bound, estimated by masking random sets (`Absorbing.bound`).


# %%
@torch.no_grad()
def nats_per_token(seed=0):
    """The masked model's bound on the test scenes, over random sets of masks."""
    draws = 4 if tier == "smoke" else 16
    return float(masking.bound(masked, test_units, draws=draws, generator=dice(seed)).mean()) / T


with torch.no_grad():
    exact_nats = float(raster.unit_loss(test_units).mean())
bound_nats = metrics.mean_spread([nats_per_token(seed) for seed in seeds])
frequencies = torch.bincount(units.flatten(), minlength=K).double() / units.numel()
unigram = float(-torch.xlogy(frequencies, frequencies).sum())
print(f"raster        {exact_nats:.3f} nats per token, exactly")
print(f"masked        {bound_nats.mean:.3f} ± {bound_nats.deviation:.3f}, an upper bound")
print(f"frequencies   {unigram:.3f}, tokens that look at nothing")

# %% [markdown]
# How much of that difference is the bound's, and how much the model's? A raster order is one of the
# masked model's orders, so its cost in that order is a likelihood like any other, without Jensen.
# What remains is what one network loses by having to know all orders.


# %%
@torch.no_grad()
def cost_of(order):
    """Nats per token of the masked model when the test scenes are revealed in this order."""
    x_t, cost = masked.blank(len(test_units)), 0.0
    for i in order:
        log_p = masked(x_t)[:, i].log_softmax(-1)
        cost -= float(log_p.gather(1, test_units[:, [i]]).mean())
        x_t[:, i] = test_units[:, i]
    return cost / T


by_rows = cost_of(range(T))
by_chance = [cost_of(torch.randperm(T, generator=dice(seed)).tolist()) for seed in seeds]
print(f"masked model, raster order:   {by_rows:.3f} nats per token")
print(f"masked model, random orders:  {metrics.mean_spread(by_chance).mean:.3f}")

# %% [markdown]
# Then quality against network evaluations. The oracle of the scenes parses a picture back into its
# object; we count the share of samples in which it finds one well-formed object of any shape and
# colour. Masked sampling is tried with the surest positions first and with positions in random
# order, the flow with both solvers.


# %%
def well_formed(images):
    """Share of pictures that the oracle reads as one object."""
    found = oracle.parse(images.cpu())
    return sum(seen.score >= oracle.VALID for seen in found) / len(found)


def spread_over(sampler, *given):
    """Mean and deviation over the sampling seeds of the share of well-formed pictures."""
    return metrics.mean_spread([sampler(*given, seed=seed) for seed in seeds])


def by_masks(n_steps, score, seed):
    return well_formed(to_pictures(unmasked(n_steps, score=score, seed=seed)[0]))


def by_flow(evaluations, solve, seed):
    return well_formed(to_images(flowed(evaluations, solve=solve, seed=seed).x))


def by_raster(seed):
    return well_formed(to_pictures(decode.generate(raster, batch=samples, generator=dice(seed))[0]))


budget = [1, 2, 4, 8, 16]
quality = {
    "masked, surest first": [spread_over(by_masks, k, "confidence") for k in budget],
    "masked, random order": [spread_over(by_masks, k, "random") for k in budget],
    "flow, Euler": [spread_over(by_flow, k, euler) for k in budget],
    "flow, Heun": [spread_over(by_flow, k, heun) for k in budget[1:]],
}
by_tokens = spread_over(by_raster)
ceiling = well_formed(to_pictures(test_units))
plotted = {name: (budget[-len(row) :], [s.mean for s in row]) for name, row in quality.items()}
plotted[f"raster, always {T}"] = (budget, [by_tokens.mean] * len(budget))
show.curves(
    plotted,
    x="network evaluations per picture",
    y="share of well-formed pictures",
    log="x",
    caption="Quality against evaluations, the mean over the sampling seeds.",
)

# %%
largest = max(s.deviation for row in quality.values() for s in row)
print(f"standard deviation over seeds: at most {largest:.3f}")
print(f"test scenes, cut into tokens and pasted again: {ceiling:.1%} are well-formed")

# %% [markdown]
# One evaluation cannot work for tokens: all 16 are drawn blindly, each from its own frequencies.
# With more steps they come to know of each other. The same step count is worth more when the surest
# positions go first, since those are the ones that need to know least of the others.
#
# For flows the question is the solver, and in the plot Heun's method buys nothing: half as many
# steps, each better, are no better here. Is its order a fairy tale? On the five Gaussians the
# velocity is exact, so all error is the solver's. Where do points end, against a solution with very
# many steps?

# %%
origin = torch.randn(300, 2, generator=torch.Generator().manual_seed(5))
target = heun(law.velocity, origin, time_grid(40 if tier == "smoke" else 1000)).x
calls = [4, 8, 16, 32, 64]


def miss(solve, evaluations):
    """Root mean squared distance to where the points should end."""
    steps = evaluations // (2 if solve is heun else 1)
    end = solve(law.velocity, origin, time_grid(steps)).x
    return float((end - target).square().sum(1).mean().sqrt())


missed = {
    name: (calls, [miss(solve, k) for k in calls])
    for name, solve in (("Euler", euler), ("Heun", heun))
}
show.scaling(
    missed,
    {name: metrics.power_law(at[2:], error[2:]) for name, (at, error) in missed.items()},
    x="evaluations of the velocity",
    y="distance to the exact end",
    caption="Solver error on the exact flow of five Gaussians, at equal evaluations.",
)

# %% [markdown]
# With small steps the second order shows. With few and large ones Heun's method is the worse of the
# two, since an expansion in the step's size says nothing of large steps, and a learned velocity is
# asked for few. (Its slope still lies between -1 and -2: near the data the velocity turns quickly,
# and steps must be small against that.)
#
# ### What the plan allows
#
# Keep the lower half of a test scene and draw the upper half. The raster model must draw it before
# it has seen what is kept. For the masked model a kept token is one that was never masked. A
# completed scene counts if the oracle finds the shape and colour of the original.

# %%
kept = torch.arange(T, device=device) >= T // 2
some, names = test_units[:samples], test.labels[:samples]
some_kept = torch.where(kept, some, masked.mask)


def completed(name, seed):
    """The scenes with their upper half drawn anew, as pictures."""
    if name == "masked":
        return to_pictures(unmasked(T // 2, start=some_kept, seed=seed)[0])
    drawn, _ = decode.generate(
        raster, batch=len(some), given=some, known=kept, generator=dice(seed)
    )
    return to_pictures(drawn)


filled = {
    name: metrics.mean_spread(
        [oracle.scene_accuracy(completed(name, seed), names.cpu()) for seed in seeds]
    )
    for name in ("raster", "masked")
}
show.compare(
    {
        "kept": to_pictures(some_kept[:8]),
        **{name: completed(name, 0)[:8] for name in filled},
        "original": to_pictures(some[:8]),
    },
    caption="The lower half is given, the upper half is drawn.",
)

# %%
for name, share in filled.items():
    print(f"{name:<7} completes {share.mean:.0%} ± {share.deviation:.0%} of {len(some)} scenes")

# %% [markdown]
# ### The verdict


# %%
def pair(method, baseline, reason, note=""):
    """Two measured shares with their spreads."""
    spreads = (method.deviation, baseline.deviation)
    return arlearn.Measured(
        method.mean, baseline.mean, spread=spreads, reason=reason, note=note or sampled
    )


points = [Point("raster", 1, by_tokens.mean, by_tokens.deviation)] + [
    Point(name, T / k, s.mean, s.deviation)
    for name in ("masked, surest first", "masked, random order", "flow, Euler")
    for k, s in zip(budget, quality[name], strict=True)
]
sampled = f"{samples} samples, {len(seeds)} seeds"
surest, flows = quality["masked, surest first"], quality["flow, Euler"]
arlearn.claim(
    "noise",
    {
        "orders": arlearn.Measured(orders_gap, note=f"{len(every)} sequences, {len(costs)} orders"),
        "density": arlearn.Measured(density_gap, note="100 points of five Gaussians"),
        "bound": arlearn.Measured(
            exact_nats,
            bound_nats.mean,
            spread=bound_nats.deviation,
            reason="too few steps for either model",
            note=f"{judged} test scenes; the spread is that of the bound's estimate",
        ),
        "steps": pair(surest[-1], surest[0], "an untrained model draws noise with any steps"),
        "quarter": pair(
            surest[budget.index(T // 4)],
            by_tokens,
            "a step then draws several neighbours that do not see each other",
            f"{T // 4} evaluations against {T}; {sampled}",
        ),
        "half": pair(
            surest[budget.index(T // 2)],
            by_tokens,
            "the masked model is behind in likelihood, and steps do not make up for it",
            f"{T // 2} evaluations against {T}; {sampled}",
        ),
        "flow": pair(flows[-1], flows[1], "an untrained velocity leads nowhere"),
        "solver": arlearn.Measured(
            missed["Heun"][1][2],
            missed["Euler"][1][2],
            reason="paths too bent for steps of this size",
            note=f"{calls[2]} evaluations each, exact velocity",
        ),
        "infill": pair(filled["masked"], filled["raster"], "the masked model learned too little"),
    },
    equal="width and depth of the transformers, steps, batch, scenes; raster and masked: tokens",
    seeds=seeds,
    frontier=points,
    quality="share of well-formed pictures",
)

# %% [markdown]
# ## Play
#
# How many evaluations does a picture need? The slider goes from one to sixteen; above the masked
# model, below the flow, from the same random numbers at every position of the slider.

# %%
frames = []
for k in budget:
    above = to_pictures(unmasked(k, 3)[0])
    below = to_images(flowed(k, 3).x).cpu()
    frames.append(rearrange([above, below], "r n c h w -> c (r h) (n w)"))
show.scrub(
    frames,
    [f"{k} evaluation{'s' * (k > 1)}" for k in budget],
    label="samples of masked diffusion and of a flow under growing numbers of evaluations",
    width=384,
)

# %% [markdown]
# ## Where it breaks
#
# **The bound is not the likelihood.** A masked model that scores below an autoregressive one in
# nats may still have the better mixture; one cannot say without summing over orders. And the
# sampler that looks best, surest first, is not the one the bound speaks of: picking positions by
# confidence draws from another law, one that prefers the likely.
#
# **Fewer steps, blind draws.** Tokens lifted in one step are independent given what stands. The
# more they depend on each other, the worse; the rows of the periodic table are about this trade.
#
# **No cache.** In a raster model, what has been read stays read. Here every run reads everything
# anew, since every position sees every other. A masked model that needs half the runs is not twice
# as fast; the chapters on diffusion language models bring blocks and caches back.
#
# **Equal steps, unequal lessons.** In one pass a raster model learns from all its tokens, a masked
# one only from those that happen to be masked, under one of very many sets of masks. It learns more
# slowly, and that has a good side where data are few. (In a trial on the 1,500 handwritten digits,
# not part of this run, the raster model knew them by heart long before the masked one did.)
#
# **Straight lines, bent paths.** Lines between data and noise are straight, the paths of their mean
# are not. Rectified flow straightens them by training on its own pairs; mean flow and distillation
# learn the whole jump. A flow's quality after two evaluations says how much there is to gain.
#
# **What comes later.** Flows as the law of a single token, inside an autoregressive model, are the
# part on continuous tokens; masked diffusion on text is the part on diffusion language models,
# which builds on the very `MaskedDenoiser` used here.

# %% [markdown]
# ## Exercises
#
# **noise.1** (five minutes) The bound is a weighted sum over sets of masked positions. What is the
# weight of one set of n positions out of N?


# %% tags=["exercise"]
def weight(n, total):
    """The integral of t^(n-1) (1-t)^(total-n) over t from 0 to 1."""
    raise NotImplementedError("Read the maths again: it is one over something.")


arlearn.check("noise.1", weight)


# %% tags=["solution", "hide-input"]
def weight(n, total):
    """1 / (n binomial(N, n))."""
    ways = 1
    for i in range(n):
        ways = ways * (total - i) // (i + 1)
    return 1 / (n * ways)


arlearn.check("noise.1", weight)
print(f"all masked: {weight(4, 4):.3f}; one of four: {weight(1, 4):.3f}")

# %% [markdown]
# **noise.2** (ten minutes) Write one step of Heun's method from time t down to s. At which point,
# and at which time, is the second velocity taken?


# %% tags=["exercise"]
def heun_step(velocity, x, t, s):
    """x at time s; `velocity(x, t)` takes numbers as times."""
    raise NotImplementedError("First where Euler would end, then the mean of two velocities.")


arlearn.check("noise.2", heun_step)


# %% tags=["solution", "hide-input"]
def heun_step(velocity, x, t, s):
    """Euler to the end of the step, then from the start with the mean of both velocities."""
    here = velocity(x, t)
    there = velocity(x + (s - t) * here, s)
    return x + (s - t) * (here + there) / 2


arlearn.check("noise.2", heun_step)

# %% [markdown]
# **noise.3** (a small project) Write a sampler's step: fill in the k masks whose most likely token
# is the most probable. Then draw scenes with nothing but it. Greedy tokens and greedy positions:
# what do all samples look like, and what would you change?


# %% tags=["exercise"]
def reveal(x_t, logits, mask, k):
    """One sequence `t` with its k surest masks replaced by their most likely units."""
    raise NotImplementedError("logits.softmax(-1).max(-1) gives probabilities and units.")


arlearn.check("noise.3", reveal)


# %% tags=["solution", "hide-input"]
def reveal(x_t, logits, mask, k):
    """The k highest probabilities among the masked positions."""
    sure, unit = logits.softmax(-1).max(-1)
    best = sure.masked_fill(x_t != mask, -1.0).topk(k).indices
    best = best[x_t[best] == mask]
    x_t = x_t.clone()
    x_t[best] = unit[best]
    return x_t


arlearn.check("noise.3", reveal)
greedy = masked.blank(2)
with torch.no_grad():
    for _ in range(T):
        greedy = torch.stack([
            reveal(x_t, logits, masked.mask, 1)
            for x_t, logits in zip(greedy, masked(greedy), strict=True)
        ])  # fmt: skip
print("greedy samples are all the same:", bool((greedy[0] == greedy[1]).all()))
print(f"{len(greedy[0].unique())} different tokens in it: the likeliest picture is background")
