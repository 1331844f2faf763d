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
# # Pixels to tokens

# %%
import math

import torch
from torch import nn

import arlearn
from arlearn import decode, metrics, show, zoo
from arlearn.data import scenes
from arlearn.nets.conv import Decoder, Encoder
from arlearn.show.planes import Plane, planes
from arlearn.tokens import codes, statistics
from arlearn.tokens.codebook import Codebook
from arlearn.tokens.images import Autoencoder, ImageTokenizer
from arlearn.tokens.latents import to_units
from arlearn.tokens.quantize import FSQ, LFQ, VectorQuantizer

arlearn.card("pixels")

# %% tags=["parameters"]
tier = arlearn.tier()

# %%
px, n, judged, steps, batch, seeds = {
    "smoke": (16, 128, 48, 3, 8, [0, 1]),
    "cpu": (16, 2000, 500, 200, 32, [0, 1, 2]),
    "gpu": (16, 20000, 2000, 2000, 128, [0, 1, 2]),
}[tier]
device = arlearn.device()
train = scenes("train", side=px, n=n)
test = scenes("test", side=px, n=judged).to(device)

# %% [markdown]
# ## The question
#
# The chapters before this one drew from short alphabets: a character, a grey level. What would the
# alphabet of a colour picture be? Its raw form is three numbers per pixel, each with 256 levels.
# Here are twelve pictures of the data this chapter works on, and what they would cost.

# %%
show.grid(test.images[:12].cpu(), caption="Scenes: one coloured shape before a grey gradient.")

# %%
raw = 3 * px * px
print(f"one picture of {px} x {px} pixels: {raw} numbers of 256 levels, {8 * raw:,} bits")
print(f"a raster model runs {raw} times to draw it and attends to {raw * (raw + 1) // 2:,} pairs")

# %% [markdown]
# Most of those runs are wasted. A pixel of a scene nearly equals its neighbour, and the three
# numbers of a pixel move together. How much of a pixel is new? Predict each number by its left
# neighbour and look at what is left.

# %%
levels = (test.images * 255).round()
left = levels[..., 1:] - levels[..., :-1]
print(f"standard deviation of a number:      {float(levels.std()):5.1f} levels")
print(f"of its difference to the left pixel: {float(left.std()):5.1f} levels")
print(f"of these differences, {float((left.abs() <= 2).float().mean()):.0%} are 2 levels or less")

# %% [markdown]
# So the pictures hold far less than they take up, and a generator that works number by number
# spends its runs on repeating what it has just said. We want units that are few, each of them a
# choice out of a finite set, and such that a picture can be made again from them. That is what a
# *token* of a picture is: the number of an entry in a list that encoder and decoder share.

# %% [markdown]
# ## The idea
#
# The oldest such list is a palette. Take the colours of all pixels, choose 16 colours, and store
# for each pixel only which of the 16 comes nearest. The plane below shows the red and blue of
# pixels; crosses are the entries of a palette that was learned from them, and the lines enclose
# what falls to each. Beside it is a palette nobody has to learn: cut both axes into four.

# %%
palette = ImageTokenizer(
    nn.Identity(), VectorQuantizer(16, 2, method="gradient", decay=0.95), nn.Identity(), px
).to(device)
red_blue = train.images[:, [0, 2]]
arlearn.fit(
    palette,
    arlearn.Batches(red_blue, size=8, seed=0),
    2 if tier == "smoke" else 150,
    recipe=arlearn.Recipe(lr=1e-2, precision="fp32"),
    label="palette",
    progress=False,
)
squares = FSQ([4, 4]).to(device)
dots = red_blue.movedim(1, -1).reshape(-1, 2)
dots = dots[torch.randperm(len(dots), generator=torch.Generator().manual_seed(0))[:1500]]
planes(
    {
        "learned: a code where pixels are": Plane(
            dots,
            marks=palette.quantizer.codebook.codes.detach(),
            cells=lambda z: palette.quantizer.encode(z[None].to(device))[0],
        ),
        "fixed: four levels per axis": Plane(
            dots, cells=lambda z: squares.encode(4 * z[None].to(device) - 2)[0]
        ),
    },
    x="red",
    y="blue",
    low=0.0,
    high=1.0,
    caption="Pixels of the scenes (dots), and two ways to give each of them one of 16 numbers.",
)

# %% [markdown]
# Both pictures are *quantizers*. The left one has a **codebook**: it spends its codes where the
# data are, but must be learned. The right one has a grid: nothing to learn, and codes where no
# pixel ever is.
#
# Nobody has to stop at pixels. A code may stand for a patch, or for whatever an encoder network
# says about a patch; then a decoder network makes pixels of it again. Here are patches: a list of
# 256 patches of 2 x 2 pixels, 64 numbers per picture instead of several hundred. No network at all,
# `PixelUnshuffle` only cuts and `PixelShuffle` only pastes.


# %%
def dictionary(size, patch):
    """A list of raw patches, learned from the training pictures."""
    torch.manual_seed(0)
    quantizer = VectorQuantizer(size, 3 * patch * patch, method="gradient", decay=0.95)
    cut, paste = nn.PixelUnshuffle(patch), nn.PixelShuffle(patch)
    model = ImageTokenizer(cut, quantizer, paste, px // patch).to(device)
    arlearn.fit(
        model,
        arlearn.Batches(train.images, size=batch, seed=0),
        steps,
        recipe=arlearn.Recipe(lr=1e-2, precision="fp32"),
        label=f"{size} patches",
        progress=False,
    )
    return model


patches = {size: dictionary(size, 2) for size in (4, 16, 64, 256, 1024)}
small = patches[256].encode(test.images[:1])
print(f"the first scene as {small.shape[1]} tokens, row by row:")
print(small.view(px // 2, -1).cpu().numpy())

# %%
show.compare(
    {
        **{f"{size} patches": model.decode(model.encode(test.images[:12])).cpu()
           for size, model in patches.items()},
        "original": test.images[:12].cpu(),
    },
    caption="The same scenes through growing lists of 2 x 2 patches.",
)  # fmt: skip

# %% [markdown]
# ## The maths
#
# **The quantizer.** An encoder turns a picture into $t$ vectors $z_i \in \mathbb{R}^c$, a codebook
# holds $k$ codes $e_1, \dots, e_k \in \mathbb{R}^c$. Vector $z$ becomes
#
# $$ u = \arg\min_j \lVert z - e_j \rVert^2, \qquad q(z) = e_u, $$
#
# and a decoder $D$ makes the picture from the $t$ codes. The tokens are the $u_i$.
#
# **The gradient that is not there.** We want to minimise the reconstruction error
# $L(q(z))$ with $L(e) = \lVert D(e) - x\rVert^2$ by gradient descent on the encoder, that is, on
# $z$. But $q$ is constant inside a cell of the picture above, so $\partial q / \partial z = 0$
# wherever it exists: the encoder learns nothing. What we do know is $\partial L / \partial e$, in
# which direction the decoder would have liked the code to move. Where $z$ and $q(z)$ are near,
# moving $z$ that way carries it, sooner or later, over the border into the cell of a code that
# lies that way. So the *straight-through estimator* pretends that $\partial q / \partial z$ is the
# identity,
#
# $$ \tilde q(z) = z + \mathrm{sg}(q(z) - z), \qquad
#    \frac{\partial L(\tilde q(z))}{\partial z} = \frac{\partial L}{\partial e}\Big|_{e = q(z)}, $$
#
# where sg stops the gradient: the value is the code's, the gradient passes straight through. It is
# the exact gradient of another loss, $L(z + d)$ with the displacement $d = q(z) - z$ held fixed.
# By Taylor, $L(z + d)$ at a moved $z$ and the true loss differ by what $d$ changes, so the pretence
# is as good as $\lVert z - q(z) \rVert$ is small. That needs a second term in the loss.
#
# **The codebook's loss.** Codes and vectors must stay near each other:
#
# $$ L_{\text{code}} = \lVert \mathrm{sg}(z) - e_u \rVert^2
#    + \beta\, \lVert z - \mathrm{sg}(e_u) \rVert^2 . $$
#
# The first term pulls a code to the vectors that chose it. For fixed vectors its minimum is their
# mean, so it can also be found without gradients, by moving averages of how many and which vectors
# chose the code (EMA): $N_j \leftarrow a N_j + (1-a) n_j$, $S_j \leftarrow a S_j + (1-a) \sum z$,
# $e_j = S_j / N_j$. This is k-means, one batch at a time. The second term commits the encoder to
# its codes.
#
# **Why codebooks collapse.** Look at the gradient of $L_{\text{code}}$ for a code that no vector
# chose: it is zero. Such a code stays where it is, while training moves the encoder's output away,
# towards the codes that *are* chosen. The set of codes in use can therefore shrink by itself and
# hardly grows. **Revival** breaks the circle: a code chosen much more seldom than an even share is
# set down on a vector of the present batch, where it is certainly the nearest to something.
#
# **Nothing to collapse.** Finite scalar quantization (FSQ) has no codebook: it squashes each of a
# few channels to $l_i$ levels and rounds,
# $q(z)_i = \mathrm{round}\big(\tfrac{l_i}{2} \tanh z_i\big)$ up to offsets, straight-through again.
# The codes are all combinations, $k = \prod_i l_i$, a grid in $[-1, 1]^c$. Whether the encoder
# reaches all of them is another question, but none of them can be left behind. With one bit per
# channel, its sign, this is lookup-free quantization (LFQ), which needs an entropy term instead.
#
# **Rate and distortion.** Storing $t$ tokens naively takes $R = t \log_2 k$ bits. If token $j$
# occurs with frequency $p_j$, a code that knows this takes $t H$ bits,
# $H = -\sum_j p_j \log_2 p_j \le \log_2 k$, with equality only where all codes are equally
# frequent; $2^H$ is called the perplexity, the number of codes that seem to be in use. The
# *distortion* is the squared error of the reconstruction. No single number judges a tokenizer: a
# collapsed one has a wonderfully small rate. What counts is the curve of distortion against rate.

# %% [markdown]
# ## The code
#
# The quantizers stand in `arlearn/tokens`. The one line that everything hangs on:

# %%
arlearn.source(codes.straight_through)

# %%
arlearn.source(Codebook.nearest)

# %% [markdown]
# What the codebook learns from a batch, with `revive` at its end:

# %%
arlearn.source(Codebook.observe)

# %%
arlearn.source(Codebook._restart)

# %% [markdown]
# And the rival, which has nothing to learn:

# %%
arlearn.source(FSQ.forward)

# %% [markdown]
# Two things can be checked exactly. The gradient at the encoder's output is the decoder's gradient
# at the code, to the last bit. And a code that is looked up and read back from its vector is
# itself, as long as no two codes stand on the same spot.


# %%
def networks(quantizer, seed):
    """A small convolutional encoder and decoder around a quantizer (None: around nothing)."""
    torch.manual_seed(seed)
    made = quantizer() if quantizer else None
    width = made.width if made else 8
    parts = Encoder(3, width, 16, factor=2), Decoder(width, 3, 16, factor=2)
    if made is None:
        return Autoencoder(*parts, px // 2, width).to(device)
    return ImageTokenizer(parts[0], made, parts[1], px // 2).to(device)


K = 256
probe = networks(lambda: VectorQuantizer(K, 8), seed=0).eval()  # so that it learns nothing yet
z = to_units(probe.encoder(test.images[:4]), px // 2).detach().requires_grad_()
vectors = probe.quantizer(z).vectors
error = (vectors.mean(1) - 1).square().sum()
at_encoder, at_code = torch.autograd.grad(error, (z, vectors))
gradient_gap = float((at_encoder - at_code).abs().max())

grid, signs, changed = FSQ([8, 6, 5]).to(device), LFQ(8).to(device), 0
for quantizer, read in ((probe.quantizer, probe.quantizer.encode), (grid, grid.index),
                        (signs, signs.index)):  # fmt: skip
    every = torch.arange(quantizer.size)[None].to(device)
    changed += int((read(quantizer.lookup(every)) != every).sum())

# %% tags=["nbval-check-output"]
print("gradient at the encoder = gradient at the code:", gradient_gap == 0)
print("codes that change when looked up and read back:", changed)

# %% [markdown]
# ## Train
#
# Three tokenizers of the same kind: the same convolutional encoder and decoder, 64 tokens per
# picture, about 256 codes, the same pictures in the same order. One learns its codebook by gradient
# and is left alone, one follows moving averages and revives its dead codes, one is FSQ. While
# they train we ask every few steps which codes they would use for test pictures. `fit` asks for
# the batch of a step, so that is where we look.

# %%
METHODS = {
    "left alone": lambda: VectorQuantizer(K, 8, method="gradient", revive=False),
    "EMA + revival": lambda: VectorQuantizer(K, 8, decay=0.95),
    "FSQ": lambda: FSQ([8, 6, 5]),
}


def trained(name, quantizer, seed=0, watch=None):
    """A tokenizer after the live budget; `watch` collects (step, share of codes in use)."""
    model, batches = networks(quantizer, seed), arlearn.Batches(train.images, size=batch, seed=seed)

    def watched(step):
        if watch is not None and (step % 10 == 0 or step < 5):
            seen = statistics.usage(model.encode(test.images[:100]), model.vocab)
            watch.append((step, seen))
        return batches(step)

    recipe = arlearn.Recipe(lr=6e-3, seed=seed, precision="fp32")
    arlearn.fit(model, watched, steps, recipe=recipe, label=name, progress=False)
    return model


models, usage = {}, {}
for name, quantizer in METHODS.items():
    for seed in seeds:
        usage[name, seed] = []
        models[name, seed] = trained(name, quantizer, seed, usage[name, seed])

# %%
lines = {}
for name in METHODS:
    runs = torch.tensor([[share for _, share in usage[name, seed]] for seed in seeds])
    at = [step for step, _ in usage[name, seeds[0]]]
    lines[name] = (at, runs.mean(0).tolist(), runs.std(0).tolist())
show.curves(
    lines,
    x="training step",
    y="share of the codes in use",
    caption="A codebook left alone loses most of its codes; bands are one standard deviation.",
)


# %% [markdown]
# The cure has a rhythm. Its first batch sets every code down on data, the encoder moves away from
# them, and only when a code's moving count has faded below a tenth of an even share is it moved.

# %%
patience = math.log(0.1) / math.log(METHODS["EMA + revival"]().codebook.decay)
print(f"a code nobody chooses is revived after {patience:.0f} steps")

# %% [markdown]
# Usage is a crude count, since one use in all test pictures is enough. The perplexity weighs it.


# %%
def judge(model):
    """Usage, entropy (bits per token) and mean squared error on the test pictures."""
    units = model.encode(test.images)
    error = float((model.decode(units) - test.images).square().mean())
    return statistics.usage(units, model.vocab), statistics.entropy(units, model.vocab), error


found = {name: [judge(models[name, seed]) for seed in seeds] for name in METHODS}
spread = {
    name: [metrics.mean_spread(column) for column in zip(*rows, strict=True)]
    for name, rows in found.items()
}
for name, (used, bits, error) in spread.items():
    size = models[name, seeds[0]].vocab
    print(
        f"{name:<14}{size} codes, {used.mean:4.0%} ± {used.deviation:.0%} in use, "
        f"perplexity {2**bits.mean:5.0f}, squared error {error.mean:.4f} ± {error.deviation:.4f}"
    )

# %% [markdown]
# ## Sample, or rather: look
#
# What do the reconstructions look like, and what is lost where codes have died? Uncurated: the
# first twelve test scenes, through one run of each. The last row but one is a tokenizer of the
# same design that was trained for longer and ships with the course.

# %%
shipped = zoo.obtain("scenes16-vq").to(device)
some = test.images[:12]
show.compare(
    {
        **{name: models[name, 0].decode(models[name, 0].encode(some)).cpu() for name in METHODS},
        "shipped": shipped.decode(shipped.encode(some)).cpu(),
        "original": some.cpu(),
    },
    caption="The same scenes through three short-trained tokenizers and a long-trained one.",
)

# %% [markdown]
# What does a token *mean*? Take the shipped tokenizer and its most frequent codes. For each,
# collect the places of test pictures where it stands, and show the surrounding 6 x 6 pixels (the
# token itself covers the inner 2 x 2). The first row is what the decoder draws when that code
# stands at all places.


# %%
def places(units, code, count, side):
    """The first `count` inner places where a code stands: picture, row, column."""
    inner = torch.zeros(side, side, dtype=torch.bool, device=units.device)
    inner[1:-1, 1:-1] = True
    at = ((units == code).view(-1, side, side) & inner).nonzero()
    return at[torch.linspace(0, len(at) - 1, count).long()] if len(at) else at


units = shipped.encode(test.images)
frequent = statistics.unigram(units, shipped.vocab).argsort(descending=True)
side, count = shipped.side, 5
chosen = [code for code in frequent[::6].tolist() if len(places(units, code, count, side))][:10]
alone = shipped.decode(torch.tensor(chosen, device=device)[:, None].expand(-1, side * side))
rows = {"alone": alone[..., 5:11, 5:11].cpu()}
for i in range(count):
    cuts = []
    for code in chosen:
        image, row, column = places(units, code, count, side)[i].tolist()
        top, first = 2 * row - 2, 2 * column - 2
        cuts.append(test.images[image, :, top : top + 6, first : first + 6])
    rows[f"place {i + 1}"] = torch.stack(cuts).cpu()
show.compare(
    rows,
    captions=[f"code {code}" for code in chosen],
    columns=len(chosen),
    caption="What a code draws on its own, and five places in test pictures where it stands.",
)

# %% [markdown]
# Some codes are a colour, some an edge that runs a certain way, some a shade of the background: a
# code means a look, not a thing. And it does not mean it alone. Convolutions see beyond a patch, so
# what a token draws depends on its neighbours. How far? Change one token in the middle of each
# test picture and look at which pixels move.

# %%
middle = side * side // 2 + side // 2
other = units[:100].clone()
other[:, middle] = units.roll(1, 0)[:100, middle]
moved = (shipped.decode(other) - shipped.decode(units[:100])).abs().amax(1)
moved = moved[other[:, middle] != units[:100, middle]]
print(f"one token covers {(px // side) ** 2} pixels; changing it moves")
for least in (1, 10):
    reached = float((moved > least / 255).flatten(1).sum(1).float().mean())
    print(f"{reached:5.0f} of {px * px} pixels by more than {least} of 255 levels")

# %% [markdown]
# The slight changes reach across the picture, because the decoder's norms are taken over all of it.
#
# A tokenizer draws nothing by itself. If we draw every token independently, with the frequency it
# has in the data, each token is fine and the picture is noise; what is missing is how tokens go
# together. That is the work of the models in all other chapters. One of them stands below.

# %%
dice = torch.Generator(device).manual_seed(0)
law = statistics.unigram(units, shipped.vocab)
loose = torch.multinomial(law, 12 * side * side, replacement=True, generator=dice).view(12, -1)
raster = zoo.obtain("scenes16-raster").to(device)
drawn, _ = decode.generate(raster, torch.arange(12, device=device) * 2, generator=dice)
show.compare(
    {
        "independent": shipped.decode(loose).cpu(),
        "a raster model": shipped.decode(drawn).cpu(),
    },
    caption="Tokens drawn one by one without looking, and by a model that looks at those before.",
)

# %% [markdown]
# ## Measure
#
# Now the curve: tokenizers of growing alphabets, with the same networks, pictures and steps, and
# beside them the plain lists of patches. Each point's rate is what a code that knows the tokens'
# frequencies would take, $t H$ bits per picture.

# %%
LADDER = {
    "VQ, EMA + revival": {
        4: lambda: VectorQuantizer(4, 8, decay=0.95),
        16: lambda: VectorQuantizer(16, 8, decay=0.95),
        64: lambda: VectorQuantizer(64, 8, decay=0.95),
        1024: lambda: VectorQuantizer(1024, 8, decay=0.95),
    },
    "FSQ": {16: lambda: FSQ([4, 4]), 64: lambda: FSQ([4, 4, 4]), 1000: lambda: FSQ([8, 5, 5, 5])},
    "LFQ": {16: lambda: LFQ(4), 256: lambda: LFQ(8)},
}
ladder = {
    kind: {size: trained(f"{kind} {size}", make) for size, make in rungs.items()}
    for kind, rungs in LADDER.items()
}
ladder["VQ, EMA + revival"][K] = models["EMA + revival", 0]
ladder["FSQ"][240] = models["FSQ", 0]
ladder["left alone"] = {K: models["left alone", 0]}
ladder["raw patches, no network"] = patches
unquantized = trained("no quantizer", None)
floor = float((unquantized.decode(unquantized.encode(test.images)) - test.images).square().mean())

# %%
points = {}
for kind, rungs in ladder.items():
    scores = sorted((rungs[size].length * judge(rungs[size])[1], judge(rungs[size])[2])
                    for size in rungs)  # fmt: skip
    points[kind] = tuple(zip(*scores, strict=True))
_, bits, shipped_error = judge(shipped)
points["shipped VQ, long-trained"] = ([shipped.length * bits], [shipped_error])
widest = max(rate for rates, _ in points.values() for rate in rates)
points["same networks, no quantizer"] = ([0.4 * widest, widest], [floor, floor])
show.curves(
    points,
    x="rate (bits per picture)",
    y="squared error per number",
    log="xy",
    caption=f"Distortion against rate. {steps} steps each, but for the shipped tokenizer.",
)

# %%
entropy_now = judge(models["EMA + revival", 0])[1]
per_picture = shipped.length
print(f"{K} codes: {per_picture * math.log2(K):.0f} bits per picture if all are equally frequent,")
print(f"{per_picture * entropy_now:.0f} by their frequencies; raw: {8 * raw:,} bits")

# %% [markdown]
# What can be read off? More codes buy less and less: each doubling costs one more bit per
# token, and the curves flatten against the line of the networks without any quantizer, where their
# short training ends, not the codes. Unused codes are not paid for, since the rate counts
# frequencies, so FSQ lies where its living codes are, and even the collapsed codebook is a fair
# one, only far to the left of the bits that 256 codes were meant to use. And the plain list of
# patches, without a single weight: from 16 codes on it lies below every network that was trained
# for seconds. It takes the long-trained one to pass it at the same number of tokens and codes. On
# 2 x 2 pixels a list is hard to beat. But the looks of a patch multiply with every pixel it gains,
# and a list has to hold each of them, while a network can put them together from parts.

# %% [markdown]
# ### The verdict


# %%
def column(name, i, reason="", note=""):
    """One measured quantity of a cure beside the codebook left alone, with both spreads."""
    cure, alone = spread[name][i], spread["left alone"][i]
    spreads = (cure.deviation, alone.deviation)
    note = note or f"{len(seeds)} seeds, {judged} test pictures"
    return arlearn.Measured(cure.mean, alone.mean, spread=spreads, reason=reason, note=note)


rungs = {size: judge(model)[2] for size, model in ladder["VQ, EMA + revival"].items()}
arlearn.claim(
    "pixels",
    {
        "collapse": column("EMA + revival", 0, reason="too few steps for codes to die"),
        "finite": column(
            "FSQ", 0, reason="the encoder's outputs have not spread over the grid yet"
        ),
        "distortion": column(
            "EMA + revival",
            2,
            reason="after so short a training the networks, not the codes, hold the error up",
        ),
        "rate": arlearn.Measured(rungs[K], rungs[4], reason="too few steps", note="one seed"),
        "networks": arlearn.Measured(
            shipped_error,
            judge(patches[256])[2],
            reason="the list of patches got more of what it needs",
            note="64 tokens of 256 codes each; the shipped tokenizer against a list learned here",
        ),
        "gradient": arlearn.Measured(gradient_gap, note="straight-through, 4 pictures"),
        "again": arlearn.Measured(float(changed), note="a codebook of 256, FSQ, and LFQ"),
    },
    equal="encoder, decoder, pictures, batches and steps; 256 codes (FSQ: 240)",
    seeds=seeds,
)

# %% [markdown]
# ## Play
#
# Move the slider from 4 codes to 1024, in the networks trained above. Colours come first, then
# place and outline; at the end the codes outnumber what the short training can use.

# %%
eight = test.images[:8]
sizes = sorted(ladder["VQ, EMA + revival"])
frames = []
for size in sizes:
    model = ladder["VQ, EMA + revival"][size]
    both = torch.stack([eight, model.decode(model.encode(eight))])  # row image c h w
    frames.append(both.permute(2, 0, 3, 1, 4).reshape(3, 2 * px, 8 * px).cpu())
show.scrub(
    frames,
    [f"{size} codes, {per_picture * math.log2(size):.0f} bits per picture" for size in sizes],
    label="eight scenes through a growing codebook, the originals above",
    width=640,
)

# %% [markdown]
# ## Where it breaks
#
# **A reconstruction is not a fixed point.** Looking a code up and reading its vector gives the code
# back, exactly. Decoding a picture and encoding it *again* does not: decoder and encoder are no
# inverses of each other, and whoever edits a picture by going back and forth pays each time.

# %%
twice = shipped.encode(shipped.decode(units))
print(f"tokens that survive decoding and encoding: {float((twice == units).float().mean()):.1%}")
same = patches[256].encode(patches[256].decode(patches[256].encode(test.images)))
kept = float((same == patches[256].encode(test.images)).float().mean())
print(f"with raw patches, where decoding only pastes: {kept:.1%}")

# %% [markdown]
# **A dead code is not yet a bad picture.** Of all the measured parts above, *distortion* is the
# one with the smallest difference: what remains of a collapsed codebook still rebuilds such
# simple scenes nearly as well, for fewer bits. Collapse hurts where there is more to say than the
# living codes can tell, and it hurts the rate-distortion curve at its right end, which a larger
# codebook was meant to reach.
#
# **Small rates flatter.** A generator's loss in nats per token falls when the codebook collapses,
# since there is less to predict. Compare generators over one tokenizer, or in bits per picture
# next to the distortion they start from.
#
# **Squared error prefers grey.** Where the tokens leave two looks open, the decoder draws their
# mean. Larger tokenizers add a perceptual term and an adversary; `ImageTokenizer` takes the first.
#
# **What comes later.** Tokens may be ordered by importance instead of place, they may be queries
# that look at the whole picture, one scale may correct the last
# ([VAR](https://arxiv.org/abs/2404.02905), chapter 18), or they need not be discrete at all: *Noise
# as a plan* draws continuous ones. The part on tokens holds eight papers about nothing else.

# %% [markdown]
# ## Exercises
#
# **pixels.1** (five minutes) How many bits does a picture take if a code knows how often each token
# occurs? Given are the tokens of many pictures and the size of the vocabulary.


# %% tags=["exercise"]
def bits_per_picture(units, vocab):
    """t H in bits, for units `n t` of n pictures."""
    raise NotImplementedError("Count the codes, then -Σ p log2 p, then times the tokens t.")


arlearn.check("pixels.1", bits_per_picture)


# %% tags=["solution", "hide-input"]
def bits_per_picture(units, vocab):
    """t H with H = -Σ p log2 p over all tokens of all pictures; 0 log 0 = 0."""
    p = torch.bincount(units.flatten(), minlength=vocab) / units.numel()
    return units.shape[1] * float(-(p[p > 0] * p[p > 0].log2()).sum())


arlearn.check("pixels.1", bits_per_picture)
print(f"{bits_per_picture(units.cpu(), shipped.vocab):.0f} bits per picture, shipped tokenizer")

# %% [markdown]
# **pixels.2** (ten minutes) Write the straight-through estimator: the value of the code, the
# gradient of the vector. What happens with `z + (code - z)`, without the `detach`?


# %% tags=["exercise"]
def straight_through(z, code):
    """A tensor that equals `code` and passes its gradient to `z` alone."""
    raise NotImplementedError("z plus something that has no gradient.")


arlearn.check("pixels.2", straight_through)


# %% tags=["solution", "hide-input"]
def straight_through(z, code):
    """z + sg(code - z); without sg the two z cancel and the gradient goes to the code."""
    return z + (code - z).detach()


arlearn.check("pixels.2", straight_through)

# %% [markdown]
# **pixels.3** (a small project) Write the revival of dead codes. Then use it as first aid: revive
# the codebook that was left alone, on the vectors of real pictures, and count again.


# %% tags=["exercise"]
def revive(codes, counts, vectors, floor=0.1):
    """Codes `k c`, those chosen less than `floor` times an even share set on other vectors."""
    raise NotImplementedError("An even share is counts.sum() / k. Which codes are below it?")


arlearn.check("pixels.3", revive)


# %% tags=["solution", "hide-input"]
def revive(codes, counts, vectors, floor=0.1):
    """Each dead code moves to a vector of its own, drawn without replacement."""
    dead = counts < floor * counts.sum() / len(codes)
    codes = codes.clone()
    codes[dead] = vectors[torch.randperm(len(vectors), device=vectors.device)[: int(dead.sum())]]
    return codes


arlearn.check("pixels.3", revive)
patient = models["left alone", 0]
with torch.no_grad():
    vectors = to_units(patient.encoder(test.images[:100]), px // 2).flatten(0, 1)
    before = judge(patient)
    hits = torch.bincount(patient.encode(test.images).flatten(), minlength=K)
    torch.manual_seed(0)
    patient.quantizer.codebook.codes.copy_(revive(patient.quantizer.codebook.codes, hits, vectors))
after = judge(patient)
print(f"in use {before[0]:.0%}, then {after[0]:.0%}; error {before[2]:.4f}, then {after[2]:.4f}")
