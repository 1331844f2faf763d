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
# # The map

# %%
import torch

import arlearn
from arlearn import catalog, data, decode, metrics, plans, show
from arlearn.heads.law import Law
from arlearn.nets import any_plan
from arlearn.nets.any_plan import AnyPlan
from arlearn.nets.plan_model import PlanModel
from arlearn.plans import Plan

arlearn.card("map")

# %% tags=["parameters"]
tier = arlearn.tier()

# %%
width, depth, batch, steps, shown, seeds = {
    "smoke": (16, 1, 8, 2, 10, [0, 1]),
    "cpu": (48, 2, 24, 240, 297, [0, 1, 2]),
    "gpu": (128, 4, 64, 1500, 297, [0, 1, 2]),
}[tier]
device = arlearn.device()
LEVELS, SIDE = 4, 8


def dice(seed):
    """A fresh source of randomness, so that every cell can be run again alone."""
    return torch.Generator(device).manual_seed(seed)


# %% [markdown]
# ## The question
#
# A handwritten digit of 8 x 8 pixels, each in one of four greys, is 64 decisions. Who decides
# first? A language model would take the pixels one after the other, as if they were letters: 64
# runs of the network for one small picture. Could they all be decided at once? Here is what stands
# against it.

# %%
train, test = data.digits("train"), data.digits("test").first(shown).to(device)


def units_of(images):
    """Each pixel as one of four greys, row by row."""
    return (images * 16 / 17 * LEVELS).long().flatten(1)


def pictures_of(units):
    """Pictures of units, ink light."""
    return units.view(-1, 1, SIDE, SIDE).cpu() / (LEVELS - 1)


units, real = units_of(train.images), units_of(test.images)
ten = torch.stack([(train.labels == label).nonzero()[0, 0] for label in range(10)])
show.grid(pictures_of(units[ten]), caption="Ten of the training pictures, in four greys.")


# %%
def known_from(down, right):
    """Nats that a pixel tells about the one so far down and to the right, over all such pairs."""
    grid = units.view(-1, SIDE, SIDE)
    one, other = grid[:, : SIDE - down, : SIDE - right], grid[:, down:, right:]
    told = []
    for a, b in zip(one.flatten(1).T, other.flatten(1).T, strict=True):
        law = torch.bincount(a * LEVELS + b, minlength=LEVELS**2).view(LEVELS, LEVELS) / len(units)
        apart = law.sum(1, keepdim=True) * law.sum(0)
        told.append(torch.xlogy(law, law / apart.clamp(min=1e-9)).sum())
    return float(torch.stack(told).mean())


for distance in (1, 2, 4):
    beside, below = known_from(0, distance), known_from(distance, 0)
    print(f"a pixel tells {beside:.3f} nats about the one {distance} to the right, "
          f"{below:.3f} about the one {distance} below")  # fmt: skip

# %% [markdown]
# A pixel is told most by its neighbours, and it has several; what is far away tells little. Whoever
# draws two neighbours at the same moment cannot use what they know about each other, and pays for
# it in the quality of the picture. Whoever draws one at a time pays in runs of the network. Nearly
# every paper of this course is a bargain between the two.

# %% [markdown]
# ## The idea
#
# Write into every pixel the number of the step that draws it. That is all a **plan** is: one
# integer per position. Pixels with the same number are drawn at once, given all with smaller ones.

# %%
row = torch.arange(SIDE)[:, None].expand(SIDE, SIDE)
column = row.T
ADAM7 = torch.tensor(
    [
        [1, 6, 4, 6, 2, 6, 4, 6],
        [7, 7, 7, 7, 7, 7, 7, 7],
        [5, 6, 5, 6, 5, 6, 5, 6],
        [7, 7, 7, 7, 7, 7, 7, 7],
        [3, 6, 4, 6, 3, 6, 4, 6],
        [7, 7, 7, 7, 7, 7, 7, 7],
        [5, 6, 5, 6, 5, 6, 5, 6],
        [7, 7, 7, 7, 7, 7, 7, 7],
    ]
)
PLANS = {
    "raster": plans.raster(SIDE**2),
    "shuffled": plans.shuffled(SIDE**2, torch.Generator().manual_seed(0)),
    "rows": plans.blocks(SIDE**2, SIDE),
    "interlaced": Plan(ADAM7.flatten() - 1),
    "quarters": plans.cells(SIDE, SIDE, SIDE // 2),
    "lattice": Plan((row % 2 * 2 + column % 2).flatten()),
    "whole": plans.whole(SIDE**2),
}
shades = [plan.step / max(plan.n_steps - 1, 1) for plan in PLANS.values()]
show.grid(
    0.1 + 0.85 * torch.stack(shades).view(-1, 1, SIDE, SIDE),
    columns=7,
    captions=[f"{name}, {plan.n_steps}" for name, plan in PLANS.items()],
    caption="Seven plans and their numbers of steps. Dark pixels are drawn first.",
)

# %% [markdown]
# *Raster* is next-token prediction. *Rows* draws a line at a time, *quarters* a square at a time.
# *Interlaced* is how a PNG file arrives over a slow line (its seven passes are known as Adam7): a
# few pixels far apart first, the gaps between them later. *Lattice* has as many steps as quarters
# and as many pixels in each, only that no two neighbours are drawn together. *Whole* is the
# bargain's other end.

# %%
show.order(
    PLANS["interlaced"],
    SIDE,
    SIDE,
    caption="The interlaced plan. Its last step draws half of the picture at once.",
)

# %% [markdown]
# Who may look at whom follows from those numbers: a position sees all positions whose step is not
# later than its own. One line of code makes the mask of every paper in this course.

# %%
arlearn.source(Plan.mask)

# %%
show.mask(PLANS["quarters"], caption="The mask of the quarters: the second sees the first, …")

# %% [markdown]
# The plan is one of three choices. Every generator of the course makes them all:
#
# | choice | question | instances |
# |---|---|---|
# | **tokens** | what is one unit? | a character, a grey pixel, a patch's code, a frame of sound |
# | **plan** | which units are drawn together, and in which order? | the seven above, and more |
# | **head** | which law does one unit follow, given what it sees? | categorical, Gaussian, a flow |
#
# A paper adds a twist of its own, and that is what its chapter is about. Plans and heads make a
# table, with every paper in a cell. The papers that set several heads beside each other, or that
# draw nothing, stand below it. Cells with a dot are still free: the parts compose, so each of them
# is a model somebody could try.

# %%
show.explore_papers()

# %%
table = show.periodic()
free = [cell for cell, papers in table.cells.items() if not papers]
print(f"{len(table.papers)} papers; {len(free)} of {len(table.cells)} cells are free")

# %% [markdown]
# ### How to use the course
#
# **In which order?** The five chapters of this opening part come first, in their order. After that
# the parts can be read in any order; the card at the top of a chapter says what it builds on, and
# the book has a page with the order of everything.
#
# **At which size?** Every chapter runs at three. *smoke* asks only whether every cell runs. *cpu*
# is made for two cores of a laptop and is what you see in the book. *gpu* is the same chapter with
# larger models on a large GPU. The variable `ARLEARN_TIER` picks one. Under *Train* below this
# machine is measured.
#
# **What is a claim?** Each chapter ends by measuring what its paper says, part by part, and the
# parts were written down before anything was measured. A part that does not hold is said not to.
#
# **Exercises** check themselves. Replace the cell that raises `NotImplementedError`, run it, and
# `arlearn.check` says in a sentence whether it is right or what to look at. A solution is folded
# below.

# %% [markdown]
# ## The maths
#
# A picture is $x = (x_1, \dots, x_t)$ with $x_i \in \{0, \dots, v-1\}$; here $t = 64$ and $v = 4$.
# The plan gives position $i$ the step $s(i) \in \{0, \dots, S-1\}$. Write $x_s$ for all units of
# step $s$ and $x_{<s}$ for all before. The chain rule holds for any order and any grouping:
#
# $$ p(x) = \prod_{s=0}^{S-1} p(x_s \mid x_{<s}) . $$
#
# Nothing is lost so far. What a network is asked for, though, is one law per position, and drawing
# from those makes the units of one step independent given the past:
#
# $$ q(x) = \prod_{s=0}^{S-1} \prod_{i:\, s(i) = s} q(x_i \mid x_{<s}) . $$
#
# The loss is the mean of $-\log q(x)$, in nats. The best $q$ of this form has
# $q(x_i \mid x_{<s}) = p(x_i \mid x_{<s})$, and then it loses
#
# $$ \mathbb{E}\left[\log \frac{p(x)}{q(x)}\right]
#    = \sum_{s=0}^{S-1} \Big( \sum_{i:\, s(i)=s} H(x_i \mid x_{<s}) - H(x_s \mid x_{<s}) \Big)
#    \;\ge\; 0 . $$
#
# Each bracket is the *total correlation* of a step: what its units know about each other beyond
# the past. It is zero if the step has one unit. So
#
# - **any** order with one unit a step is exact, a random one too;
# - splitting a step can only lower the loss;
# - with equally many steps, that plan loses least whose steps hold units that know little about
#   each other once the past is known.
#
# The cost is on the other side: one run of the network per step, $S = \max_i s(i) + 1$ in all.
#
# For units that are jointly normal the brackets have a closed form: with $C_s$ the covariance of
# $x_s$ given $x_{<s}$, a step loses $\tfrac12(\sum_i \log C_{s,ii} - \log\det C_s)$. Pixels are not
# normal, but their covariance is known before any network is trained. Let it predict the price.

# %%
pixels = train.images.flatten(1).double()
covariance = torch.cov(pixels.T) + 0.01 * torch.eye(SIDE**2)  # some pixels never change
foreseen = {name: metrics.independence_price(plan, covariance) for name, plan in PLANS.items()}
for name, price in foreseen.items():
    print(f"{name:<11}{PLANS[name].n_steps:>3} steps, foreseen price {price:5.2f} nats a picture")

# %% [markdown]
# ## The code
#
# A model over a plan has to say what the positions of a step are fed, from units of earlier steps
# alone. The one used here is fed the units of the step before; everything earlier it sees by
# attention.

# %%
arlearn.source(AnyPlan.inputs)

# %% [markdown]
# Which unit of the step before goes to which position? If both steps have the same size, the one
# at the same offset; if the new one is larger, each is used more than once.

# %%
arlearn.source(any_plan.sources)

# %% [markdown]
# In training all steps are computed at once, under the plan's mask (*teacher forcing*: every step
# is fed the true units). In sampling they come one after the other, and what was computed for
# earlier steps is kept in a cache. Both call `inputs`, so both compute the same:

# %%
arlearn.source(PlanModel.forward)

# %% tags=["nbval-check-output"]
gaps = {}
for name, plan in PLANS.items():
    torch.manual_seed(0)
    model = AnyPlan(plan, LEVELS, width=32, depth=2).to(device).eval()
    with torch.no_grad():
        forced = model(real[:10])
        session = decode.Session(model, None, 10, law=Law(), generator=None)
        looks = [session.look(session.inputs(real[:10], s), s)[0] for s in range(plan.n_steps)]
    gaps[name] = float((torch.cat(looks, 1) - forced).abs().max())
print("cached sampling equals teacher forcing to 1e-4:", max(gaps.values()) < 1e-4)

# %% [markdown]
# ## Train
#
# First: what can this machine do? A model's cost is its parameters times the tokens it learns
# from. Two short runs say how many of those it manages a second; a chapter of the cpu tier holds
# at most about $10^{12}$ of them, all its models together.


# %%
def speed(width, depth, tries):
    """Parameters times tokens, learned from in a second."""
    model = AnyPlan(PLANS["raster"], LEVELS, width=width, depth=depth).to(device)
    examples = arlearn.Batches(units, size=64, seed=0)
    recipe = arlearn.Recipe(precision="fp32")
    history = arlearn.fit(model, examples, tries, recipe=recipe, progress=False)
    return sum(x.numel() for x in model.parameters()) * SIDE**2 * history.items_per_second


small, large = speed(48, 2, 2 if tier == "smoke" else 8), speed(128, 4, 1 if tier == "smoke" else 4)
print(f"width  48: {small:.1e} parameters x tokens a second on this machine")
print(f"width 128: {large:.1e}")
print(f"so the training of the largest cpu chapters takes {1e12 / large:.0f} to "
      f"{1e12 / small:.0f} s here")  # fmt: skip

# %% [markdown]
# Training is the larger part of a chapter; importing, sampling and measuring come on top. The
# chapters that have been published took this long where they were run:

# %%
for tier_name in ("cpu", "gpu"):
    rows = [catalog.result(one.slug, tier_name) for one in (*catalog.lessons(), *catalog.papers())]
    took = sorted(done["seconds"] for done in rows if done)
    if took:
        print(f"{tier_name} tier: {len(took)} chapters, {took[len(took) // 2]:.0f} s in the "
              f"middle, {took[-1]:.0f} s the longest")  # fmt: skip

# %% [markdown]
# Now seven models. They have the same network, the same initial weights, the same pictures in the
# same order, the same optimiser and equally many updates. One line differs: the plan.

# %%
models, lines = {}, {}
for name, plan in PLANS.items():
    torch.manual_seed(0)
    model = AnyPlan(plan, LEVELS, width=width, depth=depth).to(device)
    history = arlearn.fit(
        model,
        arlearn.Batches(units, size=batch, seed=0),
        steps,
        recipe=arlearn.Recipe(lr=6e-3, weight_decay=0.1, ema=0.99, precision="fp32"),
        label=name,
    )
    models[name] = model
    lines[name] = (range(steps), [SIDE**2 * loss for loss in history.curve(20)])
show.curves(
    {name: lines[name] for name in ("raster", "rows", "lattice", "quarters", "whole")},
    x="training step",
    y="training loss (nats per picture)",
    caption="Five of the seven. What a step draws blindly, no training brings back.",
)

# %%
parameters = {sum(x.numel() for x in model.parameters()) for model in models.values()}
print(f"each model has {parameters.pop():,} parameters, and there is one count for all: "
      f"{not parameters}")  # fmt: skip

# %% [markdown]
# ## Sample
#
# Ten pictures from every model, the first that came. Nobody says which digit to draw. The loop that
# draws them knows neither rasters nor lattices: it walks through the steps of the plan.

# %%
drawn, traces = {}, {}
for name, model in models.items():
    drawn[name], traces[name] = decode.generate(model, batch=10, generator=dice(1))
show.compare(
    {f"{name}, {traces[name].evaluations}": pictures_of(drawn[name]) for name in PLANS},
    caption="Ten samples of each plan, beside it its network evaluations. Nothing is picked.",
)

# %% [markdown]
# Watch one of them being drawn. What is not drawn yet is blue.


# %%
def half_drawn(units, step):
    """A picture after some steps."""
    ink = pictures_of(units.clamp(min=0)).expand(-1, 3, -1, -1)
    sea = torch.tensor([0.15, 0.35, 0.6]).view(1, 3, 1, 1)
    return torch.where(units.view(-1, 1, SIDE, SIDE) < 0, sea, ink)


show.play(
    traces["interlaced"],
    half_drawn,
    samples=10,
    label="the interlaced plan drawing ten digits",
)

# %% [markdown]
# ## Measure
#
# Two measures, neither of which is a network's opinion. The *nats per picture* of the test set are
# exact, since every model here has a likelihood. The *Fréchet distance* compares the samples'
# pixels with the test set's: their means and all their covariances, and covariances are just what
# independent draws destroy.

# %%
nats, distance = {}, {}
for name, model in models.items():
    with torch.no_grad():
        nats[name] = model.unit_loss(real).sum(1).double().cpu()
    distance[name] = [
        metrics.frechet(
            pictures_of(decode.generate(model, batch=len(real), generator=dice(seed))[0]).flatten(
                1
            ),
            pictures_of(real).flatten(1),
        )
        for seed in seeds
    ]
apart = {name: metrics.mean_spread(values) for name, values in distance.items()}
halves = units[torch.randperm(len(units), generator=torch.Generator().manual_seed(0))]
floor = metrics.frechet(pictures_of(halves[: len(real)]).flatten(1), pictures_of(real).flatten(1))
for name in PLANS:
    print(
        f"{name:<11}{traces[name].evaluations:>3} evaluations   {nats[name].mean():6.2f} nats"
        f"   Fréchet distance {apart[name].mean:.3f} ± {apart[name].deviation:.3f}"
    )
print(f"{'(training pictures)':<49}{floor:.3f}")

# %%
near, far = ("raster", "rows", "quarters", "whole"), ("shuffled", "interlaced", "lattice", "whole")
show.curves(
    {
        "neighbours together": (
            [PLANS[name].n_steps for name in near],
            [float(nats[name].mean()) for name in near],
        ),
        "far apart together": (
            [PLANS[name].n_steps for name in far],
            [float(nats[name].mean()) for name in far],
        ),
    },
    x="network evaluations for one picture",
    y="nats per test picture",
    log="x",
    caption="Fewer evaluations cost more nats, and which pixels share a step matters as much.",
)

# %% [markdown]
# Was that to be foreseen? Here is the price that the covariance predicted before anything was
# trained, beside what was paid: the nats above those of the raster model.

# %%
paid = {name: float(nats[name].mean() - nats["raster"].mean()) for name in PLANS}
show.bars(
    list(PLANS),
    {"foreseen": [foreseen[name] for name in PLANS], "paid": [paid[name] for name in PLANS]},
    x="plan",
    y="nats per picture above raster",
    caption="The foreseen price is that of jointly normal pixels and a perfect network.",
)

# %% [markdown]
# A covariance is all that theory was given, and it foresees which plan pays what. The difference is
# the shuffled plan, whose foreseen price is zero like that of every plan with one pixel a step:
# what it pays is for *learning*. A neighbour is easier to make use of when it is always the same.
#
# ### One end can be checked exactly
#
# The plan that draws everything at once can know nothing but how often each pixel has each grey.
# That can be counted without any network.

# %%
counts = torch.stack([(units == grey).sum(0) for grey in range(LEVELS)], -1) + 0.5
law = (counts / counts.sum(-1, keepdim=True)).log()
counted = -law.expand(len(real), -1, -1).gather(-1, real.cpu()[..., None]).sum((1, 2))
print(f"counted frequencies  {counted.mean():.2f} nats a picture")
print(f"the whole plan       {nats['whole'].mean():.2f}")

# %% [markdown]
# ### The verdict


# %%
def error_of(difference):
    """Standard error of a mean difference over test pictures."""
    return float(difference.std() / len(difference) ** 0.5)


arlearn.claim(
    "map",
    {
        "evaluations": arlearn.Measured(
            sum(traces[name].evaluations != plan.n_steps for name, plan in PLANS.items()),
            note=f"of {len(PLANS)} plans of {PLANS['whole'].n_steps} to {PLANS['raster'].n_steps} "
            "steps",
        ),
        "cached": arlearn.Measured(max(gaps.values()), note="largest difference over all plans"),
        "price": arlearn.Measured(
            float(nats["raster"].mean()),
            float(nats["whole"].mean()),
            spread=error_of(nats["raster"] - nats["whole"]),
            note="standard error over test pictures",
        ),
        "frequencies": arlearn.Measured(
            float(nats["whole"].mean()),
            float(counted.mean()),
            reason="trained too shortly to reach what can be counted",
        ),
        "far-apart": arlearn.Measured(
            float(nats["lattice"].mean()),
            float(nats["quarters"].mean()),
            spread=error_of(nats["lattice"] - nats["quarters"]),
            reason="the lattice is harder to learn, which can outweigh what it saves",
            note="four steps of sixteen pixels each; standard error over test pictures",
        ),
        "samples": arlearn.Measured(
            apart["raster"].mean,
            apart["whole"].mean,
            spread=(apart["raster"].deviation, apart["whole"].deviation),
            reason="too few samples",
            note=f"{len(real)} samples, {len(seeds)} sampling seeds",
        ),
    },
    equal="network, initial weights, pictures and their order, optimiser, updates",
    seeds=seeds,
)

# %% [markdown]
# ## Play
#
# Choose a plan, its size, and see the order, the mask and the number of evaluations at once. Is
# there one with eight steps that you would have expected to lose less than the lattice?

# %%
show.explore_plans(SIDE)

# %% [markdown]
# And the bargain as a slider: samples from the same random numbers, with fewer and fewer
# evaluations. At which of them would you stop? The frames were drawn before, so the slider works
# without a kernel too.

# %%
falling = sorted(PLANS, key=lambda name: (-PLANS[name].n_steps, nats[name].mean()))
frames = []
for name in falling:
    some = pictures_of(decode.generate(models[name], batch=20, generator=dice(3))[0])
    frames.append(show.grid(some, columns=10, scale=7))
show.scrub(
    frames,
    [
        f"{name}: {PLANS[name].n_steps} evaluations, {nats[name].mean():.1f} nats"
        for name in falling
    ],
    label="twenty samples of each of the seven plans",
)

# %% [markdown]
# ## Where it breaks
#
# **Steps are not arithmetic.** All seven models compute the same number of positions for a
# picture; raster does it in 64 small runs, whole in one. One picture at a time, the small runs
# leave a machine idle and the number of steps is the waiting time. In a large batch they do not.
#
# **A step need not be drawn independently.** The formula above assumes one look. A step that is
# refined over several looks (masked diffusion, flows) buys the lost nats back with evaluations of
# another kind, and the chapter on noise sets the two beside each other.
#
# **The tokens change the price.** Were one unit a patch of four pixels, the head's categorical law
# would hold all their correlations, and drawing neighbouring units at once would lose less. That
# is why the plan of a paper can never be judged without its tokens.
#
# **Being exact is not being easy.** Any order is exact, and yet the shuffled plan pays for its
# own. With more pictures and longer training that gap closes; with 1,500 pictures and a minute it
# does not.
#
# **What the model is told is paid for.** Nobody told these models which digit to draw. In a trial
# in which they were told, not part of this run, drawing everything at once cost half as much: the
# class is much of what far-apart pixels know about each other.

# %% [markdown]
# ## Exercises
#
# **map.1** (five minutes) Write the mask of a plan, given the step of each position: a square of
# truth values whose row *i* says what position *i* sees.


# %% tags=["exercise"]
def mask_of(step):
    """mask[i, j]: may position i look at position j?"""
    raise NotImplementedError("Compare the steps with each other: one as a row, one as a column.")


arlearn.check("map.1", mask_of)


# %% tags=["solution", "hide-input"]
def mask_of(step):
    """step[j] <= step[i]."""
    return step[None, :] <= step[:, None]


arlearn.check("map.1", mask_of)

# %% [markdown]
# **map.2** (ten minutes) Two units and the table of their joint law: what does it cost, in nats,
# to draw them at once? Then ask it about two neighbouring pixels, and two far apart.


# %% tags=["exercise"]
def price(joint):
    """Nats lost by drawing a and b at once, joint[a, b] being their probability."""
    raise NotImplementedError("H(a) + H(b) - H(a, b), with 0 log 0 = 0.")


arlearn.check("map.2", price)


# %% tags=["solution", "hide-input"]
def price(joint):
    """The mutual information of the pair."""

    def entropy(law):
        return -torch.xlogy(law, law).sum()

    return float(entropy(joint.sum(0)) + entropy(joint.sum(1)) - entropy(joint))


arlearn.check("map.2", price)
for name, there in (("neighbours", 28), ("far apart", 63)):
    pairs = torch.bincount(units[:, 27] * LEVELS + units[:, there], minlength=LEVELS**2)
    joint = pairs.view(LEVELS, LEVELS) / len(units)
    print(f"pixels 27 and {there}, {name}: {price(joint):.3f} nats")

# %% [markdown]
# **map.3** (a small project) Find a plan of four steps that loses less than the lattice: give each
# of the 64 pixels, row by row, its step 0 to 3. It is judged by the price that the covariance of
# the digits foresees. The steps need not be equally large. How low can you get, and does a trained
# model agree?


# %% tags=["exercise"]
def four_steps():
    """64 integers 0 to 3, the step of each pixel, row by row."""
    raise NotImplementedError("In the lattice, which of its steps still draws pixels that touch?")


arlearn.check("map.3", four_steps)


# %% tags=["solution", "hide-input"]
def four_steps():
    """A chessboard from coarse to fine: 8, 8, 16, then the 32 pixels in all the gaps."""
    row, column = torch.arange(64) // 8, torch.arange(64) % 8
    coarse = (row % 2 == 0) & (column % 2 == 0)
    return torch.where(coarse, (row // 2 + column // 2) % 2, 2 + (row + column) % 2)


arlearn.check("map.3", four_steps)
for name, plan in (("lattice", PLANS["lattice"]), ("chessboards", Plan(four_steps()))):
    print(f"{name:<12}{metrics.independence_price(plan, covariance):.2f} nats foreseen")
