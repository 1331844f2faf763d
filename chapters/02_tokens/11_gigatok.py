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
# # GigaTok: a tokenizer that grows and can still be learned

# %%
from dataclasses import replace

import torch
import torch.nn.functional as F
from einops import rearrange

import arlearn
from arlearn import decode, harness, metrics, show, zoo
from arlearn.data import oracle
from arlearn.nets.tap import tapped
from arlearn.papers import gigatok
from arlearn.tokens import query, sphere
from arlearn.tokens.merged import Merged
from arlearn.zoo import gigatok_models, pictures

arlearn.card("gigatok")

# %% tags=["parameters"]
tier = arlearn.tier()

# %%
px, judged, n, live_steps, seeds, fewer = {
    "smoke": (16, 96, 24, 2, [0, 1], [4]),
    "cpu": (16, 1200, 480, 40, [0, 1, 2], [64, 32, 2]),
    "gpu": (32, 5000, 2000, 300, [0, 1, 2], [512, 256, 64, 2]),
}[tier]
device = arlearn.device()
design = {16: gigatok_models.DESIGN16, 32: gigatok_models.DESIGN32}[px]
if tier == "smoke":
    few = replace(design.sizes.budget, steps=2)
    design = replace(design, sizes=replace(design.sizes.fewer(3 * judged), budget=few))
small, *_, large = design.scales
length, side = 2**design.levels, px // design.factor

# %% [markdown]
# ## The question
#
# A tokenizer is learned first, and a language model then has to live with its words. Nothing in the
# tokenizer's own training asks whether that will be easy. Its loss is the picture it gives back,
# and of two tokenizers the one with the better pictures wins.
#
# So make it larger. Here are two, equal in everything but the size of their transformers: the same
# number of tokens, the same number of codes, the same data and steps.


# %%
def arm(scale, kind):
    """The tokenizers of one size and kind, one for each seed, each with its probe."""
    return zoo.obtain(f"scenes{px}-gigatok-{scale}-{kind}").to(device)


def dice(seed):
    """A fresh source of randomness, so that every cell can be run again alone."""
    return torch.Generator(device).manual_seed(seed)


arms = {(scale, kind): arm(scale, kind) for scale in design.scales for kind in ("plain", "aligned")}
test = design.sizes.pictures.load("test").first(judged).to(device)
everything = design.sizes.pictures.load("train").to(device)
train = everything.first(3 * judged)
classes = test.classes
scores = {
    key: [
        harness.score(of.tokens[k], of.probes[k], test.images, test.labels)
        for k in range(len(seeds))
    ]
    for key, of in arms.items()
}
for scale in design.scales:
    tokens, found = arms[scale, "plain"].tokens[0], scores[scale, "plain"]
    size = sum(p.numel() for p in tokens.parameters())
    error, cost = (metrics.mean_spread([getattr(s, x) for s in found]) for x in ("error", "loss"))
    print(
        f"{scale:<7}{size:>9,} parameters   squared error {error.mean:.5f} ± {error.deviation:.5f}"
        f"   the next token costs {cost.mean:.3f} ± {cost.deviation:.3f} nats"
    )

# %%
some = test.images[:12]
show.compare(
    {
        "pictures": some.cpu(),
        **{
            f"{scale}, plain": arms[scale, "plain"]
            .tokens[0]
            .decode(arms[scale, "plain"].tokens[0].encode(some))
            .cpu()
            for scale in design.scales
        },
    },
    columns=12,
    caption="Twelve test pictures, and what the smaller and the larger tokenizer give back.",
)

# %% [markdown]
# The larger one gives back more. But on the average over the seeds the next token of its code costs
# a language model more, too, and that is the trap: the one number that a tokenizer is trained on
# and sold by gets better, and the thing it is for gets harder. In the paper, growing a plain
# tokenizer from 136 to 622 million parameters improves the reconstruction steadily while the models
# of its tokens get *worse*. There the paper's authors ask: what should a tokenizer do with more
# capacity?

# %% [markdown]
# ## The idea
#
# A tokenizer invents a language. A more powerful inventor can put more private detail into the same
# number of words: which of two nearly equal shades, how far off the grid an edge lies. To the
# decoder, that is worth as much as any other detail. To the reader, who has to guess the next word,
# it is noise.
#
# So give the inventor a reason to speak about what pictures are *of*. Take a frozen network that
# knows what pictures are of (the **teacher**), and ask that a layer in the middle of the
# tokenizer's decoder can be turned, place by place, into the teacher's features. The code is the
# only way from the picture to the decoder, so what the teacher sees has to be in the code, early
# and plainly. The language models are left as they are.
#
# What does the decoder see? Below, the vector of each place is turned into a colour by its three
# principal components, after the layer that is aligned and at the teacher.


# %%
def places(tokens, images, layer):
    """What a layer of the decoder makes of some pictures, a vector for each place."""
    with torch.no_grad(), tapped(tokens.writer.backbone.blocks[layer - 1]) as seen:
        tokens.decode(tokens.encode(images))
    return rearrange(seen[0], "b (h w) d -> b d h w", h=side)


def colours(features):
    """Three principal components of some maps as red, green and blue, enlarged to pictures."""
    flat = rearrange(features, "b d h w -> (b h w) d").cpu()
    flat = flat - flat.mean(0)
    part = flat @ torch.linalg.svd(flat, full_matrices=False).Vh[:3].T
    low, high = part.quantile(0.02, 0), part.quantile(0.98, 0)
    part = ((part - low) / (high - low)).clamp(0, 1)
    part = rearrange(part, "(b h w) c -> b c h w", h=side, w=side)
    return F.interpolate(part, scale_factor=design.factor)


teacher = zoo.obtain(f"scenes{px}-teacher").to(device)
deep = design.layer
with torch.no_grad():
    taught = teacher.patches(test.images)
rows = {"pictures": some.cpu(), "teacher": colours(taught)[:12]}
for kind in ("aligned", "plain"):
    seen = places(arms[large, kind].tokens[0], test.images, deep)
    rows[f"{large}, {kind}, layer {deep}"] = colours(seen)[:12]
show.compare(rows, columns=12, caption="Alike in colour is alike in feature; hues mean nothing.")

# %% [markdown]
# And the tokens themselves? Not a grid of patches: a **1-D query tokenizer** has words that belong
# to no place. Queries read the feature map and become the words; in the decoder, one cell for each
# place reads the words. The queries do not begin as learned vectors but as averages of the map,
# from the whole picture down to small blocks. The table counts them.

# %%
ramp = torch.arange(float(side * side), device=device).view(1, 1, side, side)
starts = query.pooled_queries(ramp, design.levels)[0, :, 0]
print(f"{side} x {side} cells numbered row by row; the {length} queries begin as the means")
for group in range(design.levels + 1):
    means = starts[2 ** (group - 1) : 2**group] if group else starts[:1]
    print(f"group {group}: {', '.join(f'{mean:g}' for mean in means[:8].tolist())}")

# %% [markdown]
# ## The maths
#
# **Tokens.** A convolution gives a feature map $F \in \mathbb{R}^{h \times h \times c}$.
# $T = 2^n$ queries begin as block means of $F$ in groups of $1, 1, 2, 4, \dots, 2^{n-1}$ (together
# $2^n$), through a linear layer, plus a learned place. Each layer of the query encoder is
# self-attention, cross-attention to $F$, feed-forward. A linear layer leaves vectors $z_i$ of eight
# channels. They and the codes $e_k$ are brought to length 1, and
#
# $$ k_i = \arg\min_k \lVert z_i - e_k \rVert , \qquad
#    L_{\text{vq}} = \overline{\lVert \mathrm{sg}(z) - e \rVert^2}
#    + 0.25\,\overline{\lVert z - \mathrm{sg}(e) \rVert^2} . $$
#
# **The gradient** through the choice is rotated: let $\lambda = \lVert e \rVert / \lVert z \rVert$
# and $R$ the rotation of $z$'s direction into $e$'s. The decoder is fed $\mathrm{sg}(\lambda
# R)\,z$, which *is* $e$, and the gradient that comes back to $z$ is $\lambda R^\top$ times that at
# $e$: it keeps its angle, where straight-through would copy it.
#
# **The decoder.** $h^2$ cells, each beginning as the *first* token plus its place's vector, read
# all $T$ tokens in every layer; a 3 x 3 convolution leaves $\hat F$. Two convolutions and
# a depth-to-space step make the picture of it, under a group norm whose scale comes from the
# deviation of $\hat F$ over space and whose bias comes from its mean.
#
# **The alignment.** With $f_l$ the cells after layer $l$ of the decoder, $g$ the teacher's vectors
# at the same places, and an MLP of three layers that is thrown away after training,
#
# $$ L_{\text{sem}} = - \frac{1}{h^2} \sum_{\text{places}} \cos(\mathrm{MLP}(f_l), g), \qquad
#    L = L_2 + L_{\text{vq}} + \lambda L_{\text{sem}} . $$
#
# The sign matters (the paper prints the similarity as if it were to be added). A smaller $l$ ties
# the code tighter, since less network stands between the two.
#
# **For very large tokenizers** the codes tend to die, and a penalty on the soft assignments $p_i(k)
# = \mathrm{softmax}_k(-\lVert z_i - e_k \rVert^2 / 0.01)$ keeps them in use: $L_{\text{ent}} =
# \overline{H(p_i)} - H(\overline{p_i})$, which is $-\log K$ where every vector is sure of its code
# and all codes are used alike, and 0 where all choose the same one.
#
# **The probe.** How hard is a code to learn? Train a small language model on it, always the same
# one, and look at its cross-entropy on unseen pictures. With $q$ the probe's law and $p$ the true
# one of the codes $k_1 \dots k_T$ of a picture of class $y$,
#
# $$ T \cdot \text{loss} = \mathbb{E}_p[-\log q(k \mid y)]
#    = H(k \mid y) + \mathrm{KL}(p \,\Vert\, q) \;\ge\; H(k \mid y), $$
#
# so the loss of a *picture*, $T$ times the loss of a token, bounds the information in its code.
# That is also why a loss alone is no merit: a code that says nothing costs nothing.

# %% [markdown]
# ## The code
#
# The queries, and the tokenizer's forward pass, are the two halves of the picture above.

# %%
arlearn.source(query.pooled_queries, docstring=False)

# %%
arlearn.source(query.QueryDecoder.forward, docstring=False)

# %%
arlearn.source(sphere.rotated)

# %% [markdown]
# The paper's own contribution is one wrapper around a finished tokenizer. The tokenizer does not
# know of it: the layer is looked at from outside.

# %%
arlearn.source(gigatok.Aligned.loss)

# %%
arlearn.source(gigatok.alignment)

# %% [markdown]
# What can be checked exactly is checked on the trained models: lengths of the codes, the value that
# the rotation passes on, the first two queries, the teacher's blindness to our gradients, and that
# a decoder fed the codes gives what it gave in training.

# %% tags=["nbval-check-output"]
tokens = arms[large, "aligned"].tokens[0]
features = tokens.encoder(test.images[:50])
first = query.pooled_queries(features, design.levels)[:, :2]
z = F.normalize(tokens.latents(test.images[:50]), dim=-1)
found = tokens.quantizer(z)
chosen = tokens.vectors(found.indices)
f, g = (taught[:50].flatten(2).mT.clone().requires_grad_() for _ in range(2))
told = gigatok.alignment(3 * f, g)
_, pull = torch.autograd.grad(told, [f, g], allow_unused=True)
passed, codes = tokens.paint(found.vectors).clamp(0, 1), tokens.decode(found.indices)
for claim, holds in {
    "codes have length 1": (chosen.norm(dim=-1) - 1).abs().max() < 1e-5,
    "the rotation passes on the code": (found.vectors - chosen).abs().max() < 1e-5,
    "queries 0 and 1 are the global mean": (
        (first - features.mean((2, 3))[:, None]).abs().max() < 1e-4
    ),
    "the loss of parallel features is -1": (told + 1).abs() < 1e-5,
    "no gradient reaches the teacher": pull is None,
    "indices decode to what was trained": (passed - codes).abs().max() < 1e-4,
}.items():
    print(f"{claim}:", bool(holds))

# %% [markdown]
# ## Train
#
# The teacher was trained by us: a small classifier that averages one vector per patch and reads the
# class off the mean, so that each patch's vector speaks of what the picture shows. It knows the
# classes, which the paper's teacher (DINOv2) was not told; what that means for the result stands
# under *Where it breaks*. It is **not** the judge. Fréchet distances below come from another
# network, and whether a sample shows the class asked for is decided by an oracle that reads shapes
# and colours by geometry and has learned nothing.
#
# One tokenizer and its probe take a minute or two, so the grid of sizes, with and without teacher,
# was trained once by `arlearn zoo train`, over several seeds. Inside a seed everything is equal in
# all arms: start, data, their order, steps; for the probes too.

# %%
for (scale, kind), of in arms.items():
    name = f"scenes{px}-gigatok-{scale}-{kind}"
    made, sizes = zoo.provenance(name).training, []
    for part in (of.tokens[0], of.probes[0]):
        sizes.append(sum(p.numel() for p in part.parameters()))
    print(
        f"{scale:<7}{kind:<8}tokenizer {sizes[0]:>9,} parameters, probe {sizes[1]:>9,}   "
        f"{made['seconds'] / len(of.tokens):4.0f} s a seed on {made['device']}"
    )
budget = design.sizes.budget
print(f"tokenizer {budget.tokenizer_steps} steps of {budget.batch}, probe {budget.steps} of 64")
knows = zoo.provenance(f"scenes{px}-teacher").metric["value"]
print(f"the teacher tells the class of {knows:.1%} of the test pictures")

# %% [markdown]
# What you can watch now is the beginning of two such runs, the larger tokenizer without and with
# the teacher. The aligned one's loss contains the negative similarity, so it starts elsewhere.

# %%
lines = {}
for kind, weight in (("plain", 0.0), ("aligned", design.weight)):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        fresh = gigatok_models.one_tokenizer(design, large).to(device)
    history = gigatok_models.train_tokenizer(
        fresh, 0, design=design, weight=weight, name=kind, steps=live_steps, keep=False
    )
    lines[kind] = (range(live_steps), history.curve(5))
show.curves(
    lines,
    x="training step",
    y="loss",
    caption="The first steps. The aligned one's loss has λ times the similarity taken off.",
)

# %% [markdown]
# ## Sample
#
# Uncurated: the probes draw every second class, the first sample that came. They are the smallest
# of language models, made to measure and not to please.

# %%
twelve = torch.arange(12, device=device) * 2
drawn = {
    (scale, kind): decode.generate(of.probes[0], twelve, generator=dice(1))[1]
    for (scale, kind), of in arms.items()
}
show.compare(
    {
        f"{scale}, {kind}": arms[scale, kind]
        .tokens[0]
        .decode(trace.units_after(trace.n_steps).to(device))
        .cpu()
        for (scale, kind), trace in drawn.items()
    }
    | {"test set": torch.stack([test.images[test.labels == c][0] for c in twelve.tolist()]).cpu()},
    columns=12,
    caption="One seed. Three circles, squares, triangles and crosses in three colours each.",
)

# %% [markdown]
# The player shows one generation. A token has no place, so a half-finished code is a whole picture:
# tokens not drawn yet stand at their most frequent code.

# %%
shown = arms[large, "aligned"].tokens[0]
usual = harness.encoded(shown, train.images).mode(0).values.cpu()


def unfinished(units, step):
    """The picture of the tokens so far, the others at their most frequent code."""
    return shown.decode(units.where(units >= 0, usual).to(device)).cpu()


show.play(
    drawn[large, "aligned"],
    unfinished,
    samples=4,
    at=[length * k // 6 for k in range(1, 7)],
    label="a probe drawing four scenes, token by token",
)

# %% [markdown]
# ## Measure
#
# ### A measure that cannot be fooled
#
# First the measuring device. Take one good code and let it collapse on purpose: keep its most
# frequent codes, let every other one become its nearest kept one, and train a probe on what is
# left, from the same start and as long as those that were shipped.

# %%
base, whole = arms[large, "plain"].tokens[0], scores[large, "plain"][0]
units = harness.encoded(base, everything.images)
collapsed = {design.vocab: whole}
for kept in fewer:
    tokens = Merged(base, units, kept)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        probe = gigatok_models.one_probe(design).to(device)
    learn = tokens.becomes[units], everything.labels
    harness.teach(probe, *learn, design.sizes.budget.steps, progress=False)
    collapsed[kept] = harness.score(tokens, probe, test.images, test.labels)
for kept, now in collapsed.items():
    print(
        f"{kept:>4} codes kept   loss {now.loss:5.2f}   loss / unigram entropy {now.relative:4.2f}"
        f"   {now.bits:6.1f} bits a picture   squared error {now.error:.4f}"
    )

# %% [markdown]
# By its loss, the emptiest code is the best. Dividing by the unigram entropy does not help much:
# the words that survive are the frequent ones, and those are easily guessed. What cannot be fooled
# is a pair of numbers, the bits that a picture costs and the error that remains. There the merged
# codes form a curve: less said, more lost. A tokenizer is better than another if its point lies
# below the other's *curve*, and not because it has slid along it. So the harness refuses to compare
# the losses of codes that are not used alike.

# %%
blank = float((test.images - train.images.mean(0)).square().mean())
show.curves(
    {"merged codes": ([s.bits for s in collapsed.values()], [s.error for s in collapsed.values()])},
    x="bits a picture (probe as coder)",
    y="squared error",
    log="y",
    caption="One code with fewer and fewer words.",
)

# %%
try:
    harness.gain(collapsed[fewer[-1]], whole)
except ValueError as refused:
    print("asked for the gain in loss, the harness says:", refused)

# %% [markdown]
# ### Size and alignment
#
# Now the grid. Every figure is a mean over the seeds, with its standard deviation, on test
# pictures; no guidance, no truncation, for any arm.

# %%
judge = zoo.obtain(f"scenes{px}-features").to(device)
real = pictures.in_parts(judge.features, test.images)
wanted = torch.arange(n, device=device) % len(classes)


def distance(images):
    """Fréchet distance of some pictures to the test set."""
    return metrics.frechet(pictures.in_parts(judge.features, images), real)


def figures(of, k):
    """All figures of one tokenizer and its probe but those in its score."""
    tokens, probe = of.tokens[k], of.probes[k]
    held_out, known = (harness.encoded(tokens, part.images) for part in (test, train))
    made, _ = decode.generate(probe, wanted, generator=dice(k))
    images = harness.rebuilt(tokens, made)
    return {
        "rFD": distance(harness.rebuilt(tokens, held_out)),
        "gFD": distance(images),
        "accuracy": oracle.scene_accuracy(images.cpu(), wanted.cpu()),
        "read": harness.readout(probe, (known, train.labels), (held_out, test.labels)),
    }


table = {key: [figures(of, k) for k in range(len(seeds))] for key, of in arms.items()}
for key, rows in table.items():
    for row, score in zip(rows, scores[key], strict=True):
        row |= {"loss": score.loss, "error": score.error, "relative": score.relative}
        row |= {"usage": score.usage, "entropy": score.entropy, "bits": score.bits}


def values(scale, kind, what):
    """One figure over the seeds."""
    return [row[what] for row in table[scale, kind]]


def told(what, form):
    """A line of the table: mean ± deviation for every arm."""
    spreads = {key: metrics.mean_spread(values(*key, what)) for key in table}
    return "".join(f"{x.mean:>11{form}} ±{x.deviation:<8{form}}" for x in spreads.values())


print(" " * 26 + "".join(f"{f'{scale}, {kind}':<20}" for scale, kind in table))
for name, what, form in (
    ("squared error", "error", ".5f"),
    ("FD of reconstructions", "rFD", ".2f"),
    ("codes in use", "usage", ".3f"),
    ("unigram entropy (nats)", "entropy", ".3f"),
    ("probe loss (nats)", "loss", ".3f"),
    ("loss / entropy", "relative", ".3f"),
    ("bits a picture", "bits", ".1f"),
    ("FD of samples", "gFD", ".2f"),
    ("samples of their class", "accuracy", ".3f"),
    ("linear probe of the AR", "read", ".3f"),
):
    print(f"{name:<23}{told(what, form)}")

# %%
show.spread(
    {f"{scale}, {kind}": values(scale, kind, "loss") for scale, kind in table},
    label="probe loss on unseen pictures (nats per token)",
    caption="One dot a seed. What a plain code costs is a matter of luck; aligned ones are cheap.",
)

# %%
show.spread(
    {f"{scale}, {kind}": values(scale, kind, "rFD") for scale, kind in table},
    label="Fréchet distance of reconstructions (lower is better)",
    caption="What the size buys, without and with the teacher.",
)


# %% [markdown]
# Losses of single tokens are compared between codes of equal length, vocabulary and use only; the
# harness refuses anything else. Seed by seed, then:


# %%
def gains(method, baseline):
    """Nats a token that the probe saves, seed by seed."""
    pairs = zip(scores[method], scores[baseline], strict=True)
    return [harness.gain(one, other) for one, other in pairs]


def compared(what, method, baseline):
    """The difference of a figure over the seeds, with its interval."""
    return metrics.compare(values(*method, what), values(*baseline, what))


for said, what, method, baseline in (
    ("size without a teacher: probe loss", "loss", (large, "plain"), (small, "plain")),
    ("size without a teacher: FD of reconstructions", "rFD", (large, "plain"), (small, "plain")),
    ("size with a teacher: probe loss", "loss", (large, "aligned"), (small, "aligned")),
    ("size with a teacher: FD of reconstructions", "rFD", (large, "aligned"), (small, "aligned")),
    ("the teacher, large: probe loss", "loss", (large, "aligned"), (large, "plain")),
    ("the teacher, large: FD of reconstructions", "rFD", (large, "aligned"), (large, "plain")),
    ("the teacher, large: FD of samples", "gFD", (large, "aligned"), (large, "plain")),
    ("the teacher, large: linear probe", "read", (large, "aligned"), (large, "plain")),
    ("the teacher, small: probe loss", "loss", (small, "aligned"), (small, "plain")),
):
    print(f"{said:<48}{compared(what, method, baseline)}")
saved = gains((large, "aligned"), (large, "plain"))
print("nats a token that the teacher saves, large, seed by seed:", *(f"{x:.3f}" for x in saved))

# %% [markdown]
# ### Bits against error
#
# A lower loss could have been bought with worse pictures. So put both on axes: what a picture costs
# and what is lost of it. Down and to the left is better. The line is what plain tokenizers reach
# with any number of bits: themselves, the merged code from above, sending nothing, and mixtures of
# these (`error_at`).

# %%
plain_scores = [s for (_, kind), found in scores.items() if kind == "plain" for s in found]
reach = [*plain_scores, *collapsed.values()]
bits = {key: [s.bits for s in found] for key, found in scores.items()}
rates = torch.linspace(
    0.9 * min(map(min, bits.values())), max(map(max, bits.values())), 30
).tolist()
points = {
    f"{scale}, {kind}": tuple(zip(*sorted((s.bits, s.error) for s in found), strict=True))
    for (scale, kind), found in scores.items()
}
hull = [harness.error_at(reach, rate, blank) for rate in rates]
show.curves(
    points | {"plain, any rate": (rates, hull)},
    x="bits a picture (probe as coder)",
    y="squared error of the reconstruction",
    caption="The points of an arm are its seeds.",
)

# %%
equal = {
    scale: ([s.error for s in found], [harness.error_at(reach, s.bits, blank) for s in found])
    for (scale, kind), found in scores.items()
    if kind == "aligned"
}
for scale, (aligned, line) in equal.items():
    print(f"{scale}: squared error of the aligned less that of plain ones at equal bits, by seed:")
    print("   ", *(f"{a - b:+.5f}" for a, b in zip(aligned, line, strict=True)))

# %% [markdown]
# ### Where in the network
#
# How much of the class can be read, linearly, off the mean of the decoder's cells, layer by layer?
# The alignment acts on one layer; what does it do to the others?

# %%
depth = len(arms[large, "plain"].tokens[0].writer.backbone.blocks)
layers = range(1, depth + 1)
readable = {}
for kind in ("plain", "aligned"):
    tokens = arms[large, kind].tokens[0]
    readable[kind] = []
    for layer in layers:
        seen = [places(tokens, part.images, layer).mean((2, 3)) for part in (train, test)]
        pair = (seen[0], train.labels), (seen[1], test.labels)
        readable[kind].append(metrics.linear_probe(*pair))
show.bars(
    [f"layer {layer}" for layer in layers],
    readable,
    x=f"layer of the decoder; layer {deep} is aligned",
    y="classes read by a linear probe (share)",
    caption="The larger tokenizer, one seed.",
)

# %% [markdown]
# ### The verdict
#
# The parts were named in the catalog before anything was measured; `equal-bits` joined them after a
# first trial, as a price the others do not show.


# %%
def against(what, method, baseline, reason, note=""):
    """Two means, and the deviation of their difference over the seeds."""
    one, two = values(*method, what), values(*baseline, what)
    apart = [x - y for x, y in zip(one, two, strict=True)]
    return arlearn.Measured(
        sum(one) / len(one),
        sum(two) / len(two),
        spread=metrics.mean_spread(apart).deviation,
        reason=reason,
        note=note or f"{len(seeds)} seeds, paired",
    )


arlearn.claim(
    "gigatok",
    {
        "conflict": against(
            "loss",
            (large, "plain"),
            (small, "plain"),
            "dearer on the average, but the seeds differ by more than the sizes do",
        ),
        "reconstruction": against(
            "rFD",
            (large, "aligned"),
            (small, "aligned"),
            "no better beyond the spread over the seeds",
        ),
        "learnability": against(
            "loss",
            (large, "aligned"),
            (large, "plain"),
            "no cheaper beyond the spread over the seeds",
        ),
        "generation": against(
            "gFD",
            (large, "aligned"),
            (large, "plain"),
            "no better beyond the spread over the seeds",
            note=f"{n} samples, {len(seeds)} seeds, paired, no guidance",
        ),
        "representation": against(
            "read",
            (large, "aligned"),
            (large, "plain"),
            "no better beyond the spread over the seeds",
            note="middle layer of the probe, class not told",
        ),
        "equal-bits": arlearn.Measured(
            sum(equal[large][0]) / len(seeds),
            sum(equal[large][1]) / len(seeds),
            spread=metrics.mean_spread(
                [a - b for a, b in zip(*equal[large], strict=True)]
            ).deviation,
            reason="the aligned code is cheaper because it says less in pixels: a plain code with "
            "merged words is as cheap and loses no more",
            note="the plain tokenizers, one with its codes merged, and mixtures of them",
        ),
    },
    equal="tokens, codes, data, order, start and steps of a seed; the probe and its training",
    seeds=seeds,
)

# %% [markdown]
# ## Play
#
# Walk through the decoder: the slider goes layer by layer through the tokenizers of both sizes,
# first without the teacher and then with it. The upper row stays the teacher's. Where do places of
# one object come to look alike? The frames were drawn before, so the slider works without a kernel
# too.

# %%
frames, captions = [], []
for (scale, kind), of in arms.items():
    for layer in range(1, len(of.tokens[0].writer.backbone.blocks) + 1):
        seen = colours(places(of.tokens[0], test.images[:200], layer))[:6]
        rows = [test.images[:6].cpu().expand(-1, 3, -1, -1), colours(taught[:200])[:6], seen]
        frames.append(torch.cat([rearrange(row, "n c h w -> c h (n w)") for row in rows], dim=1))
        captions.append(f"{scale}, {kind}, layer {layer}: pictures, teacher, decoder")
show.scrub(frames, captions, label="features of the decoder, layer by layer")

# %% [markdown]
# ## Where it breaks
#
# **The teacher knows the answer.** DINOv2 saw no labels; ours was trained on the classes that the
# probe is asked to draw. So it is no wonder that class and token hang together more closely. (A
# teacher without labels was tried, two distorted views of a picture being made alike; in the
# minutes at hand too few classes could be read off its features.) The judge of the Fréchet distance
# is another network, trained on the same labels, and may prefer what the teacher prefers. What does
# not depend on labels are the squared error and the oracle.
#
# **Aligned pictures lose pixels.** With this little room the teacher's features take the place of
# other details, and the squared error goes up, as the first line of the table shows, while the
# Fréchet distance goes down. At equal bits nothing is gained in squared error: alignment changes
# what the bits are spent on, not how many are needed. The paper's tokenizers have room for both.
#
# **A factor of four is no factor of twenty.** That the larger plain tokenizer is the harder one to
# model holds on the average and in most seeds, but one plain tokenizer differs from the next by
# more than the sizes do: nothing in its loss says how the codes are to be dealt out, so luck
# decides. The teacher takes the luck away, and with it most of the difference between the sizes. A
# tokenizer that is trained longer says more of the picture as well, so size and length of training
# are not apart here; the paper's second axis, training longer instead of larger, is left out.
#
# **What else is left out.** No perceptual loss and no adversary: the reconstruction loss is the
# squared error alone. The convolutions are one layer in front and two behind. The entropy penalty
# is in the code and in the tests with weight 0: dead codes are restarted at vectors of the batch
# instead, in all arms, and the breakdown of a tokenizer of 2.9 billion parameters cannot be shown.
# The paper's warm start, which decodes the convolutional features directly at first, is replaced by
# its own later recipe, a warm-up of the learning rate. Two things are ours, since in a minute of
# training they decide: the feature map and the latent vectors are evened out over the batch, and
# queries and keys are normalised. Without them all tokens said the same for hundreds of steps. The
# 2-D variant is not compared, and one weight λ, one layer and one teacher stand for the paper's
# ablations. Samples are drawn without guidance.
#
# Read on: [LARP](https://arxiv.org/abs/2410.21264) (chapter 28) makes tokens predictable by
# training a predictor along with the tokenizer, [Hita](https://arxiv.org/abs/2507.02358) (chapter
# 25) and [Selftok](https://arxiv.org/abs/2505.07538) (chapter 50) give tokens an order of their
# own, [VTBench](https://arxiv.org/abs/2505.13439) (chapter 8) judges reconstruction alone, and
# [ELM](https://arxiv.org/abs/2410.16257) (chapter 36) shows how much of a code's loss may be plain
# noise.

# %% [markdown]
# ## Exercises
#
# **11.1** (five minutes) Into how many blocks is the feature map cut for each group of $2^n$
# queries? List the pairs (down, across), coarse to fine, and see that they add up.


# %% tags=["exercise"]
def groups(n):
    """[(down, across), ...] of the n + 1 groups, for example for n = 4."""
    raise NotImplementedError("Groups 0 and 1 are one block each; then halve the width first.")


arlearn.check("11.1", groups)


# %% tags=["solution", "hide-input"]
def groups(n):
    """Halvings alternate: cut = 0, 0, 1, 2, ... of them, the odd ones across."""
    cuts = [max(group - 1, 0) for group in range(n + 1)]
    return [(2 ** (cut // 2), 2 ** ((cut + 1) // 2)) for cut in cuts]


arlearn.check("11.1", groups)
print(groups(4), "->", sum(down * across for down, across in groups(4)), "queries")

# %% [markdown]
# **11.2** (ten minutes) Write the alignment loss for cells $f$ and the teacher's vectors $g$, both
# `b n c`. Which sign? How many angles does a picture have? And who must not feel it?


# %% tags=["exercise"]
def pull(f, g):
    """The loss that is added, without its weight."""
    raise NotImplementedError("torch.cosine_similarity has a dim=; what should not learn, detach.")


arlearn.check("11.2", pull)


# %% tags=["solution", "hide-input"]
def pull(f, g):
    """Minus the mean cosine over pictures and places; the teacher stays as it is."""
    return -torch.cosine_similarity(f, g.detach(), dim=-1).mean()


arlearn.check("11.2", pull)

# %% [markdown]
# **11.3** (a small project) Why does $T$ times the probe's loss bound the information in a code?
# Then use it. Given points (bits a picture, error), which error can be reached with some number of
# bits on the average, if each picture may be coded by any of them? Draw the curve for this
# chapter's arms.


# %% tags=["exercise"]
def best(points, bits):
    """The least error of mixtures of [(bits, error), ...] that cost `bits` on the average."""
    raise NotImplementedError("Two points suffice for a mixture: one dearer, one cheaper. Try all.")


arlearn.check("11.3", best)


# %% tags=["solution", "hide-input"]
def best(points, bits):
    """The lower convex hull at `bits`."""
    found = [error for cost, error in points if cost <= bits]
    for low, near in points:
        for high, far in points:
            if low < bits < high:
                found.append(near + (far - near) * (bits - low) / (high - low))
    return min(found)


arlearn.check("11.3", best)
# E_p[-log q] = H(p) + KL(p || q), and the divergence is never negative: the loss is a bound.
curve = {}
for (scale, kind), found in scores.items():
    points = [(0.0, blank), *((s.bits, s.error) for s in found)]
    spots = [max(rates) * part / 20 for part in range(1, 21)]
    curve[f"{scale}, {kind}"] = (spots, [best(points, bits) for bits in spots])
show.curves(
    curve,
    x="bits a picture",
    y="squared error",
    log="y",
    caption="Each arm mixed with sending nothing.",
)
