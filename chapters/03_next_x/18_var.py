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
# # VAR: predict the next scale

# %%
import time

import torch
from einops import rearrange

import arlearn
from arlearn import decode, metrics, plans, show, zoo
from arlearn.data import oracle
from arlearn.frontier import Point
from arlearn.heads.law import Law
from arlearn.papers import raster as raster_paper
from arlearn.papers import var
from arlearn.zoo import pictures
from arlearn.zoo.sizes import SCENES16, SCENES32

arlearn.card("var")

# %% tags=["parameters"]
tier = arlearn.tier()

# %%
px, n, live_steps, seeds, tries, judged = {
    "smoke": (16, 12, 2, [0, 1], 12, 192),
    "cpu": (16, 480, 40, [0, 1, 2], 120, 1000),
    "gpu": (32, 2000, 600, [0, 1, 2], 960, 5000),
}[tier]
device = arlearn.device()
sizes = {16: SCENES16, 32: SCENES32}[px]
if tier == "smoke":
    sizes = sizes.fewer(judged)

# %% [markdown]
# ## The question
#
# Cut a picture into patches, turn each patch into a token, write the tokens down row by row, and
# any language model can learn to draw. It is the obvious thing to do, and it has an obvious flaw:
# a picture is not a text. The upper left patch does not come *before* the others in any sense
# that matters, yet a raster model must decide it first, and must decide every patch in a pass of
# its own.
#
# Here is one such model, drawing six scenes it has been asked for by name.

# %%
tokens = zoo.obtain(f"scenes{px}-vq").to(device)
pyramid = zoo.obtain(f"scenes{px}-multiscale").to(device)
raster = zoo.obtain(f"scenes{px}-raster").to(device)
next_scale = zoo.obtain(f"scenes{px}-var").to(device)
test = sizes.pictures.load("test").first(judged)
classes = test.classes


def dice(seed):
    """A fresh source of randomness, so that every cell can be run again alone."""
    return torch.Generator(device).manual_seed(seed)


def half_drawn(units, step):
    """A raster picture after some steps; what is not drawn yet is grey."""
    images = tokens.decode(units.clamp(min=0).to(device)).cpu()
    side = tokens.side
    blank = (units < 0).view(-1, 1, side, side).repeat_interleave(px // side, 2)
    return torch.where(blank.repeat_interleave(px // side, 3), 0.75, images)


six = torch.arange(6, device=device) * 4
_, raster_trace = decode.generate(raster, six, generator=dice(5))
quarters = [raster_trace.n_steps * k // 4 for k in (1, 2, 3, 4)]
show.filmstrip(
    raster_trace,
    picture=half_drawn,
    at=quarters,
    caption="A raster model after a quarter, half, three quarters and all of its passes.",
)

# %%
print(f"{raster_trace.n_steps} tokens cost {raster_trace.evaluations} passes through the network;")
print(f"after {quarters[1]} of them the lower half of no picture exists.")

# %% [markdown]
# Two things are wrong with that. *Cost*: the passes cannot be made at once, so their number is the
# time a sample takes, and it grows with the area of the picture. *Order*: the model commits to the
# top of a shape before it has any idea where the shape will end; when the bottom comes, it can only
# make the best of it. Ask such a model to fill in the top of a given picture and it cannot look at
# the rest at all.
#
# A painter would do neither. A painter sketches first.

# %% [markdown]
# ## The idea
#
# A sketch is the same picture with fewer pixels. So let the model predict the whole picture at
# 1 x 1, then at 2 x 2, and so on up to the full grid, each given all the coarser ones. Inside one
# scale all tokens are drawn at once. Tian et al. call it *next-scale prediction*.
#
# As a plan, that is the two lines below: the numbers say in which step a token is drawn.

# %%
scales = plans.scales(sizes.scales)
rows = plans.raster(sizes.grid**2)
show.pyramid(
    scales,
    sizes.scales,
    caption=f"VAR draws {len(scales)} tokens in {scales.n_steps} steps: all of a scale at once.",
)

# %%
show.order(
    rows,
    sizes.grid,
    sizes.grid,
    caption=f"A raster model draws {len(rows)} tokens in {rows.n_steps} steps.",
)

# %% [markdown]
# The attention mask follows from the plan and nothing else: token *i* may look at token *j* if
# *j*'s step is not later than its own. For VAR that makes blocks: full attention inside a scale,
# and from each scale to all coarser ones.

# %%
show.explore_masks(
    {"VAR": scales},
    notes={"VAR": "Each step of the staircase is one scale."},
    label="who sees whom in VAR",
    caption="Rows look at columns. Point at a cell to read who sees whom.",
)

# %% [markdown]
# What do the tokens of a scale stand for? Not for a small copy of the picture: for what is still
# *missing* once all coarser scales have been drawn. Each scale corrects the error of those before
# it, as in a Laplacian pyramid, and the sum of all of them is the picture. Here are scenes of the
# test set, rebuilt from the first scale alone, from the first two, and so on.

# %%
some = test.images[:6].to(device)
units = pyramid.encode(some)
steps = range(1, scales.n_steps + 1)
show.compare(
    {
        **{f"{k} scale{'s' * (k > 1)}": pyramid.decode(units, upto=k).cpu() for k in steps},
        "original": some.cpu(),
    },
    caption="Six test scenes after 1, 2, … scales. Colour and place come first, edges last.",
)

# %% [markdown]
# ## The maths
#
# **Tokens.** An encoder turns the image into a feature map $f \in \mathbb{R}^{c \times h \times
# h}$. Let $s_1 < s_2 < \dots < s_K = h$ be the sides of the scales and $Z \in \mathbb{R}^{k
# \times c}$ one codebook for all of them. Start with the rest $\rho_0 = f$ and the picture so far
# $\hat f_0 = 0$. Scale $k$ looks at the rest at its own size, takes the nearest code at each of
# its $s_k^2$ places, and adds what those codes say at full size:
#
# $$ r_k = \arg\min_v \lVert \mathrm{down}(\rho_{k-1}, s_k) - Z_v \rVert^2, \qquad
#    h_k = \phi_k\big(\mathrm{up}(Z_{r_k})\big), $$
#
# $$ \hat f_k = \hat f_{k-1} + h_k, \qquad \rho_k = \rho_{k-1} - h_k . $$
#
# *Down* is the mean over areas and *up* is bicubic. Up-sampling blurs, so each scale has a light
# convolution $\phi_k(h) = \tfrac12 h + \tfrac12\,\mathrm{conv}(h)$ to repair it. By construction
# $\hat f_k + \rho_k = f$ after every scale: nothing is lost, only not yet said. The quantizer is
# trained so that *every* partial sum is a good reconstruction,
#
# $$ L_Q = \frac1K \sum_{k=1}^K \lVert \hat f_k - \mathrm{sg}(f) \rVert^2
#    + \beta\,\lVert \mathrm{sg}(\hat f_k) - f \rVert^2 , $$
#
# where sg stops the gradient; the decoder sees $\hat f_K$ with a straight-through gradient.
#
# **Plan.** Let $r_k \in \{1, \dots, v\}^{s_k^2}$ be the tokens of scale $k$ and $y$ the class. The
# chain rule over scales is exact. The assumption is made inside a scale, where tokens are drawn
# without seeing each other:
#
# $$ p(r_1, \dots, r_K \mid y) = \prod_{k=1}^K p(r_k \mid r_{<k}, y), \qquad
#    p(r_k \mid r_{<k}, y) = \prod_{i=1}^{s_k^2} p(r_{k,i} \mid r_{<k}, y) . $$
#
# A raster model over $t = h^2$ tokens makes no such assumption, $p(r \mid y) = \prod_i p(r_i \mid
# r_{<i}, y)$, and pays with $t$ steps instead of $K$. With sides that grow geometrically, $K$ is
# $O(\log h)$.
#
# **Head and loss.** Each place is a categorical law over the codebook. The loss is the mean
# cross-entropy over *all* $L = \sum_k s_k^2$ tokens, so the last scale holds most of it.
#
# **Guidance.** With logits $\ell_y$ for the class and $\ell_\varnothing$ for "no class", scale $k$
# is drawn from $(1 + g_k)\,\ell_y - g_k\,\ell_\varnothing$ with $g_k = g\,(k-1)/(K-1)$: none for
# the first scale, all of it for the last.

# %% [markdown]
# ## The code
#
# A model over a plan has to say one thing: what the places of a step are fed, from earlier steps
# alone. For VAR that is *the picture so far at the scale's own size*. Note what it is not: the
# codes of the previous scale. Each place of scale $k$ already holds everything the coarser scales
# say about it, so no token needs shifting and no start token is needed after the first scale.

# %%
arlearn.source(var.VAR.inputs)

# %% [markdown]
# The raster baseline says the same thing about itself, and everything else (blocks, conditioning,
# head, training, the sampler below) is shared.

# %%
arlearn.source(raster_paper.Raster.inputs)

# %%
arlearn.source(var.VAR.sequence)

# %% [markdown]
# Teacher forcing is the concatenation of these inputs under the plan's mask. The sampler is one
# loop over the plan's groups with a cache: it knows neither rasters nor scales.

# %%
arlearn.source(decode.generate, docstring=False)

# %% [markdown]
# If training and sampling disagree about what a scale is fed, nothing fails loudly; samples are
# just bad. So let us check it here: the hidden states of the sampler, fed the tokens of real
# scenes, are those of the masked forward pass.

# %% tags=["nbval-check-output"]
labels = test.labels[:6].to(device)
with torch.no_grad():
    forced = next_scale(units, labels)
    session = decode.Session(next_scale, labels, 6, law=Law(), generator=None)
    looks = [session.look(session.inputs(units, s), s)[0] for s in range(scales.n_steps)]
gap = (torch.cat(looks, 1) - forced).abs().max()
print("cached sampling equals teacher forcing to 1e-4:", bool(gap < 1e-4))

# %% [markdown]
# ## Train
#
# Method and baseline have the same transformer, the same class conditioning, the same optimiser
# and the same pictures, tokenized once by their own tokenizer. A VAR picture costs more tokens
# than a raster picture, so "equal" can mean two things: *equal epochs*, as in the paper, or
# *equal tokens*. We train both ways and report both.
#
# A minute on two cores is too little for good samples, so the models measured below were trained
# once by `arlearn zoo train`, with the budgets printed here, and come with the course.

# %%
fewer_steps = zoo.obtain(f"scenes{px}-var-tokens").to(device)
for name in ("raster", "var", "var-tokens"):
    made = zoo.provenance(f"scenes{px}-{name}").training
    per_picture = sizes.grid**2 if name == "raster" else len(scales)
    seen = made["steps"] * sizes.budget.batch
    print(
        f"{name:<11}{made['parameters']:,} parameters, {seen:,} pictures, "
        f"{seen * per_picture / 1e6:.1f}M tokens"
    )
    print(f"{'':<11}{made['seconds']:.0f} s on {made['device']}")

# %% [markdown]
# What you can watch now is the beginning of such a run: both models from scratch, with equal steps.

# %%
lines = {}
for name, model, tokenizer in (
    ("raster", pictures.raster(sizes), "vq"),
    ("VAR", pictures.var(sizes), "multiscale"),
):
    history = pictures.train_generator(
        model.to(device),
        seed=0,
        sizes=sizes,
        tokenizer=f"scenes{px}-{tokenizer}",
        steps=live_steps,
        name=name,
        keep=False,
        pictures=live_steps * sizes.budget.batch,
    )
    lines[name] = (range(live_steps), history.curve(10))
show.curves(
    lines,
    x="training step",
    y="loss (nats per token)",
    caption="The first steps of training. The codebooks differ, so compare slopes, not heights.",
)

# %% [markdown]
# ## Sample
#
# Uncurated: one sample for each of the 24 classes, the first that came. The same place in each
# block asks for the same class.

# %%
each = torch.arange(24, device=device) % len(classes)
drawn_raster, raster_trace = decode.generate(raster, each, generator=dice(1))
drawn_var, var_trace = decode.generate(next_scale, each, generator=dice(1))
show.compare(
    {
        f"raster, {raster_trace.evaluations} passes": tokens.decode(drawn_raster).cpu(),
        f"VAR, {var_trace.evaluations} passes": pyramid.decode(drawn_var).cpu(),
        "test set": torch.stack([test.images[test.labels == c][0] for c in each.tolist()]),
    },
    columns=12,
    caption="One sample per class: circles and squares, then triangles and crosses.",
)

# %% [markdown]
# And one generation step by step. Let it play: first a colour, then a place, then a shape.

# %%
show.play(
    var_trace,
    lambda units, step: pyramid.decode(units.clamp(min=0).to(device), upto=step).cpu(),
    samples=5,
    label="VAR drawing five scenes, scale by scale",
)

# %% [markdown]
# ## Measure
#
# The scenes come with an oracle that parses a picture back into its object, so *accuracy* is not a
# network's opinion: a sample counts if the oracle finds one well-formed object of the asked shape
# and colour. The *Fréchet distance* compares the features of a small classifier between samples and
# test set. Both are measured over several sampling seeds.

# %%
judge = zoo.obtain(f"scenes{px}-features").to(device)
real = pictures.in_parts(judge.features, test.images.to(device))


def distance(images):
    """Fréchet distance of some pictures to the test set."""
    return metrics.frechet(pictures.in_parts(judge.features, images), real)


def sample(model, decoder, law=None, seed=0):
    """n samples of all classes in turn, and the time they took."""
    wanted = torch.arange(n, device=device) % len(classes)
    started = time.perf_counter()
    drawn, trace = decode.generate(model, wanted, law=law or Law(), generator=dice(seed))
    images = pictures.in_parts(decoder.decode, drawn)
    return images, wanted, trace, time.perf_counter() - started


# %%
arms = {
    "raster": (raster, tokens),
    "VAR": (next_scale, pyramid),
    "VAR, equal tokens": (fewer_steps, pyramid),
}
found = {name: {"FD": [], "accuracy": [], "seconds": []} for name in arms}
passes = {}
for name, (model, decoder) in arms.items():
    for seed in seeds:
        images, wanted, trace, took = sample(model, decoder, seed=seed)
        found[name]["FD"].append(distance(images))
        found[name]["accuracy"].append(oracle.scene_accuracy(images.cpu(), wanted.cpu()))
        found[name]["seconds"].append(took / n)
        passes[name] = trace.evaluations
spread = {
    name: {key: metrics.mean_spread(values) for key, values in scores.items()}
    for name, scores in found.items()
}
for name, scores in spread.items():
    fd, right, took = scores["FD"], scores["accuracy"], scores["seconds"]
    print(
        f"{name:<18}{passes[name]:>3} passes   FD {fd.mean:6.2f} ± {fd.deviation:.2f}"
        f"   accuracy {right.mean:.3f} ± {right.deviation:.3f}"
        f"   {1000 * took.mean:6.2f} ms a picture in a batch of {n}"
    )

# %% [markdown]
# The time per picture in a large batch says little about waiting: there a machine is busy with
# arithmetic, and VAR, with more tokens a picture, has no less of it. Drawn one at a time, each pass
# costs its fixed price, and the number of passes shows. And what do the tokenizers alone cost,
# before any model draws?

# %%
wait = {"raster": [], "VAR": []}
for name in wait:
    model, decoder = arms[name]
    for _ in range(3 if tier == "smoke" else 12):
        started = time.perf_counter()
        decoder.decode(decode.generate(model, each[:1], generator=dice(0))[0])
        wait[name].append(time.perf_counter() - started)
wait = {name: metrics.mean_spread(times[1:]) for name, times in wait.items()}
rebuilt = {
    name: distance(pictures.in_parts(lambda x, t=t: t.decode(t.encode(x)), test.images.to(device)))
    for name, t in (("raster", tokens), ("VAR", pyramid))
}
for name, took in wait.items():
    print(f"{name:<18}one at a time: {1000 * took.mean:.1f} ± {1000 * took.deviation:.1f} ms")
gain = spread["raster"]["seconds"].mean / spread["VAR"]["seconds"].mean
alone = wait["raster"].mean / wait["VAR"].mean
print(f"VAR is {alone:.1f} times as fast one at a time, {gain:.1f} times in a batch of {n}")
for name, value in rebuilt.items():
    print(f"{name:<18}its tokenizer alone: FD {value:.2f}")

# %% [markdown]
# ### What the sampler adds
#
# Published figures are rarely those of plain sampling. The ladder below takes both models up the
# same steps, one option at a time, with one seed each.

# %%
half = sizes.vocab // 4
ladder = {
    "plain": Law(),
    f"top-k {half}": Law(top_k=half),
    "top-p 0.9": Law(top_p=0.9),
    "guidance 1.5,\nconstant": Law(guidance=1.5),
    "guidance 1.5,\nramp": Law(guidance=1.5, ramp=True),
}
rungs = {"raster": [], "VAR": []}
right = {"raster": [], "VAR": []}
for name in rungs:
    for law in ladder.values():
        images, wanted, _, _ = sample(*arms[name], law=law)
        rungs[name].append(distance(images))
        right[name].append(oracle.scene_accuracy(images.cpu(), wanted.cpu()))
show.bars(
    list(ladder),
    rungs,
    x="sampling option",
    y="Fréchet distance (lower is better)",
    caption="The same options for both models. Guidance doubles the passes of both.",
)

# %%
show.bars(
    list(ladder),
    right,
    x="sampling option",
    y="accuracy by the oracle (higher is better)",
    caption="The same samples, judged by the oracle.",
)

# %% [markdown]
# ### Where is the gap heading?
#
# One number compares two models at one moment of their training with one way of sampling. Here is
# VAR's Fréchet distance as a multiple of the raster model's: with as many tokens read, with as many
# epochs, and with guidance for both.

# %%
fd = {name: scores["FD"].mean for name, scores in spread.items()}
ramped = list(ladder).index("guidance 1.5,\nramp")
for when, ratio in (
    ("equal tokens, plain sampling", fd["VAR, equal tokens"] / fd["raster"]),
    ("equal epochs, plain sampling", fd["VAR"] / fd["raster"]),
    ("equal epochs, guidance for both", rungs["VAR"][ramped] / rungs["raster"][ramped]),
):
    print(f"{when:<33}{ratio:.2f} times the raster model's Fréchet distance")

# %% [markdown]
# ### Does it scale?
#
# The paper finds that the test loss of VAR falls as a power law of its size. Five VARs of the same
# depth and growing width, trained for equally many steps, are measured here on the test set: on all
# tokens, and on the last scale alone.

# %%
test_units = pictures.tokens_of(pyramid, test.images)
last = scales.step.to(device) == scales.n_steps - 1
size, loss_all, loss_last = [], [], []
for width in sizes.budget.widths:
    model = zoo.obtain(f"scenes{px}-var-w{width}").to(device)
    losses = pictures.test_losses(model, test_units, test.labels.to(device))
    size.append(zoo.provenance(f"scenes{px}-var-w{width}").training["parameters"])
    loss_all.append(float(losses.mean()))
    loss_last.append(float(losses[:, last].mean()))
law_all, law_last = metrics.power_law(size, loss_all), metrics.power_law(size, loss_last)
show.scaling(
    {"all tokens": (size, loss_all), "last scale": (size, loss_last)},
    {"all tokens": law_all, "last scale": law_last},
    x="parameters of the transformer",
    y="test loss (nats per token)",
    caption="Test loss against size on double logarithmic axes.",
)

# %% [markdown]
# ### Editing without being trained for it
#
# Keep the lower half of a test scene, say what it shows, and ask for the upper half. VAR puts the
# kept tokens back after every scale, so each finer scale sees the given half in the picture so far.
# The raster model must draw the upper half first; the kept tokens come too late to be seen. A
# completed scene counts if the oracle finds one well-formed object of the right shape and colour.

# %%
keep = torch.zeros(px, px, dtype=torch.bool)
keep[px // 2 :] = True
whole, names = test.images[:tries].to(device), test.labels[:tries].to(device)


def completed(name, labels, keep, seed=0):
    """The given scenes with everything outside `keep` drawn anew."""
    model, decoder = arms[name]
    known = var.known_units(keep, (sizes.grid,) if name == "raster" else sizes.scales)
    drawn, _ = decode.generate(
        model,
        labels,
        batch=len(whole),
        given=decoder.encode(whole),
        known=known.to(device),
        generator=dice(seed),
    )
    return decoder.decode(drawn).cpu()


edited, found_again = {}, {}
for name in ("raster", "VAR"):
    rounds = [completed(name, names, keep, seed) for seed in seeds]
    shares = [oracle.scene_accuracy(images, names.cpu()) for images in rounds]
    edited[name], found_again[name] = rounds[0], metrics.mean_spread(shares)
show.compare(
    {
        "given": torch.where(keep, test.images[:10], 0.75),
        **{name: images[:10] for name, images in edited.items()},
        "original": test.images[:10],
    },
    caption="The lower half and the name are given, the upper half is drawn.",
)

# %%
for name in edited:
    unnamed = oracle.scene_accuracy(completed(name, None, keep), names.cpu())
    print(
        f"{name:<7} completes {found_again[name].mean:.0%} of {tries} scenes when told their name, "
        f"{unnamed:.0%} when not"
    )

# %% [markdown]
# Without the name both do badly, and VAR for a reason of its own: the coarsest scale covers both
# halves, is not kept, and is drawn blindly; the kept tokens of finer scales are corrections *to the
# original's* coarse scales and do not fit another sketch.

# %% [markdown]
# ### The verdict
#
# What the paper says beside what happened here. The parts were named in the catalog before anything
# was measured.


# %%
def against(key, name="VAR", reason="", note=""):
    """VAR beside the raster model for one measured quantity, with both spreads over the seeds."""
    method, baseline = spread[name][key], spread["raster"][key]
    return arlearn.Measured(
        method.mean,
        baseline.mean,
        spread=(method.deviation, baseline.deviation),
        reason=reason,
        note=note or f"{n} samples, {len(seeds)} seeds",
    )


arlearn.claim(
    "var",
    {
        "passes": arlearn.Measured(passes["VAR"], passes["raster"], note="counted, no guidance"),
        "latency": arlearn.Measured(
            wait["VAR"].mean,
            wait["raster"].mean,
            spread=(wait["VAR"].deviation, wait["raster"].deviation),
            reason="a machine busy with other work measures other things",
            note="one picture at a time; what is left of it in a large batch stands above",
        ),
        "quality": against(
            "FD",
            reason="tokens of the last scale do not see each other, and with little training their "
            "laws are too wide for that; longer training and guidance narrow the gap, see above",
        ),
        "quality-tokens": against(
            "FD",
            name="VAR, equal tokens",
            reason="at equal tokens VAR sees fewer pictures, since each costs it more of them",
        ),
        "accuracy": against(
            "accuracy",
            reason="no better beyond the spread over the seeds; guided samples are, see above",
        ),
        "scaling": arlearn.Measured(
            law_all.correlation, reason="too few steps for the larger models to use their size"
        ),
        "editing": arlearn.Measured(
            found_again["VAR"].mean,
            found_again["raster"].mean,
            spread=(found_again["VAR"].deviation, found_again["raster"].deviation),
            note=f"{tries} scenes with their names, upper half drawn, {len(seeds)} seeds",
        ),
        "reconstruction": arlearn.Measured(
            rebuilt["VAR"],
            rebuilt["raster"],
            reason="one codebook serves all scales, and the coarse ones take codes from the finest",
        ),
    },
    equal="transformer size, optimiser, pictures, epochs (or tokens, where the part says so)",
    seeds=seeds,
    frontier=[
        Point(name, len(model.plan) / passes[name], right.mean, right.deviation)
        for name, model in (("raster", raster), ("VAR", next_scale))
        for right in [spread[name]["accuracy"]]
    ],
    quality="share whose object is the one asked for",
)

# %% [markdown]
# ## Play
#
# How much should the sampler listen to the class? Move the slider: guidance from 0 to 4, always the
# same random numbers. A little makes shapes cleaner; too much makes all samples of a class alike.
# The frames were drawn before, so the slider works without a kernel too.

# %%
strengths = [0.0, 1.0, 2.0, 4.0]
frames = []
for strength in strengths:
    law = Law(guidance=strength, ramp=True)
    drawn, _ = decode.generate(next_scale, each[::6], law=law, generator=dice(2))
    tiles = pyramid.decode(drawn).cpu()
    frames.append(rearrange(tiles, "n c h w -> c h (n w)"))
show.scrub(
    frames,
    [f"guidance {strength}" for strength in strengths],
    label="VAR's samples under growing guidance",
)

# %% [markdown]
# ## Where it breaks
#
# **Tokens of one scale do not see each other.** That is the price of drawing them at once, and it
# is felt wherever the coarser scales leave two good answers open: two neighbouring tokens may
# each choose a different one. Smooth, large objects, as in these scenes, hide it; thin strokes on
# a small grid show it at once, because the next token of a stroke is nearly certain given its
# neighbours. (Trials on 16-pixel letters, not part of this run, went to the raster model.)
#
# **Mistakes of a coarse scale are never repaired.** In training each scale is fed the true
# picture so far, in sampling its own. [SAR](https://arxiv.org/abs/2512.06421) (chapter 13) trains
# on that difference.
#
# **More tokens, not fewer.** The pyramid has more tokens than the grid, and each costs a raster
# model with a cache no more arithmetic than VAR. The gain is in *sequential* steps: it is there one
# picture at a time, or on hardware with room to spare, and shrinks in a large batch, as the two
# ratios above show.
#
# **The tokenizer has its share.** At equal squared error the pyramid's reconstructions are
# further from the test set than the single scale's: one codebook serves pictures of 1 x 1 and
# corrections of 8 x 8 alike.
#
# **What this miniature leaves out.** The feed-forward layers are SwiGLU and the norms RMSNorm
# where the paper has GELU and LayerNorm; drop-path and the paper's Gumbel-softmax option for
# prettier pictures are missing; the tokenizer has neither an adversary nor a perceptual loss. Of
# the paper's ladder (raster 18.65, VAR 5.22, then adaLN, top-k, guidance, attention norm, and
# scale down to 1.80) only the sampling rungs are climbed here; normalised attention and adaLN are
# in both models.
#
# Read on: [FlowAR](https://arxiv.org/abs/2412.15205) keeps the scales and drops the codes
# (chapter 09), [xAR](https://arxiv.org/abs/2502.20388) asks what else than a scale could be the
# unit (chapter 02), and [E-CAR](https://arxiv.org/abs/2412.14170) does it in stages of resolution
# (chapter 14).

# %% [markdown]
# ## Exercises
#
# **18.1** (five minutes) How many pairs (query, key) does VAR's mask allow for given sides? Compare
# with the triangle of a raster model: which of the two computes more, and which waits longer?


# %% tags=["exercise"]
def pairs(sides):
    """Allowed pairs of VAR's mask, for example for sides [1, 2, 4, 8]."""
    raise NotImplementedError("A token of scale k sees all tokens of scales 1 to k. Add them up.")


arlearn.check("18.1", pairs)


# %% tags=["solution", "hide-input"]
def pairs(sides):
    """Σ_k s_k² Σ_{j ≤ k} s_j²."""
    return sum(s * s * sum(r * r for r in sides[: k + 1]) for k, s in enumerate(sides))


arlearn.check("18.1", pairs)
print(f"VAR: {pairs([1, 2, 4, 8])} pairs in 4 steps; raster: {64 * 65 // 2} pairs in 64 steps")

# %% [markdown]
# **18.2** (ten minutes) Write VAR's guidance. The first scale is not guided at all, the last one
# with full strength. What would go wrong with `null + g * (cond - null)`?


# %% tags=["exercise"]
def guided(cond, null, guidance, k, n_scales):
    """Logits of scale k = 0 … n_scales - 1."""
    raise NotImplementedError("First the strength at scale k, then (1 + strength) * cond - …")


arlearn.check("18.2", guided)


# %% tags=["solution", "hide-input"]
def guided(cond, null, guidance, k, n_scales):
    """(1 + g_k) cond - g_k null with g_k growing linearly from 0 to the full strength."""
    strength = guidance * k / (n_scales - 1)
    return (1 + strength) * cond - strength * null


arlearn.check("18.2", guided)

# %% [markdown]
# **18.3** (a small project) For zero-shot editing every scale must know which of its tokens to
# keep. Write that, then keep only the *frame* of a scene and let VAR fill in the middle. Does the
# raster model manage any of them, and why those?


# %% tags=["exercise"]
def kept_tokens(keep, side):
    """One flag per token of a side x side scale, row by row: is more than half of it kept?"""
    raise NotImplementedError("torch.nn.functional.interpolate(…, mode='area') gives the share.")


arlearn.check("18.3", kept_tokens)


# %% tags=["solution", "hide-input"]
def kept_tokens(keep, side):
    """The share of kept pixels in each token's area, and whether it is above one half."""
    share = torch.nn.functional.interpolate(keep[None, None].float(), (side, side), mode="area")
    return share.flatten() > 0.5


arlearn.check("18.3", kept_tokens)
frame = torch.ones(px, px, dtype=torch.bool)
frame[px // 4 : -px // 4, px // 4 : -px // 4] = False
for name in edited:
    share = oracle.scene_accuracy(completed(name, None, frame), names.cpu())
    print(f"{name:<7} fills the middle of {share:.0%} of the scenes, without a name")
