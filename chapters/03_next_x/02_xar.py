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
# # xAR: what should come next?

# %%
import torch
from einops import rearrange

import arlearn
from arlearn import decode, metrics, plans, show, zoo
from arlearn.decode.flow_units import Chain
from arlearn.frontier import Point
from arlearn.heads.law import Law
from arlearn.metrics.spread import compare
from arlearn.nets.flow_plan import FlowPlan
from arlearn.papers import xar
from arlearn.zoo import pictures, xar_models

arlearn.card("xar")

# %% tags=["parameters"]
tier = arlearn.tier()

# %%
design, n, live_steps, seeds, budgets = {
    "smoke": (xar_models.DIGITS, 24, 2, [0], (16,)),
    "cpu": (xar_models.DIGITS, 594, 90, [0, 1, 2], (4, 8, 16, 32, 64)),
    "gpu": (xar_models.GLYPHS, 3024, 400, [0, 1, 2], (8, 16, 32, 64, 128, 256)),
}[tier]
device = arlearn.device()
evaluations = budgets[-1]
draws = {"smoke": 1, "cpu": 4, "gpu": 8}[tier]


def dice(seed):
    """A fresh source of randomness, so that every cell can be run again alone."""
    return torch.Generator(device).manual_seed(seed)


test = design.load("test").to(device)
labels = test.labels.repeat(-(-n // len(test)))[:n]
tokens = {unit: xar_models.patches(design, unit) for unit in xar.UNITS}
order = {unit: xar.plan(unit, tokens[unit].side, design.cell) for unit in xar.UNITS}
side = tokens["cell"].side


def model(unit, context="noisy", number=0, steps=None):
    """One of the models this chapter measures."""
    return zoo.obtain(xar_models.named(design, unit, context, number, steps)).to(device)


def each_unit(unit, total=evaluations):
    """Solver steps of a unit where a whole picture may cost `total` network evaluations."""
    return max(1, total // order[unit].n_steps)


# %% [markdown]
# ## The question
#
# A picture has no next word. An autoregressive model of pictures predicts *something* next, given
# what came before, and most take over what text has: the next token, a small patch. A patch is not
# a thing, though. It is as big as the tokenizer happened to make it, its neighbour below comes
# many steps after its neighbour to the right, and each of them must be final before the other is
# begun.
#
# There is a second inheritance. In training, what came before is always true; in sampling it is the
# model's own. A model that has only ever seen clean context does not know what to do with context
# that is slightly off: *exposure bias*. Here is such a model on test pictures, asked for one unit
# after the other. The earlier units are true, or true with a little noise. How much worse are its
# answers?

# %%
units = tokens["patch"].encode(test.images)


def spoilt(share):
    """Test pictures whose vectors are mixed with a share of noise."""
    noise = torch.randn(units.shape, generator=dice(5), device=device)
    return (1 - share) * units + share * noise


@torch.no_grad()
def error(arm, context, **options):
    """Mean squared error of the velocity on test pictures, where earlier units are `context`."""
    found = [
        arm.errors(units, test.labels, context=context, generator=dice(k), **options)
        for k in range(draws)
    ]
    return float(torch.stack(found).mean())


shares = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5] if tier != "smoke" else [0.0, 0.3]
clean_patch = model("patch", "clean")
rises = {"clean context": [error(clean_patch, spoilt(share)) for share in shares]}
show.curves(
    {"trained on clean context": (shares, rises["clean context"])},
    x="share of noise in the context",
    y="error of the velocity",
    caption="A patch-by-patch model that has only seen clean context, shown a spoilt one.",
)

# %% [markdown]
# xAR asks both questions at once. What is the right *X* in next-X prediction? And what should the
# earlier X look like in training?

# %% [markdown]
# ## The idea
#
# **X is a plan.** Let several patches be drawn together, as one unit, by flow matching: the unit
# starts as noise, all of it, and is carried to data in a few solver steps, in which its patches see
# each other. Then units follow each other as tokens do. If a unit is one patch, this is next-token
# prediction; if it is the whole picture, it is plain flow matching; between them lie many others.

# %%
counted = {u: (order[u].n_steps, len(order[u]) // order[u].n_steps) for u in xar.UNITS}
said = {u: f"{u}: {k} units of {m} patches each" for u, (k, m) in counted.items()}
said["scale"] = f"scale: {order['scale'].n_steps} units, {len(order['scale'])} vectors in all"
show.scrub(
    [
        show.pyramid(order[u], tokens[u].sides)
        if u == "scale"
        else show.order(order[u], side, side)
        for u in xar.UNITS
    ],
    [said[u] for u in xar.UNITS],
    label="five units of prediction",
    caption="A patch's number is the step in which it is drawn. Cells are near, subsamples far.",
)

# %% [markdown]
# **Earlier units are seen as they are learned.** To learn one unit's flow, its data are mixed with
# noise, at a random time. Do that to *all* units of a picture at once, each with a time of its own,
# and let each see the earlier ones just so. Then every patch of a picture is an input and a target
# in the same pass; and the earlier units are never quite clean, so the model learns what a context
# is worth. Ren et al. call it *noisy context learning*. Its rival, clean context, has to show every
# picture twice, since what is clean enough to be seen is too clean to be learned from.

# %%
example = tokens["cell"].encode(test.images[:8])
hours = model("cell").times(8, dice(3))
noise = torch.randn(example.shape, generator=dice(4), device=device)
mixed = model("cell").process.corrupt(example, hours, noise)
show.compare(
    {
        "data": test.images[:8].cpu(),
        "what training shows": tokens["cell"].decode(mixed).clamp(0, 1).cpu(),
    },
    columns=8,
    caption="Each cell of a picture has a time of its own, from nearly clean to nearly all noise.",
)

# %%
four = plans.blocks(8, 2)
show.mask(
    plans.two_streams(four, four),
    sections={"clean": 8, "noisy": 8},
    caption="Clean context, four units of two: a noisy unit sees earlier clean ones, not its copy. "
    "Noisy context is the upper left quarter alone.",
)

# %% [markdown]
# ## The maths
#
# **Tokens.** A picture is a grid of $L$ vectors $x \in \mathbb{R}^{L \times c}$ of about unit
# variance. In the paper they come from an autoencoder, here they are the pixels of patches. A plan
# gives every vector its step; those of step $i$ are unit $x_i$, $i = 1 \dots n$.
#
# **Noise.** Each unit has its own time and its own noise, $t_i = \sigma(u_i)$ with
# $u_i \sim \mathcal{N}(0, 1)$ and $\varepsilon_i \sim \mathcal{N}(0, I)$,
#
# $$ z_i = (1 - t_i)\,x_i + t_i\,\varepsilon_i , \qquad
#    v_i = \frac{\mathrm{d} z_i}{\mathrm{d} t_i} = \varepsilon_i - x_i . $$
#
# **Loss.** One network says the velocity of every vector, given its own unit, all earlier ones as
# they are, the times of all of them, and the class $y$:
#
# $$ L = \mathbb{E} \, \tfrac1L \sum_{i=1}^n \big\lVert v_\theta(z_{\le i}, t_{\le i}, y)_i
#    - (\varepsilon_i - x_i) \big\rVert^2 . $$
#
# Nothing is shifted: a unit answers for itself. The time comes in through adaLN, vector by vector,
# since vectors of different units have different times. With clean context the earlier units are
# $x_{<i}$ at time 0 instead, and $z_i$ must not see $x_i$: two streams, $2L$ vectors.
#
# **Sampling.** Unit after unit, from noise at $t = 1$ along the velocity to data at $t = 0$, given
# the *finished* earlier units at time 0. Euler's method is one way, $z \leftarrow z + (s - t)\,v$
# from $t$ down to $s$. The paper takes the stochastic one, which has the same laws at all times and
# forgets small errors on its way:
#
# $$ z \leftarrow z + (s - t)\big(v - \tfrac w2 \nabla \log p_t(z)\big)
#    + \sqrt{w\,(t - s)}\;\xi, \qquad w = 2t, \qquad
#    \nabla \log p_t(z) = -\frac{z + (1 - t)\,v}{t} , $$
#
# and no noise in the last step. The score is the velocity in other words, since
# $z + (1 - t)\,v = \varepsilon$ for the exact velocity.
#
# **Guidance** acts on the drift and grows with the unit, $s_i = 1 + (s - 1)\frac{i - 1}{n - 1}$, so
# that the first unit is not guided at all. The drift is affine in $v$, hence guiding $v$ is the
# same. (With one unit there is nothing to grow along; then its guidance is constant.)
#
# **Cost.** $n$ units in $k$ steps each are $n k$ passes through the network, over $L/n$ vectors
# each. At equal steps all units cost equally many vectors, $kL$, and $n$ times the waiting; at
# equal *passes* a small unit has fewer steps. Both comparisons are made below.

# %% [markdown]
# ## The code
#
# The model is a transformer over any plan whose condition is a sum per vector: class and time.

# %%
arlearn.source(FlowPlan.velocity, docstring=False)

# %%
arlearn.source(FlowPlan.errors, docstring=False)

# %% [markdown]
# Noisy context is one stream; clean context calls this one, in which all units of a chain are asked
# at once what a sampler asks them one by one.

# %%
arlearn.source(FlowPlan.beside, docstring=False)

# %% [markdown]
# The sampler's one subtlety is the cache. Keys and values of a finished unit must be those of the
# *clean* unit; those of the unit at hand must not be kept, as it is noisy and will change. The
# paper saves a pass: the first solver step of a unit reads the unit before it along, clean, and
# drops the rest.

# %%
arlearn.source(Chain._wide, docstring=False)

# %% [markdown]
# What a unit is, is one line of the plan, so five methods differ in nothing else.

# %%
arlearn.source(xar.plan, docstring=False)

# %% [markdown]
# Of the mistakes that do not fail loudly, most can be ruled out exactly: cut and pasted units are
# the picture, a unit is heard by later ones only, the sampler's velocities are those of training,
# and with one unit the whole thing is plain flow matching.

# %% tags=["nbval-check-output"]
cell, few, told = model("cell"), example[:4], test.labels[:4]
back = all(
    torch.allclose(tokens[u].decode(tokens[u].encode(test.images)), test.images, atol=1e-5)
    for u in xar.UNITS
)
print("every unit holds the whole picture:", back)
with torch.no_grad():
    z, t = mixed[:4], hours[:4]
    bent, third = z.clone(), order["cell"].groups()[2]
    bent[:, third] += 1
    heard = (cell(bent, t, told) != cell(z, t, told)).any(-1).any(0)
    print("unit 3 is heard by units", sorted({int(s) + 1 for s in order["cell"].step[heard.cpu()]}))
    chain, gap, half = Chain(cell, told, 4, law=Law()), 0.0, torch.full((4,), 0.5, device=device)
    forced = cell.beside(few, z, half[:, None].expand(-1, len(order["cell"])), told)
    for here in chain.groups:
        gap = max(gap, float((chain.velocity(z[:, here], half) - forced[:, here]).abs().max()))
        chain.finish(few[:, here])
print("cached velocities equal those of training to 1e-4:", gap < 1e-4)

# %% [markdown]
# ## Train
#
# All arms have one backbone, the same optimiser, pictures, order of pictures and steps. Units
# differ in the plan alone; the scale has a few vectors more. "Clean" reads every picture twice, so
# it is also shown with half the steps, when it has read as many vectors as the others.

# %%
arms = [(unit, "noisy", None) for unit in xar.UNITS]
arms += [("patch", "clean", None), ("cell", "clean", None), ("cell", "clean", design.steps // 2)]
for unit, context, steps in arms:
    name = xar_models.named(design, unit, context, steps=steps)
    model(unit, context, steps=steps)
    made = zoo.provenance(name).training
    vectors = made["steps"] * design.batch * len(order[unit]) * (1 + (context == "clean"))
    print(
        f"{name:<30}{made['parameters']:>9,} parameters  {made['steps']:>5,} steps  "
        f"{vectors / 1e6:5.2f}M vectors read  {made['seconds']:>5.0f} s on {made['device']}"
    )

# %% [markdown]
# The models come with the course, made by `arlearn zoo train`. What you can watch now is the
# beginning of two such runs: cell after cell, with noisy and with clean context.

# %%
start = xar_models.beginning(design, min(len(design.load("train")), live_steps * design.batch))
lines = {}
for context in ("noisy", "clean"):
    torch.manual_seed(0)
    history = xar_models.train(
        xar_models.arm(start, "cell", context).to(device),
        seed=0,
        design=start,
        unit="cell",
        name=f"cell, {context} context",
        steps=live_steps,
        keep=False,
    )
    lines[f"{context} context"] = (range(live_steps), history.curve(10))
show.curves(
    lines,
    x="training step",
    y="error of the velocity",
    caption="Saying nothing costs 2. At first the context is hardly used, so both learn alike.",
)

# %% [markdown]
# ## Sample
#
# Uncurated, one sample of each class per row, the first that came. All rows cost the same number of
# network evaluations: a patch has few solver steps, the whole picture many.

# %%
ten = torch.arange(10, device=device)


def drawn(arm, unit, asked, *, steps=None, seed=1, **options):
    """Pictures and trace of some classes."""
    steps = steps or each_unit(unit)
    found, trace = decode.flow_units(arm, asked, steps=steps, generator=dice(seed), **options)
    return tokens[unit].decode(found).clamp(0, 1), found, trace


rows = {}
for unit in xar.UNITS:
    images, _, trace = drawn(model(unit), unit, ten)
    rows[f"{unit}, {trace.evaluations} evaluations"] = images.cpu()
rows["test set"] = torch.stack([test.images[test.labels == c][0] for c in ten.tolist()]).cpu()
show.compare(rows, columns=10, caption="Five units of prediction, and the test set.")

# %% [markdown]
# And one generation, cell after cell. Grey is what has not been begun.

# %%
_, _, cell_trace = drawn(model("cell"), "cell", ten[:8])


def half_drawn(found, step):
    """A picture after some units."""
    images = tokens["cell"].decode(found.to(device)).clamp(0, 1).cpu()
    blank = (order["cell"].step >= step).view(1, 1, side, side)
    size = tokens["cell"].size
    blank = blank.repeat_interleave(size, 2).repeat_interleave(size, 3)
    return torch.where(blank, 0.75, images)


show.play(
    cell_trace,
    half_drawn,
    samples=5,
    label="xAR drawing five digits, cell by cell",
)

# %% [markdown]
# ## Measure
#
# A classifier judges twice. Its features give the *Fréchet distance* (FD) to the test pictures, its
# answer says whether a sample shows the class that was asked for. Even true pictures are not at
# distance 0 from each other:

# %%
judge = zoo.obtain(design.judge).to(device)
real = pictures.in_parts(judge.features, test.images)


def quality(images, asked):
    """Fréchet distance and class accuracy of some samples."""
    fd = metrics.frechet(pictures.in_parts(judge.features, images), real)
    right = pictures.in_parts(judge, images).argmax(-1) == asked
    return fd, float(right.float().mean())


floor, _ = quality(design.load("train").images[: 2 * n].to(device), torch.zeros(1, device=device))
print(f"training pictures against test pictures: FD {floor:.2f}")

# %% [markdown]
# ### Which unit?
#
# Every unit at the same number of network evaluations, then with the same number of solver steps
# per unit, where all of them compute equally much. Plain Euler steps, no guidance. The patch, the
# cell and the whole were trained once per seed; the others once, and only sampled again.

# %%
compared = ("patch", "cell", "whole")
arms = {(u, "noisy", k): model(u, "noisy", k * (u in compared)) for u in xar.UNITS for k in seeds}
arms |= {(u, "clean", k): model(u, "clean", k) for u in ("patch", "cell") for k in seeds}
found, own, cost, first = {}, {}, {}, {}
for (unit, context, k), arm in arms.items():
    images, vectors, trace = drawn(arm, unit, labels, seed=k)
    found[unit, context, k], own[unit, context, k] = quality(images, labels), vectors
    cost[unit] = trace
    if (context, k) == ("noisy", 0):
        first[unit] = images


def over(unit, context="noisy", of=found, part=0):
    """One number per seed: the distance (part 0) or the accuracy (part 1)."""
    return [of[unit, context, k][part] for k in seeds]


def told_of(values, digits=2):
    """A mean and the deviation over seeds."""
    mean = metrics.mean_spread(values) if len(values) > 1 else None
    return f"{mean.mean:.{digits}f} ± {mean.deviation:.{digits}f}" if mean else f"{values[0]:.2f}"


for unit in xar.UNITS:
    waits = cost[unit].evaluations
    print(
        f"{unit:<10}{waits:>4} evaluations  FD {told_of(over(unit)):<14}"
        f"accuracy {told_of(over(unit, part=1), 3)}"
    )

# %%
show.spread(
    {unit: over(unit) for unit in xar.UNITS},
    label=f"Fréchet distance at {evaluations} evaluations (lower is better)",
    caption="One dot a seed. What is drawn together can still be made to agree.",
)

# %%
steps = each_unit("cell")
for unit in xar.UNITS:
    images, _, trace = drawn(arms[unit, "noisy", 0], unit, labels, steps=steps, seed=0)
    fd, right = quality(images, labels)
    print(
        f"{unit:<10}{steps} steps a unit, {trace.evaluations:>4} evaluations over "
        f"{len(order[unit]) * steps:>4} vectors   FD {fd:5.2f}   accuracy {right:.3f}   (one seed)"
    )

# %% [markdown]
# ### How many evaluations?
#
# The same models with fewer evaluations. A chain cannot have fewer than it has units.

# %%
sweep, points, variety = {unit: [] for unit in xar.UNITS}, [], {}


def varied(images, asked):
    """How far samples of one class are from their mean: the deviation of a pixel."""
    return float(
        torch.stack([images[asked == c].std(0, correction=0).mean() for c in asked.unique()]).mean()
    )


for unit in xar.UNITS:
    for total in (total for total in budgets if total >= order[unit].n_steps):
        images, trace = first[unit], cost[unit]
        if total < evaluations:
            each = each_unit(unit, total)
            images, _, trace = drawn(arms[unit, "noisy", 0], unit, labels, steps=each, seed=0)
        fd, right = quality(images, labels)
        sweep[unit].append((trace.evaluations, fd))
        variety[unit, trace.evaluations] = varied(images, labels)
        points.append(
            Point(
                f"xAR, {unit}",
                side**2 / trace.evaluations,
                right,
                (right * (1 - right) / n) ** 0.5,
            )
        )
show.curves(
    {unit: tuple(zip(*line, strict=True)) for unit, line in sweep.items()},
    x="network evaluations per picture",
    y="Fréchet distance (lower is better)",
    log="x",
    caption="One seed. With few evaluations, fewer units are the better use of them.",
)

# %%
show.frontier(
    points,
    quality="share read as the class asked for",
    caption="The same samples, by the classifier. To the right is faster.",
)

# %% [markdown]
# The classifier is easily pleased: a flow with too few steps draws something like the mean of a
# class, which nobody reads wrongly. What is lost is variety, and only the Fréchet distance sees it.

# %%
truth = varied(test.images, test.labels)
for (unit, spent), value in variety.items():
    if spent in (sweep[unit][0][0], sweep[unit][-1][0]):
        print(f"{unit:<10}{spent:>4} evaluations: {value / truth:4.0%} of the data's variety")

# %% [markdown]
# ### What the sampler adds
#
# The paper samples with fresh noise and with guidance. Both are options here, for every unit alike;
# guidance asks the network twice at every step.

# %%
ladder = {
    "Euler": ("euler", 0.0),
    "with noise": ("euler-maruyama", 0.0),
    "guided": ("euler", 0.5),
}
rungs = {}
for unit in compared:
    rungs[unit] = []
    for solver, guidance in ladder.values():
        law = Law(guidance=guidance, ramp=order[unit].n_steps > 1)
        options = {"law": law, "solver": solver, "steps": each_unit(unit, evaluations // 2)}
        images, _, _ = drawn(arms[unit, "noisy", 0], unit, labels, seed=0, **options)
        rungs[unit].append(quality(images, labels)[0])
show.bars(
    list(ladder),
    rungs,
    x="sampler",
    y="Fréchet distance (lower is better)",
    caption="Half the solver steps of above. Guidance of 0.5 at the end of the chain. One seed.",
)

# %% [markdown]
# ### Which context?
#
# First the samples. The same unit, the same backbone, steps and pictures; only what stood before a
# unit in training differs.

# %%
half_way = model("cell", "clean", steps=design.steps // 2)
halved = quality(drawn(half_way, "cell", labels, seed=0)[0], labels)
for unit in ("patch", "cell"):
    for context in ("noisy", "clean"):
        print(
            f"{unit:<6}{context} context   FD {told_of(over(unit, context)):<14}"
            f"accuracy {told_of(over(unit, context, part=1), 3)}"
        )
print(f"cell  clean context, half the steps (equal vectors)   FD {halved[0]:.2f}   (one seed)")

# %% [markdown]
# Then the chain. Draw every unit twice: after the model's own earlier units, and after true ones.
# The Fréchet distance of a unit's vectors alone says how far it is from the data; what it is worse
# after its own context is *drift*.

# %%
true = {u: tokens[u].encode(test.images) for u in ("patch", "cell")}
drift = {}
for unit in ("patch", "cell"):
    given = true[unit].repeat(-(-n // len(test)), 1, 1)[:n]
    for context in ("noisy", "clean"):
        for k in seeds:
            arm, more = arms[unit, context, k], 100 + k
            chains = {
                "own": [own[unit, context, k], drawn(arm, unit, labels, seed=more)[1]],
                "true": [drawn(arm, unit, labels, seed=s, context=given)[1] for s in (k, more)],
            }
            away = [
                xar.unit_distances(order[unit], torch.cat(some), true[unit])
                for some in chains.values()
            ]
            drift[unit, context, k] = [a - b for a, b in zip(*away, strict=True)][1:]


def drifted(unit, context):
    """Mean drift over the units behind the first, one number a seed."""
    return [sum(drift[unit, context, k]) / len(drift[unit, context, k]) for k in seeds]


def along(unit, context):
    """Drift of each unit against how far the picture is drawn, the mean over seeds."""
    rows = torch.tensor([drift[unit, context, k] for k in seeds])
    begun = [100 * i / order[unit].n_steps for i in range(1, order[unit].n_steps)]
    return begun, rows.mean(0).tolist()


show.curves(
    {f"{u}, {c} context": along(u, c) for u in ("patch", "cell") for c in ("clean", "noisy")},
    x="drawn before the unit begins (% of the picture)",
    y="drift (Fréchet distance of the unit)",
    caption="How much worse a unit is after the model's own context than after data.",
)

# %%
for unit in ("patch", "cell"):
    pair = drifted(unit, "noisy"), drifted(unit, "clean")
    print(f"{unit:<6}drift: noisy {told_of(pair[0], 4)}   clean {told_of(pair[1], 4)}", end="   ")
    print(f"difference {compare(*pair)}" if len(seeds) > 1 else "")

# %% [markdown]
# And the picture of the beginning again: earlier units are data with some noise, told to be clean.
# The error with true context is taken off, so that the lines show what the noise in the context
# costs.

# %%
rises["noisy context"] = [error(arms["patch", "noisy", 0], spoilt(share)) for share in shares]
show.curves(
    {name: (shares, [e - line[0] for e in line]) for name, line in rises.items()},
    x="share of noise in the context",
    y="rise of the velocity's error",
    caption="Patch by patch. Training on noisy context is training for such days.",
)

# %%
spoils = {
    context: [
        error(arms["patch", context, k], spoilt(0.3)) - error(arms["patch", context, k], units)
        for k in seeds
    ]
    for context in ("noisy", "clean")
}
for context, values in spoils.items():
    print(f"{context} context: 30% noise in it costs {told_of(values, 4)}")

# %% [markdown]
# Sampling tells the network that finished units have time 0, a time that training with noisy
# context almost never shows. Does it help to call them slightly noisy?

# %%
for hour in (0.0, 0.02, 0.05, 0.1):
    images, _, _ = drawn(arms["cell", "noisy", 0], "cell", labels, context_time=hour, seed=0)
    print(f"finished cells told t = {hour:<5} FD {quality(images, labels)[0]:.2f}   (one seed)")

# %% [markdown]
# ### The verdict
#
# The parts were named in the catalog before anything was measured. `unit-other`, `drift-patch` and
# `spoilt` joined them after a first trial model had been looked at.


# %%
def against(method, baseline, reason="", note=""):
    """Means over the seeds with their deviations."""
    both = [metrics.mean_spread(some) if len(seeds) > 1 else None for some in (method, baseline)]
    return arlearn.Measured(
        sum(method) / len(method),
        sum(baseline) / len(baseline),
        spread=tuple(one.deviation for one in both) if all(both) else None,
        reason=reason,
        note=note or f"{n} samples, {len(seeds)} models each, {evaluations} evaluations",
    )


arlearn.claim(
    "xar",
    {
        "steps": arlearn.Measured(
            order["cell"].n_steps, order["patch"].n_steps, note="units per picture, counted"
        ),
        "unit": against(
            over("cell"),
            over("patch"),
            reason="no better beyond the spread over the seeds",
            note=f"{evaluations} evaluations each; {n} samples, {len(seeds)} models each",
        ),
        "unit-whole": against(
            over("cell"),
            over("whole"),
            reason="at equal evaluations the whole picture computes more; and a picture as small "
            "as this one is a single unit with few vectors, which one flow handles well",
        ),
        "unit-other": against(
            over("cell"),
            min(over("subsample"), over("scale"), key=sum),
            reason="a subsample or a coarse scale is a sketch of the whole, a cell finishes "
            "a corner; with four units the sketch is worth as much",
            note=f"{n} samples; three models of cells, one of the others sampled "
            f"{len(seeds)} times",
        ),
        "drift": against(
            drifted("cell", "noisy"),
            drifted("cell", "clean"),
            reason="less in the mean, but a chain of few cells hardly drifts in either arm",
            note=f"mean over the units behind the first; {2 * n} samples, {len(seeds)} models each",
        ),
        "drift-patch": against(
            drifted("patch", "noisy"),
            drifted("patch", "clean"),
            reason="no less beyond the spread over the seeds",
            note=f"mean over the units behind the first; {2 * n} samples, {len(seeds)} models each",
        ),
        "spoilt": against(
            spoils["noisy"],
            spoils["clean"],
            reason="no less beyond the spread over the seeds",
            note=f"{len(test)} test pictures, {len(seeds)} models each",
        ),
        "context": against(
            over("cell"),
            over("cell", "clean"),
            reason="clean context answers exactly what the sampler asks, and a short chain gives "
            "exposure bias little room",
        ),
    },
    equal="backbone, optimiser, pictures, steps, and network evaluations of a sample",
    seeds=seeds,
    frontier=points,
    quality="share of samples read as the class asked for",
)

# %% [markdown]
# ## Play
#
# Move the slider over the units: ten samples of each, always from the same random numbers, with
# what was measured of it. The frames were drawn before, so it works without a kernel too.

# %%
frames, told = [], []
for unit in xar.UNITS:
    images, _, trace = drawn(arms[unit, "noisy", 0], unit, ten, seed=2)
    frames.append(rearrange(images.cpu(), "n c h w -> c h (n w)"))
    far = f", drift {sum(drifted(unit, 'noisy')) / len(seeds):.3f}" if unit in true else ""
    told.append(f"{unit}: {order[unit].n_steps} units, FD {sum(over(unit)) / len(seeds):.2f}{far}")
show.scrub(frames, told, label="samples by unit of prediction", width=640)

# %% [markdown]
# And what does a spoilt context do? Below, every cell is drawn after true earlier cells of a test
# picture, told to be clean, in which there is a good share of noise.

# %%
begun, asked = true["cell"][:10], test.labels[:10]
noise = torch.randn(begun.shape, generator=dice(6), device=device)
mixed = 0.6 * begun + 0.4 * noise
rows = {"context, 40% noise": tokens["cell"].decode(mixed).clamp(0, 1)}
for context in ("clean", "noisy"):
    arm = arms["cell", context, 0]
    rows[f"trained on {context} context"] = drawn(arm, "cell", asked, context=mixed, seed=2)[0]
show.compare(
    {name: images.cpu() for name, images in rows.items()},
    columns=10,
    caption="Cells of one picture do not know each other here, only the noisy picture above them.",
)

# %% [markdown]
# ## Where it breaks
#
# **A small picture is one unit.** Sixteen vectors are few enough for one flow to make them all
# agree, and with the whole picture in view from the first solver step there is no chain to drift.
# The paper's cells hold 64 vectors each, as many as there are numbers in one of these digits; its
# comparison begins where ours ends. What does carry over is the other end: of a given number of
# evaluations, single patches get so few each that their flows are badly solved.
#
# **Near against far is open here.** A strided subsample spreads its first unit over the whole
# picture: a sketch, as VAR's coarse scales are. A cell finishes a corner first. In a picture of
# four cells the sketch is worth no less, as the table shows; where neighbouring vectors say much
# about each other, and there are more of them, the paper finds the cell ahead.
#
# **Clean context asks the sampler's own question.** Given true earlier units it has the lower
# error, since they tell it more than noisy ones and time 0 is all it ever sees; and it reads twice
# as much. It pays along the chain, as the drift shows. Whether that is worth it depends on how long
# the chain is: single patches, the longest one here, are where noisy context has most to repair.
#
# **Drift sees one unit at a time.** A unit's vectors alone may have the right law and still not fit
# their neighbours. And it is a small difference of two large distances, each estimated from a few
# hundred test pictures; the deviations over the seeds are to be taken seriously.
#
# **Time 0 is told, and never learned.** A logit-normal time is below 0.01 twice in a million draws.
# The network is trusted to carry on smoothly, and the last table shows that it does.
#
# **What this miniature leaves out.** Pixels of patches stand for the latents of an autoencoder. The
# released network has two stacks with a linear layer and a second table of places between, a norm
# on its input, times rounded to thousandths, and dropout of 0.1; its learning rate is constant
# after a warm-up. Guidance goes up to 2.7 there; here classes are learned well without, and little
# is to be gained. Scales are means of the patches, each divided by its own deviation. The
# twentyfold speed is that of a smaller model against a larger one, and is not measured.
#
# Read on: [FlowAR](https://arxiv.org/abs/2412.15205) (chapter 9) has scales for units and a flow as
# their head, [SAR](https://arxiv.org/abs/2512.06421) (chapter 13) meets exposure bias after
# training, [E-CAR](https://arxiv.org/abs/2412.14170) (chapter 14) flows through stages of
# resolution, [VAR](https://arxiv.org/abs/2404.02905) (chapter 18) has scales of codes, and
# [NBDiff](https://arxiv.org/abs/2512.06776) (chapter 40) trains blocks of text in two streams.

# %% [markdown]
# ## Exercises
#
# **2.1** (five minutes) What noisy context learning feeds and asks: noisy vectors, the time of
# every position, and the velocity. `t` holds one time per sample and unit, `step` the unit of each
# position.


# %% tags=["exercise"]
def noised(x, eps, t, step):
    """x, eps `b t c`, t `b units`, step `t` -> noisy vectors, times `b t`, target."""
    raise NotImplementedError("Give every position the time of its unit, t[:, step], then mix.")


arlearn.check("2.1", noised)


# %% tags=["solution", "hide-input"]
def noised(x, eps, t, step):
    """z = (1 - t) x + t ε with the unit's time, and dz/dt."""
    times = t[:, step]
    share = times[..., None]
    return (1 - share) * x + share * eps, times, eps - x


arlearn.check("2.1", noised)

# %% [markdown]
# **2.2** (ten minutes) How many pairs (query, key) does the two-stream mask allow, for $n$ units of
# $m$ vectors? Draw it for three units first. Which share of that does noisy context need?


# %% tags=["exercise"]
def pairs(n, m):
    """Allowed pairs of the clean and the noisy stream together."""
    raise NotImplementedError("Clean rows: a triangle of blocks. Noisy rows: what do they see?")


arlearn.check("2.2", pairs)


# %% tags=["solution", "hide-input"]
def pairs(n, m):
    """Clean i sees i clean units; noisy i sees i - 1 clean ones and itself: i again."""
    return 2 * m * m * n * (n + 1) // 2


arlearn.check("2.2", pairs)
print(f"two streams: {pairs(4, 4)} pairs, one stream: {4 * 4 * 4 * 5 // 2}")

# %% [markdown]
# **2.3** (twenty minutes) One step of the paper's solver, from time $t$ down to $s$, with $w = 2t$.
# Mind the sign of the score, the direction of time, and the last step.


# %% tags=["exercise"]
def step_down(z, v, t, s, xi):
    """z, its velocity v, and standard normal noise xi -> z at time s."""
    raise NotImplementedError("First the score from z and v, then drift, then noise unless s = 0.")


arlearn.check("2.3", step_down)


# %% tags=["solution", "hide-input"]
def step_down(z, v, t, s, xi):
    """z + (s - t)(v - w/2 score) + sqrt(w (t - s)) ξ."""
    w, score = 2 * t, -(z + (1 - t) * v) / t
    z = z + (s - t) * (v - w / 2 * score)
    return z if s == 0 else z + (w * (t - s)) ** 0.5 * xi


arlearn.check("2.3", step_down)
