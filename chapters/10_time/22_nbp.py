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
# # NBP: how much of a film at once?

# %%
import time
from dataclasses import replace

import torch

import arlearn
from arlearn import decode, metrics, plans, show, zoo
from arlearn.data.continuations import choices, resampled, verdict
from arlearn.data.sprites import painted
from arlearn.frontier import Point
from arlearn.heads.law import Law
from arlearn.metrics.spread import compare
from arlearn.nets.layout import Layout
from arlearn.nets.next_block import NextBlock, plan
from arlearn.papers import nbp
from arlearn.zoo import nbp_models, pictures

arlearn.card("nbp")

# %% tags=["parameters"]
tier = arlearn.tier()

# %%
design = nbp_models.MOVING16
n, length, live_steps, seeds = {
    "smoke": (8, 4, 2, [0]),
    "cpu": (200, 8, 40, [0, 1, 2]),
    "gpu": (1000, 8, 400, [0, 1, 2]),
}[tier]
device = arlearn.device()
law = Law(top_p=0.9)  # as in the paper, the same for every block
token, row, square, frame = nbp_models.COMPARED
said = {token: "token", row: "row", square: "2 x 4", frame: "frame"}
book = nbp_models.book(design.side)
films = nbp_models.films(design, "test", n, length)
kinds, colours = films.kinds[:, 0], films.colours[:, 0]
places = films.places[:, :, 0]
given = films.frames[:, : nbp_models.GIVEN]


def dice(seed):
    """A fresh source of randomness, so that every cell can be run again alone."""
    return torch.Generator(device).manual_seed(seed)


def model(block, number=0, inside="block", part=1):
    """One of the models this chapter measures."""
    return zoo.obtain(nbp_models.named(design, block, inside, number, part)).to(device)


def drawn(arm, seed=0, of=given, to=length):
    """Films that go on from given frames, and what that took."""
    return nbp.rolled(arm, book, of, to, law=law, generator=dice(seed))


# %% [markdown]
# ## The question
#
# A film is long. Cut into tokens, even a few frames of it are more of them than a page of text, and
# a language model of video draws them one by one, each in a pass of its own through the network.
# Here are some films: one object, that moves a patch a frame and bounces off the border, sometimes
# in a direction nobody can foresee. Two frames are given; the rest is to be drawn.

# %%
show.video(
    films.frames[:4],
    label="four test films",
    caption="Palette films of 16 x 16 pixels. The first two frames of each are given.",
)

# %%
arm = model(token)
began = time.perf_counter()
_, traces = drawn(arm, of=given[:1])
spent = time.perf_counter() - began
passes = sum(trace.evaluations for trace in traces)
print(
    f"token by token: {passes} passes for {length - 2} frames, {(length - 2) / spent:.1f} frames/s"
)

# %% [markdown]
# Most of these passes add little. Nine tokens of ten show nothing but ground, and of those that
# show the object most are clear once its first row is. Could a pass draw more than one? Ren et al.
# ask it of the same network, with the same weights in the same places. Their answer is a *row*:
# better than single tokens, they report, and eleven times as fast.

# %% [markdown]
# ## The idea
#
# Two edits of a GPT. **Who looks at whom**: tokens are cut into blocks, and a token sees all of its
# own block as well as everything before. **How far ahead an output predicts**: a whole block. The
# output at a token says what stands at the same place of the *next* block. So the tokens of one
# block come out of one pass. The triangle becomes a staircase:

# %%
stairs = [1, 8]
show.scrub(
    [show.mask(plan(32 - size, size)) for size in stairs],
    [f"blocks of {b}: {32 // b - 1} passes draw what follows the first of them" for b in stairs],
    label="the mask by size of a block",
    caption="A film of 32 tokens whose first block is given. Blocks of one: a GPT.",
)

# %% [markdown]
# There is no leak, although a token sees tokens to its right: what it has to predict stands one
# block further. But there is a price. The tokens of a block are drawn *without knowing each other*,
# each from its own law. Whether that matters depends on what lies in a block, so its shape counts
# as well as its size.

# %%
layout = Layout((1, 8, 8), square)
steps = torch.arange(64)[None] // layout.size
show.order(
    plans.Plan(layout.unflatten(steps).flatten()),
    8,
    8,
    caption="In which step each token of a frame is drawn, in blocks of 2 x 4. A row is one line.",
)

# %% [markdown]
# And the first block? When a film is to be *continued*, it is given, and nothing has to predict it.
# When a film begins from nothing, a jump from a block of start tokens to the first row is a hard
# thing to learn; so the paper's second recipe, the *hybrid*, draws the first block token by token,
# then hands its last token and $B - 1$ learned fillers to the first parallel step.

# %%
fed = ["start", *(f"z{i}" for i in range(1, 5)), "m1", "m2", "m3", *(f"z{i}" for i in range(5, 13))]
show.mask(
    plan(16, 4, hybrid=True),
    labels=fed,
    caption="The hybrid, 16 tokens in blocks of 4: a triangle, then stairs. m are fillers.",
)

# %% [markdown]
# ## The maths
#
# **Tokens.** A film of $T \times H \times W$ patches is a grid of tokens, flattened to
# $z_1 \dots z_N$ in blocks of $B$: a permutation of the grid, undone before decoding. Here a patch
# has 2 x 2 pixels, and a dictionary of all patches there are takes the place of the paper's
# learned tokenizer; nothing is lost.
#
# **Law.** With the first block given (and a condition $c$),
#
# $$ p(z) = \prod_{k \ge 1} \prod_{j=1}^{B} p\big(z_{kB+j} \mid z_1 \dots z_{kB},\, c\big) . $$
#
# The inner product is the assumption: given the blocks before, tokens of one block are independent.
# For $B = 1$ nothing is assumed.
#
# **Loss.** Mean cross-entropy. The input is $z_1 \dots z_{N-B}$, the target
# $z_{B+1} \dots z_N$; the mask lets position $i$ see position $j$ when
# $\lfloor j/B \rfloor \le \lfloor i/B \rfloor$. For the hybrid
#
# $$ \begin{aligned}
# \text{input} &= [\text{start}]\,[z_1 \dots z_B]\,[m_1 \dots m_{B-1}]\,[z_{B+1} \dots z_{N-B}] \\
# \text{target} &= [z_1 \dots z_B]\,[z_{B+1} \dots z_{2B}]\,[z_{2B+1} \dots z_N] .
# \end{aligned} $$
#
# **Cost.** $M$ tokens to draw are $M / B$ passes; the hybrid needs $B + N/B - 1$.
#
# **What independence costs.** Were the network perfect, the sum of a block's nats would exceed the
# true ones by the block's *total correlation*, $\sum_j H(z_j) - H(z_1 \dots z_B)$. It is zero where
# the future is certain, whatever the size. So a block is as large as chance allows.

# %% [markdown]
# ## The code
#
# A block shape is one rearrangement of the grid, and its inverse.

# %%
arlearn.source(Layout.flatten, docstring=False)

# %% [markdown]
# The mask is that of a plan, as everywhere in this course; with what is given, for both recipes.

# %%
arlearn.source(plan, docstring=False)

# %% [markdown]
# What is fed: tokens a block earlier, or the hybrid's four pieces.

# %%
arlearn.source(NextBlock.sequence, docstring=False)

# %% [markdown]
# The sampler reads what is given and draws the first new block in the same pass.

# %%
arlearn.source(nbp.continued, docstring=False)

# %% [markdown]
# The loud mistake here is a quiet one: shift by one token instead of a block, and the answer stands
# in the context; the loss falls to zero. What can be checked exactly is checked, below and in the
# tests: no output hears the block it predicts, blocks of one are a GPT, and the cached pass gives
# the states of training, all $B$ of them.

# %% tags=["nbval-check-output"]
arm = model(row)
units = arm.layout.flatten(book.encode(films.frames[:4, : design.frames])).to(device)
told = nbp.headings(films.frames[:4, : nbp_models.GIVEN]).to(device)
back = book.decode(arm.layout.unflatten(units).cpu())
print("every patch comes back:", torch.equal(back, films.frames[:4, : design.frames]))
with torch.no_grad():
    before, bent = arm(units, told), units.clone()
    bent[:, 128:] = (bent[:, 128:] + 1) % len(book)
    same = (arm(bent, told) == before).all(-1).all(0)
    print("outputs that do not hear a change from token 128 on:", int(same.sum()), "of", len(same))
    cond, cache = arm.condition(told, 4), arm.backbone.cache(4, len(arm.layout))
    parts = [arm.read(units, 8, 136, cache, cond)]
    parts += [arm.read(units, end - 8, end, cache, cond) for end in range(144, 257, 8)]
    print(
        "cached states are those of training:",
        torch.allclose(torch.cat(parts, 1), before, atol=1e-4),
    )
hybrid = NextBlock(Layout((2, 4, 4), (1, 1, 4)), torch.eye(5), width=16, depth=1, hybrid=True)
print(
    "a hybrid of 32 tokens in rows of 4 takes", decode.generate(hybrid, batch=1)[1].n_steps, "steps"
)

# %% [markdown]
# ## Train
#
# All arms have one network, the same films in the same order, the same optimiser and steps; a
# block's shape changes the order of tokens, the mask and the shift, and nothing else. The loss
# counts the tokens of the two frames that are drawn, the same ones for all. For each compared block
# three learning rates were tried for a third of the steps, by the loss on a few test films; that of
# single tokens is twice the others'.

# %%
once = [block for block in design.once if tier != "smoke"]
names = [nbp_models.named(design, b, number=k) for b in nbp_models.COMPARED for k in seeds]
names += [nbp_models.named(design, b) for b in once] + [nbp_models.named(design, row, "causal")]
names += [nbp_models.named(design, b, part=nbp_models.PART) for b in nbp_models.SHORTER]
for name in names:
    zoo.obtain(name)
    made = zoo.provenance(name).training
    told = f"{made['steps']:>6,} steps  {made['seconds']:>5.0f} s"
    print(f"{name:<28}{made['parameters']:>9,} parameters{told}")
print("each on", made["device"])

# %% [markdown]
# They come with the course, made by `arlearn zoo train`. Live, the beginning of two such runs:

# %%
lines, few = {}, replace(design, training=replace(design.training, films=40))
for block in (token, row):
    torch.manual_seed(0)
    history = nbp_models.train(
        nbp_models.arm(few, block).to(device),
        seed=0,
        design=few,
        name=f"blocks of one {said[block]}",
        steps=live_steps,
        keep=False,
    )
    lines[said[block]] = (range(live_steps), history.curve(5))
show.curves(
    lines,
    x="training step",
    y="nats per token",
    caption="At first both learn that most of a film is ground.",
)

# %% [markdown]
# ## Sample
#
# The same two frames go on, uncurated: in truth, and by four block shapes. A window has four
# frames, two given and two drawn; its last two are given to the next window, and with them the
# direction in which the tracker sees the object move, if it sees one. Films leave the truth where
# they may, at a bounce. What they may not do is to leave the law: an object is whole, and it goes
# on as it went.

# %%
first = {block: drawn(model(block)) for block in nbp_models.COMPARED}
rows = {"truth": films.frames[:4]}
for block, (made, traces) in first.items():
    rows[f"{said[block]}, {sum(t.evaluations for t in traces)} passes"] = made[:4]
show.video(
    rows,
    label="films that go on, by block",
    caption="The first two frames are given.",
    words=["given"] * 2 + ["drawn"] * (length - 2),
)

# %% [markdown]
# Pass by pass, the first window of a film: in rows above, in tokens below, after as many passes.
# Grey is not drawn yet.


# %%
def half_drawn(units, step):
    """The window after some passes, in rows and in tokens."""
    shots, begun = [], book.encode(given[:1])
    for block, some in ((row, units), (token, first[token][1][0].units_after(step))):
        grid = Layout(design.shape, block).unflatten(some)[:1]
        blank = grid < 0
        blank[:, : nbp_models.GIVEN] = False
        grid = grid.clamp(min=0)
        grid[:, : nbp_models.GIVEN] = begun
        hidden = blank.repeat_interleave(2, 2).repeat_interleave(2, 3)[:, :, None]
        shots.append(torch.where(hidden, 0.6, painted(book.decode(grid))))
    return torch.cat(shots)


show.play(
    first[row][1][0],
    half_drawn,
    label="a film in rows, and in tokens",
    at=range(2, 17, 2),
    caption="After the last of these passes the film below still lacks seven tokens of eight.",
)

# %% [markdown]
# ## Measure
#
# The tracker reads every drawn frame back, exactly: is the object there, in its colour, whole, and
# does it obey the law of motion? A small classifier of windows, which tells shape and direction,
# lends its features to a Fréchet distance between the last frames drawn and the last frames of the
# true films. And the loss says what each arm knows when it is given the truth.

# %%
judge = zoo.obtain(f"{design.prefix}-judge").to(device)


def features(frames):
    """The judge's features of a film's last window."""
    images = nbp_models.pictures(frames[:, -design.frames :].long()).to(device)
    return pictures.in_parts(judge.features, images)


real = features(films.frames)
law_itself = resampled(films, nbp_models.GIVEN)
floor = metrics.frechet(features(law_itself), real)
print(f"the same films going on with other luck, as a perfect sampler would: FD {floor:.2f}")

# %%
known = book.encode(nbp_models.films(design, "train", 4 * n, length).frames)
arms = [(b, "block", k) for b in nbp_models.COMPARED for k in seeds]
arms += [(b, "block", 0) for b in once] + [(row, "causal", 0)]
found = {}
for block, inside, k in arms:
    arm = model(block, k, inside)
    made, traces = (
        drawn(arm, seed=k) if k or inside != "block" or block not in first else first[block]
    )
    seen = verdict(made, kinds, colours)
    found[block, inside, k] = {
        "loss": nbp_models.measure(arm, design=design, n=min(n, 40)),
        "FD": metrics.frechet(features(made), real),
        "seen": seen,
        "whole": float(seen.whole[:, 2:].float().mean()),
        "lawful": float(seen.lawful[:, -1].float().mean()),
        "rows": nbp.row_share(book.encode(made[:, 2:]), known),
        "passes": sum(trace.evaluations for trace in traces),
    }


def over(block, what, inside="block"):
    """One number per seed."""
    return [one[what] for (b, i, _), one in found.items() if (b, i) == (block, inside)]


def mean(values):
    """Of some numbers."""
    return sum(values) / len(values)


def name_of(block, inside="block"):
    """A block in words, "2 x 4"."""
    words = said.get(block, " x ".join(map(str, block if block[0] > 1 else block[1:])))
    return words + " (causal)" * (inside == "causal")


print("block          size  passes  nats/token     FD   whole frames  lawful films  known rows")
for block, inside in dict.fromkeys(key[:2] for key in found):
    size = Layout(design.shape, block).size
    loss, fd, whole, right, coherent, spent = (
        mean(over(block, what, inside))
        for what in ("loss", "FD", "whole", "lawful", "rows", "passes")
    )
    print(
        f"{name_of(block, inside):<15}{size:>4}{spent:>8.0f}{loss:>12.4f}{fd:>7.2f}{whole:>15.2f}"
        f"{right:>14.2f}{coherent:>12.3f}"
    )

# %%
show.spread(
    {said[b]: over(b, "FD") for b in nbp_models.COMPARED},
    label="Fréchet distance of the last window (lower is better)",
    caption="One dot a seed. A row has as many tokens as a 2 x 4 block.",
)

# %% [markdown]
# ### The curve over sizes
#
# The paper's curve is a U: the best block has 16 tokens, one row of its frames; single tokens are a
# little worse, whole frames much. Here is ours.

# %%
flat = sorted(
    (Layout(design.shape, b).size, b)
    for b in {k[0] for k in found}
    if b[2] == 8 or b in (token, (1, 1, 4))
)
show.curves(
    {
        "runs of a row and rows": (
            [size for size, _ in flat],
            [mean(over(b, "FD")) for _, b in flat],
        ),
        **{
            name_of(b): ([Layout(design.shape, b).size], [mean(over(b, "FD"))])
            for b in (square, (2, 1, 4))
            if over(b, "FD")
        },
    },
    x="tokens of a block",
    y="Fréchet distance (lower is better)",
    log="x",
    caption="Squares and blocks of two frames beside runs and rows of equal size.",
)

# %%
for what in ("loss", "FD", "whole"):
    pair = over(row, what), over(token, what)
    if len(seeds) > 1:
        print(f"{what:<6}rows minus tokens: {compare(*pair)}")

# %% [markdown]
# ### The shape, or the time to learn it?
#
# One step on from a row is always the same place: right below. One step on from a square is to its
# right, or two rows down and back to the left; from half a row likewise. Attention that turns with
# offsets has two of them to learn instead of one. So is a square worse, or only slower? Both once
# more, with fewer steps.

# %%
for block in nbp_models.SHORTER:
    arm = model(block, part=nbp_models.PART)
    made, _ = drawn(arm)
    whole = float(verdict(made, kinds, colours).whole[:, 2:].float().mean())
    print(
        f"{said[block]:<6} a third of the steps: "
        f"{nbp_models.measure(arm, design=design, n=min(n, 40)):.4f} nats/token "
        f"(all of them {mean(over(block, 'loss')):.4f}), "
        f"FD {metrics.frechet(features(made), real):.2f} (all {mean(over(block, 'FD')):.2f}), "
        f"whole frames {whole:.2f} (all {mean(over(block, 'whole')):.2f})"
    )

# %% [markdown]
# ### How far does it carry?
#
# Each drawn window is given to the next, with all its faults. The share of films that still obey
# the law falls from frame to frame; what is lost in the very first frame is not drift but the draw
# itself.

# %%
shown = {
    said[b]: torch.stack([s.lawful.float().mean(0) for s in over(b, "seen")]).mean(0)[1:].tolist()
    for b in nbp_models.COMPARED
}
show.curves(
    {name: (range(2, length + 1), values) for name, values in shown.items()},
    x="frame",
    y="share of films lawful so far",
    caption="Frame 2 is the last one given. Each frame must be whole and follow by the law.",
)

# %%
for block in nbp_models.COMPARED:
    seen = over(block, "seen")
    there = mean([float(s.present[:, -1].float().mean()) for s in seen])
    clean = mean([float(s.clean[:, -1].float().mean()) for s in seen])
    sure = (choices(places, design.side)[:, 2:] == 1).all(1)
    off = [s.apart(places)[sure, -1] for s in seen]
    off = mean([float(x[~x.isnan()].mean()) for x in off if (~x.isnan()).any()] or [0.0])
    print(
        f"{said[block]:<6} last frame: object present {there:.2f}, no strange colour {clean:.2f}; "
        f"{off:.1f} pixels from the truth in the {int(sure.sum())} films that leave no choice"
    )

# %% [markdown]
# How much of that is *exposure bias*, the model's own faults in its context? Draw the last window
# once more, after true frames, and compare.

# %%
begun = films.frames[:, -design.frames : -design.frames + nbp_models.GIVEN]
for block in nbp_models.COMPARED:
    again = [drawn(model(block, k), seed=50 + k, of=begun, to=design.frames)[0] for k in seeds]
    after = mean([float(verdict(x, kinds, colours).whole[:, 2:].float().mean()) for x in again])
    own = mean([float(s.whole[:, -2:].float().mean()) for s in over(block, "seen")])
    print(f"{said[block]:<6} whole frames after true ones {after:.2f}, after its own {own:.2f}")

# %% [markdown]
# ### Where independence is felt
#
# In the first frame drawn, all arms have true frames before them, and the law says how many places
# the object may go to. One: nothing is left to chance, and a perfect model could draw all tokens at
# once. Two or three: the tokens must agree, and those of one block cannot.

# %%
ways = choices(places, design.side)[:, 2]
groups = {"one way": ways == 1, "two or three": ways > 1}
show.bars(
    list(groups),
    {
        said[b]: [
            mean(
                [
                    float(s.whole[one, 2].float().mean()) if one.any() else 0.0
                    for s in over(b, "seen")
                ]
            )
            for one in groups.values()
        ]
        for b in nbp_models.COMPARED
    },
    x="ways the object may go",
    y="share of whole objects",
    caption=f"First drawn frame; {int((ways > 1).sum())} of {n} films leave a choice there.",
)

# %% [markdown]
# ### What is it worth in seconds?
#
# With cache, patches to tokens and back included, for one film and for many at once.

# %%
speeds, at_once = {}, (1, 4 if tier == "smoke" else 64)
for block in nbp_models.COMPARED:
    arm = model(block)
    for batch in at_once:
        best = float("inf")
        for _ in range(1 if tier == "smoke" else 3):
            began = time.perf_counter()
            drawn(arm, of=given[:1].expand(batch, -1, -1, -1), to=design.frames)
            best = min(best, time.perf_counter() - began)
        speeds[block, batch] = batch * design.scored / best
for batch in at_once:
    line = ", ".join(
        f"{said[b]} {speeds[b, batch]:,.0f} tokens/s ({speeds[b, batch] / 64:.1f} frames/s)"
        for b in nbp_models.COMPARED
    )
    print(f"batch {batch:>3}: {line}")

# %%
points = []
for block, inside in dict.fromkeys(key[:2] for key in found):
    if inside == "block":
        share = mean(over(block, "whole"))
        size = Layout(design.shape, block).size
        of = "rows and runs" if block[2] == 8 or block in (token, (1, 1, 4)) else name_of(block)
        points.append(Point(f"NBP, {of}", size, share, (share * (1 - share) / n) ** 0.5))
show.frontier(
    points,
    quality="share of frames with one whole object",
    caption="Each pass draws a block. To the right is faster.",
)

# %% [markdown]
# ### The verdict
#
# The parts were named in the catalog before these models were trained; `loss`, `whole` and
# `bidirectional` joined the others after first trial models had been looked at. All arms were first
# trained for a third of the steps. Then the seeds differed so much that verdicts on the distance
# hung on how many films were drawn; so all were trained longer, and these are the only ones judged.


# %%
def against(block, other, what, reason, inside="block"):
    """Two blocks, over their seeds."""
    pair = over(block, what), over(other, what, inside)
    note = f"{n} films of {length} frames, {len(pair[0])} and {len(pair[1])} models"
    return arlearn.Measured.over(*pair, reason=reason, note=note)


exact = (
    "a token that sees its left neighbours is told more than one that does not, and where the "
    "object may go several ways, that is what keeps it whole"
)
arlearn.claim(
    "nbp",
    {
        "steps": arlearn.Measured(
            over(row, "passes")[0], over(token, "passes")[0], note=f"{length - 2} frames, counted"
        ),
        "speed": arlearn.Measured(
            speeds[row, 1],
            speeds[token, 1],
            reason="a pass over eight tokens costs as much as eight passes over one",
            note="one film, with cache, patches to tokens and back included",
        ),
        "quality": against(row, token, "FD", exact),
        "frame-block": against(frame, row, "FD", "no further beyond the spread over the seeds"),
        "shape": against(row, square, "FD", "no better beyond the spread over the seeds"),
        "loss": against(token, row, "loss", "no lower beyond the spread over the seeds"),
        "whole": against(row, frame, "whole", "no more beyond the spread over the seeds"),
        "bidirectional": against(
            row,
            row,
            "FD",
            "no better beyond the spread: the rows above hold what there is to know, and a token "
            "sees all of those in both arms",
            "causal",
        ),
    },
    equal="network, films and their order, optimiser, steps, sampler (top-p 0.9), frames given",
    seeds=seeds,
    frontier=points,
    quality="share of frames with one whole object",
)

# %% [markdown]
# ## Play
#
# The mask of training and what it draws, by size of the block. Move the slider: the triangle
# becomes stairs, the passes fall, and at some point the object does not hold together any more.

# %%
canvases, told = [], []
played = [token, row, frame]
for block in played:
    size = Layout(design.shape, block).size
    seen = plan(256 - size, size).mask()
    left = torch.ones(3, 256, 256) * 0.9
    left[:, : 256 - size, : 256 - size] = torch.where(seen, 0.35, 0.97)
    made, traces = first[block] if block in first else drawn(model(block), of=given[:2])
    strip = painted(made[:2, -min(8, length) :]).repeat_interleave(4, -1).repeat_interleave(4, -2)
    right = torch.ones(3, 256, 264)
    for i, shot in enumerate(strip.flatten(0, 1)[:16]):
        y, x = divmod(i, 4)
        right[:, 64 * y : 64 * y + 63, 8 + 64 * x : 8 + 64 * x + 63] = shot[:, :63, :63]
    canvases.append(torch.cat([left, right], 2))
    spent = sum(trace.evaluations for trace in traces)
    told.append(
        f"{name_of(block)}, {size} tokens: {spent} passes, FD {mean(over(block, 'FD')):.1f}"
    )
show.scrub(
    canvases,
    told,
    label="mask and films by size of the block",
    caption="Left: who may look at whom. Right: two films, each read in rows of four frames.",
    width=520,
)

# %% [markdown]
# ## Where it breaks
#
# **The left arm of the U.** In the paper rows beat single tokens by a few points of FVD. Here
# single tokens win, and the bars above say why: where an object may go several ways, the tokens of
# a row have to agree on one and cannot. What would make up for that is *exposure bias*, hundreds of
# sequential draws each of which may be off, and a large network that sees far enough ahead to leave
# a row little to chance. There is little of the one here, and little network. It even works the
# other way: an object that a block has torn is given to the next window, which has never seen such
# a thing, and large blocks go to pieces in their own context.
#
# **The right arm** is there: a whole frame at once is worse than a row. A large block has to say in
# many places at once where the object goes; a row says it in the first line that shows the object,
# and the lines below follow. Between rows and squares of their size the distance does not decide,
# though the tracker finds far fewer whole objects in squares. Two rows at once come out ahead of
# one in the distance and behind in whole objects; there is one such model.
#
# **The shift has a geometry of its own.** One block on from a row is right below, one on from a
# frame is the same place in the next; from half a row or a square it is now here, now there. Half a
# row does so badly that the curve over sizes has a peak on its left, which says nothing about
# independence. The shorter training shows how much of a square's fault is haste: much of it, and
# more of it may be. The paper's positions are learned one by one, and its training is long.
#
# **Where the future is certain, blocks are free**, as the maths says: in the films that leave no
# choice even a frame drawn at once is as whole as one drawn token by token. Real films are seldom
# so certain.
#
# **The judge reads four frames at once**, so a Fréchet distance sees torn objects and wrong moves,
# but not a film that is lawful and dull. The law of motion is exact where it speaks: it is silent
# about how often an object bounces one way or the other.
#
# **Speed is not passes.** A pass over a block computes as much per token as before; what is saved
# is the waiting. With one film the gain stays behind the passes saved, with many at once further.
#
# **What this miniature leaves out.** A dictionary of patches stands for the causal 3D autoencoder
# with FSQ, so nothing is lost in it; the embedding begins from the pixels of a patch, as from a
# codebook's vectors. Films have four frames of 64 tokens where the paper has five of 256, and only
# those in which an object moves by one whole patch are kept. The direction in the given frames is
# told as a class, added to every input; the network would find it by itself in a longer training.
# The loss counts the drawn frames only; the paper's counts all blocks but the first. The backbone
# is this course's, with rotary positions beside learned ones, not a GPT with LayerNorm and GELU.
# The hybrid recipe is implemented and tested, not trained; guidance is not used, as in the paper's
# released evaluation. Longer clips here are windows behind each other.
#
# Read on: [xAR](https://arxiv.org/abs/2502.20388) (chapter 2) asks the same of pictures, and lets
# the vectors of a unit agree by a flow; so does LongLive with frames (chapter 44).
# [NBDiff](https://arxiv.org/abs/2512.06776) (chapter 40) and Fast-dLLM v2 (chapter 30) lift masks
# inside a block of text, hence do without independence; SpeakerVid (chapter 45) predicts chunks of
# sound and picture.

# %% [markdown]
# ## Exercises
#
# **22.1** (five minutes) The staircase. A film of $N$ tokens whose first block is given feeds
# $N - B$ positions. Which of them may look at which?


# %% tags=["exercise"]
def staircase(n, size):
    """Truth values, N - B rows that look at N - B columns."""
    raise NotImplementedError("Which block does a position stand in? Compare the blocks.")


arlearn.check("22.1", staircase)


# %% tags=["solution", "hide-input"]
def staircase(n, size):
    """A position sees its own block and all before."""
    block = torch.arange(n - size) // size
    return block[None, :] <= block[:, None]


arlearn.check("22.1", staircase)

# %% [markdown]
# **22.2** (ten minutes) The hybrid recipe takes $B + N/B - 1$ steps. Which of the sizes that divide
# $N$ takes the fewest? Work it out on paper first: where is the derivative zero?


# %% tags=["exercise"]
def fewest(n):
    """The best block size among the divisors of n."""
    raise NotImplementedError("Count the steps of every divisor; near which number is the best?")


arlearn.check("22.2", fewest)


# %% tags=["solution", "hide-input"]
def fewest(n):
    """d/dB (B + N/B - 1) = 1 - N/B², zero at the root of N; the divisor nearest in steps."""
    return min((b for b in range(1, n + 1) if n % b == 0), key=lambda b: b + n // b - 1)


arlearn.check("22.2", fewest)
print(f"1,280 tokens: blocks of {fewest(1280)}; the paper's best films have blocks of 16")

# %% [markdown]
# **22.3** (twenty minutes) The hybrid's books: from a film $z$ (a list) the list of what is fed and
# the list of what is predicted. Write "start" for the start token and "m1", "m2", … for fillers.


# %% tags=["exercise"]
def books(z, size):
    """What is fed, and what is predicted there."""
    raise NotImplementedError("As long as z, both. What stands where the first row is handed on?")


arlearn.check("22.3", books)


# %% tags=["solution", "hide-input"]
def books(z, size):
    """[start] [z_1 … z_B] [m_1 … m_{B-1}] [z_{B+1} … z_{N-B}], and z."""
    fillers = [f"m{k}" for k in range(1, size)]
    return ["start", *z[:size], *fillers, *z[size : len(z) - size]], list(z)


arlearn.check("22.3", books)
