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
# # ELM: what a language model of pictures needs

# %%
import torch
from einops import rearrange

import arlearn
from arlearn import decode, metrics, plans, show, zoo
from arlearn.data import oracle, pytext, scenes
from arlearn.heads.factored import Factored
from arlearn.heads.law import Law
from arlearn.nets.subcodes import SubCodeEmbedding
from arlearn.papers import elm
from arlearn.tokens import binary, statistics
from arlearn.tokens.text import BPETokenizer
from arlearn.zoo import elm_models, pictures

arlearn.card("elm")

# %% tags=["parameters"]
tier = arlearn.tier()

# %%
px, n, live_steps, seeds, judged, letters, points = {
    "smoke": (16, 24, 2, [0, 1], 96, 100_000, 1),
    "cpu": (16, 480, 30, [0, 1, 2], 2000, 1_000_000, 4),
    "gpu": (32, 2000, 300, [0, 1, 2], 5000, 3_000_000, 4),
}[tier]
device = arlearn.device()
design = {16: elm_models.DESIGN16, 32: elm_models.DESIGN32}[px]
sizes, bits, side = design.sizes, design.bits, design.sizes.grid
vocab, half_bits = 2**bits, bits // 2

# %% [markdown]
# ## The question
#
# A language model over image tokens is the simplest generator there is: cut the picture into
# tokens, write them down in a row, predict the next one. For years it drew worse pictures than
# diffusion. Is next-token prediction wrong for pictures, or have its parts been chosen badly,
# out of habits that come from text?
#
# Two of those habits, measured here. The first concerns the **tokens**: a list of vectors, one word
# each. The list is learned, and most of its words are never used. The second concerns
# **sampling**: a text model is kept to its few likeliest words, since one wrong word spoils a
# sentence. Below is one image model, trained once and sampled three times; only the number of
# values it may choose from differs. Kept to the likeliest one, it draws one cross twelve times.


# %%
def model(kind):
    """One of the models this chapter measures, by the end of its name."""
    return zoo.obtain(f"scenes{px}-{kind}").to(device)


def dice(seed):
    """A fresh source of randomness, so that every cell can be run again alone."""
    return torch.Generator(device).manual_seed(seed)


test = scenes("test", side=px, n=judged)
classes = test.classes
tokens = model("bae")
lists = {"list of vectors": model(f"vq{bits}"), "list, revived": model(f"vq{bits}-revived")}
language = model(f"elm-{design.two}x{half_bits}")

twelve = torch.arange(12, device=device) * 2
choices = [2**k for k in range(half_bits + 1)]
few = choices[1]


def drawn(law, labels=twelve, seed=2, of=language):
    """Pictures of some classes under a law."""
    return tokens.decode(decode.generate(of, labels, law=law, generator=dice(seed))[0]).cpu()


crosses = torch.full_like(twelve, classes.index("blue cross"))
cold = {f"the likeliest {k}": drawn(Law(top_k=k), crosses) for k in (1, few)}
show.compare(
    {**cold, f"all {choices[-1]}": drawn(Law(), crosses)},
    columns=12,
    caption="Twelve blue crosses each by one model, kept to its likeliest tokens, and set free.",
)

# %%
test_images = test.images.to(device)
units = {"binary, drawn": elm_models.codes(tokens, test_images)}
units["binary, likeliest"] = pictures.tokens_of(tokens, test_images)
units |= {name: pictures.tokens_of(maker, test_images) for name, maker in lists.items()}
used = {name: statistics.usage(codes, vocab) for name, codes in units.items()}
print(f"of {vocab} words, the list uses {used['list of vectors']:.1%} on {judged} test pictures")

# %% [markdown]
# The paper goes through such choices one at a time (tokenizer, autoregression or masks, order of
# the tokens, size of the vocabulary, sampling), keeps what is best, and ends with a plain language
# model that is among the best image generators of its year. This chapter does the same in small.

# %% [markdown]
# ## The idea
#
# **Images forgive wrong words.** Here are three ways to write down the same picture in the tokens
# that ELM uses. They were drawn from the same encoder with different random numbers.

# %%
odds = elm_models.chances(tokens, test_images[:6])
spellings = [binary.draw_codes(odds, dice(seed)) for seed in range(3)]
show.compare(
    {
        **{f"spelling {k + 1}": tokens.decode(codes).cpu() for k, codes in enumerate(spellings)},
        "original": test.images[:6],
    },
    caption="Three spellings of six test pictures: few codes are the same, every picture is.",
)

# %%
same = (spellings[0] == spellings[1]).float().mean()
apart = (tokens.decode(spellings[0]) - tokens.decode(spellings[1])).square().mean()
print(f"two spellings agree in {same:.0%} of their codes;")
print(f"the pictures differ by a mean squared error of {apart:.4f}, on values from 0 to 1")

# %% [markdown]
# A text that changed most of its words would say something else. So a model of image tokens cannot
# be sure of the next one, its training loss stays high, and its samples are good all the same. The
# paper reads the same off histograms: image tokens are used almost evenly, words are not. From
# there most of its choices follow: a code in which every word is used, a sampler that does not
# insist on likely words.
#
# Sorted by how often they occur, the tokens of pictures and those of text look like this here:

# %%
text = pytext("train")[:letters]
pieces = BPETokenizer.train(text, vocab)
words = pieces.encode(text)[: judged * side * side].view(1, -1)
even = torch.randint(vocab, words.shape, generator=torch.Generator().manual_seed(0))
laws = {**units, "text (BPE)": words, "evenly drawn": even}
ranked = {
    name: statistics.unigram(codes.cpu(), vocab).sort(descending=True).values
    for name, codes in laws.items()
    if name != "binary, likeliest"
}
show.curves(
    {name: (range(1, int((p > 0).sum()) + 1), p[p > 0].tolist()) for name, p in ranked.items()},
    x="rank of the token",
    y="share of all tokens",
    log="xy",
    caption="A curve that ends early has words that never occur. Even use is a flat line.",
)

# %% [markdown]
# The other choices are switches on one model. Two of them can be drawn: the **order** in which the
# grid is walked, and how a **code is cut** into sub-codes that are predicted side by side.

# %%
show.order(
    plans.scan(side, side, "diagonal"),
    side,
    side,
    caption="One of the five orders that are tried: the anti-diagonals, forth and back.",
)

# %%
code = int(spellings[0][0, 0])
word = "".join(map(str, binary.to_bits(torch.tensor(code), bits).tolist()))
for m in design.parts:
    cut = [word[i : i + bits // m] for i in range(0, bits, bits // m)]
    print(
        f"{m} sub-code{'s' * (m > 1):<2}of {bits // m:>2} bits: {' '.join(cut):<{2 * bits}}"
        f"{m} table{'s' * (m > 1):<2}of {2 ** (bits // m):>4} rows"
    )

# %% [markdown]
# ## The maths
#
# **Tokens.** An encoder gives each of $L = h^2$ positions a vector $z \in \mathbb{R}^D$. A binary
# autoencoder (BAE) makes $D$ coin tosses of it,
#
# $$ p = \sigma(z), \qquad b_n \sim \mathrm{Bernoulli}(p_n), \qquad
#    \hat f = \sum_{n=1}^D b_n E_n , $$
#
# with a learned matrix $E \in \mathbb{R}^{D \times c}$, and the decoder sees $\hat f$. A toss has
# no gradient, so the chance lends its own: $b + p - \mathrm{sg}(p)$ has the value of $b$ and
# $\partial b / \partial p = 1$. There are $2^D$ codes, but no list of them, hence none that could
# die. The code's number is $\sum_n b_n 2^{D-n}$.
#
# **How even?** For a law $P$ over $v$ codes, $\mathrm{KL}(P \,\|\, \text{uniform}) = \log v -
# H(P)$. Estimated from few samples it is *always too high*: even codes that were drawn too rarely
# look uneven. So text and pictures are compared on equally many tokens, beside as many even draws
# (the zero line).
#
# **Plan and head.** Next-token prediction over the positions. Cut the $D$ bits into $m$ sub-codes
# $c_{l,1}, \dots, c_{l,m}$ of $d = D/m$ bits ("m-d" in the paper). The input of a position is $m$
# table look-ups side by side and one linear layer; the output is $m$ softmaxes on *one* state,
#
# $$ p(c_1, \dots, c_L \mid y) = \prod_{l=1}^L \prod_{j=1}^m p_j(c_{l,j} \mid c_{<l}, y), \qquad
#    \text{loss} = -\frac1L \sum_{l, j} \log p_j(c_{l,j} \mid c_{<l}, y) . $$
#
# Tables shrink from $2^D$ rows to $m\,2^{D/m}$. The price: given the state $h$, the sub-codes of
# one position are drawn independently. What that costs is known exactly. With the best heads of
# both kinds, the expected losses differ by
#
# $$ \sum_j H(c_j \mid h) - H(c \mid h) \;\ge\; 0 , $$
#
# with equality only if the sub-codes are independent given $h$ (exercise 36.2). Against it stands
# what a smaller table saves: each row is seen more often. The sum over $j$ is what can be compared
# between splits; the mean, which is trained on in the paper and differs by the factor $m$, cannot.
#
# **The masked rival.** The same blocks without the causal triangle. A share $\cos(\pi r / 2T)$ of
# the codes is hidden, $r$ uniform in $0 \dots T-1$, and the loss is that of the hidden ones. To
# sample, guess everything, keep the surest guesses, hide the rest again, and so on for $T$ rounds.
#
# **Sampling.** With logits $u$ without class and $c$ with it, step $t = 1 \dots L$ draws each
# sub-code on its own from
#
# $$ u + w_t\,(c - u), \qquad w_t = 1 + (w - 1)\,t / L , $$
#
# cut to the $k$ likeliest values. Little guidance at first, where the picture is still open, and
# all of it at the end.

# %% [markdown]
# ## The code
#
# The quantizer is the formula above; the index is the bits read as a number.

# %%
arlearn.source(binary.BinaryQuantizer.forward, docstring=False)

# %%
arlearn.source(SubCodeEmbedding.forward)

# %%
arlearn.source(Factored.loss)

# %% [markdown]
# The model itself is a language model and nothing else: at step 0 it is fed the class, later the
# code drawn before. The order of the positions is the plan's.

# %%
arlearn.source(elm.ELM.inputs)

# %%
arlearn.source(elm.Growing.strength)

# %% [markdown]
# The usual accident with such codes is a wrong bit order between encoder and sampler: training
# looks fine, samples look scrambled. And a cached sampler must see what training saw. Both can be
# checked exactly.

# %% tags=["nbval-check-output"]
every = torch.arange(vocab)
for m in design.parts:
    back = binary.join(binary.split(every, m, bits), bits)
    print(
        f"{m} x {bits // m} bits: cut and joined, every code is itself:", torch.equal(back, every)
    )
labels, known = test.labels[:6].to(device), units["binary, drawn"][:6]
with torch.no_grad():
    forced = language(known, labels)
    session = decode.Session(language, labels, 6, law=Law(), generator=None)
    looks = [session.look(session.inputs(known, s), s)[0] for s in range(side * side)]
    total = language.head.joint(forced).exp().sum(-1)
print(
    "cached sampling equals teacher forcing to 1e-4:",
    bool((torch.cat(looks, 1) - forced).abs().max() < 1e-4),
)
print("all codes of a position have probability 1 together:", bool((total - 1).abs().max() < 1e-4))

# %% [markdown]
# ## Train
#
# Every arm differs from `elm-2x…` in one choice. All see the same codes, drawn anew from the
# encoder's odds at every visit, so a picture is never spelled twice the same way. A minute on two
# cores is too little for good samples: the models measured below were trained once by `arlearn zoo
# train`, with the budgets printed here.

# %%
splits = {m: f"elm-small-{m}x{bits // m}" for m in design.parts}
kinds = ["bae", f"vq{bits}", f"vq{bits}-revived", f"elm-{design.two}x{half_bits}", "mlm"]
kinds += [*splits.values(), "mlm-small", *(f"elm-scan-{order}" for order in plans.SCANS)]
for kind in kinds:
    zoo.obtain(f"scenes{px}-{kind}")
    made = zoo.provenance(f"scenes{px}-{kind}").training
    seen = made["steps"] * sizes.budget.batch
    print(
        f"{kind:<24}{made['parameters']:>9,} parameters  {seen:>7,} pictures  "
        f"{made['seconds']:>6.0f} s on {made['device']}"
    )

# %% [markdown]
# What you can watch now is the beginning of two such runs, next-token prediction and its masked
# rival, from scratch.

# %%
start = elm_models.beginning(design, live_steps * sizes.budget.batch)
lines = {}
for name, fresh in (
    ("next token", elm_models.elm(start, width=design.small)),
    ("masked", elm_models.mlm(start, width=design.small)),
):
    history = elm_models.train(
        fresh.to(device), seed=0, design=start, steps=live_steps, name=name, keep=False
    )
    lines[name] = (range(live_steps), history.curve(10))
show.curves(
    lines,
    x="training step",
    y="loss (nats per predicted position)",
    caption="The first steps of training. The rival's positions are the hidden ones only.",
)

# %% [markdown]
# ## Sample
#
# Uncurated: one sample of every second class, the first that came, from next-token prediction and
# from its masked rival of the same size.

# %%
rival = model("mlm")
language_units, language_trace = decode.generate(language, twelve, generator=dice(1))
rival_units, rival_trace = rival.generate(twelve, noise=20.0, generator=dice(1))
show.compare(
    {
        f"next token, {language_trace.evaluations} passes": tokens.decode(language_units).cpu(),
        f"masked, {rival_trace.evaluations} passes": tokens.decode(rival_units).cpu(),
        "test set": torch.stack([test.images[test.labels == c][0] for c in twelve.tolist()]),
    },
    columns=12,
    caption="Three circles, squares, triangles and crosses in three colours each.",
)


# %%
plainest = int(statistics.unigram(units["binary, drawn"], vocab).argmax())


def half_drawn(codes, step):
    """A picture after some steps; what is not drawn yet is grey."""
    images = tokens.decode(codes.where(codes >= 0, plainest).to(device)).cpu()
    cell = px // side
    blank = (codes < 0).view(-1, 1, side, side).repeat_interleave(cell, 2)
    return torch.where(blank.repeat_interleave(cell, 3), 0.75, images)


show.play(
    language_trace,
    half_drawn,
    samples=4,
    at=[language_trace.n_steps * k // 6 for k in range(1, 7)],
    label="the language model drawing four scenes, token by token",
)

# %%
show.play(
    rival_trace,
    half_drawn,
    samples=4,
    at=[2, 4, 6, 8, 9, 10],
    label="the masked rival drawing four scenes, surest first",
)

# %% [markdown]
# ## Measure
#
# ### The tokens
#
# First the claim about collapse. The binary code and the lists of vectors have the same number of
# bits, the same convolutions and the same training. One list is plain, as in the paper's baseline;
# the other restarts words that nobody uses at vectors of the data, which is common practice today.

# %%
judge = zoo.obtain(f"scenes{px}-features").to(device)
real = pictures.in_parts(judge.features, test_images)


def distance(images):
    """Fréchet distance of some pictures to the test set."""
    return metrics.frechet(pictures.in_parts(judge.features, images.to(device)), real)


for name, codes in units.items():
    maker = lists.get(name, tokens)
    rebuilt = pictures.in_parts(maker.decode, codes)
    error = (rebuilt - test_images).square().mean()
    print(
        f"{name:<18}uses {used[name]:6.1%} of {vocab}   squared error {error:.5f}"
        f"   FD of its reconstructions {distance(rebuilt):6.2f}"
    )

# %% [markdown]
# Every code of the binary tokenizer *can* occur, and with its tosses nearly every one does. Note
# what the tosses have to do with it: taking each bit's likelier value instead, as the second line
# does, a good part of the codes is not used either. And a list whose dead words are revived is
# fully used, too, and loses less of the picture: collapse is a matter of how a list is trained, not
# of having a list.

# %% [markdown]
# ### How random are they?
#
# How far from even is the use of single tokens (unigrams) and of neighbours (bigrams), for pictures
# and for text, on equally many tokens each? The last row is the zero line.

# %%
random_units = {}
for name, codes in laws.items():
    codes = codes.cpu()
    single = statistics.divergence(codes, vocab)
    double = statistics.divergence(statistics.pairs(codes, vocab), vocab**2)
    random_units[name] = single
    print(f"{name:<18}{codes.numel():>9,} tokens   in nats: unigrams {single:5.2f}", end="   ")
    print(f"bigrams {double:5.2f}")

# %% [markdown]
# At a vocabulary this small the single tokens of text need not be further from even than those of
# pictures; its pairs are. A small BPE vocabulary consists of frequent pieces. Given more words,
# text moves away from even use quickly, and language models have tens of thousands of them.

# %%
growing = [vocab * k for k in (1, 2, 8)[:points]]
uneven = []
for size in growing:
    said = BPETokenizer.train(text, size).encode(text)[: words.numel()]
    line = torch.randint(size, said.shape, generator=torch.Generator().manual_seed(0))
    uneven.append(statistics.divergence(said, size) - statistics.divergence(line, size))
ours = random_units["binary, drawn"] - random_units["evenly drawn"]
show.curves(
    {"text (BPE)": (growing, uneven), "pictures (binary, drawn)": ([vocab], [ours])},
    x="size of the vocabulary",
    y="unigrams: divergence from even (nats)",
    log="x",
    caption="Less the zero line. Text grows more uneven with every doubling of its vocabulary.",
)

# %%
p = elm_models.chances(tokens, test_images).double()
tosses = -(torch.xlogy(p, p) + torch.xlogy(1 - p, 1 - p)).sum(-1).mean()
test_labels = test.labels.to(device)
held_out = units["binary, drawn"][:1000], test_labels[:1000]
cost = pictures.test_losses(language, *held_out).mean()
print(f"a position costs the language model {cost:.2f} nats on test pictures;")
print(f"{tosses:.2f} of them are the tosses, which nobody can predict, knowing the whole picture")

# %% [markdown]
# So that is where the high loss of image models comes from, at least here: most of it is the
# tokenizer's own noise. A loss that cannot fall below it says little about the samples.

# %% [markdown]
# ### Autoregression or masks?
#
# Both rivals at two sizes, sampled plainly, over several seeds. The masked one gets its usual ten
# rounds, and the noise that suits it best; what other rounds and noises do is shown below.


# %%
def once(of, law=None, seed=0, rounds=10, noise=20.0):
    """Fréchet distance and oracle accuracy of n samples of all classes in turn."""
    wanted = torch.arange(n, device=device) % len(classes)
    if isinstance(of, elm.MaskedELM):
        options = {"rounds": rounds, "noise": noise}
        found, _ = of.generate(wanted, law=law, generator=dice(seed), **options)
    else:
        found, _ = decode.generate(of, wanted, law=law, generator=dice(seed))
    images = pictures.in_parts(tokens.decode, found)
    return distance(images), oracle.scene_accuracy(images.cpu(), wanted.cpu())


def scores(of, law=None):
    """The same over all seeds, with the spread."""
    distances, right = zip(*(once(of, law, seed) for seed in seeds), strict=True)
    return metrics.mean_spread(distances), metrics.mean_spread(right)


def told(name, found):
    """One line about Fréchet distance and accuracy."""
    fd, right = found
    print(
        f"{name:<28}FD {fd.mean:7.2f} ± {fd.deviation:5.2f}   "
        f"accuracy {right.mean:.3f} ± {right.deviation:.3f}"
    )


small = model(splits[design.two])
small_rival = model("mlm-small")
arms = {
    f"next token, width {design.width}": scores(language),
    f"masked, width {design.width}": scores(rival),
    f"next token, width {design.small}": scores(small),
    f"masked, width {design.small}": scores(small_rival),
}
plain, masked, small_plain, _ = arms.values()
for name, found in arms.items():
    told(name, found)

# %%
tried = {1.0: [2, 5, 10][:points], 20.0: [2, 5, 10][:points]}
show.curves(
    {
        f"noise {g:g}": (some, [once(small_rival, rounds=r, noise=g)[0] for r in some])
        for g, some in tried.items()
    },
    x="rounds of the masked rival",
    y="Fréchet distance (lower is better)",
    caption="The small rival's rounds, with two amounts of noise in what it calls sure. One seed.",
)

# %% [markdown]
# ### How to cut the code
#
# The same codes, the same transformer (the small one), cut differently. The loss is the sum over
# sub-codes, so that it can be compared, and the price of drawing them independently is part of it.

# %%
cuts = {m: model(kind) for m, kind in splits.items()}
nats, cut_scores = {}, {}
for m, arm in cuts.items():
    nats[m] = float(pictures.test_losses(arm, *held_out).mean())
    cut_scores[m] = small_plain if m == design.two else scores(arm)
    size = zoo.provenance(f"scenes{px}-{splits[m]}").training["parameters"]
    print(
        f"{m} x {bits // m:>2} bits   {size:>9,} parameters   {nats[m]:.3f} nats a position",
        end="   ",
    )
    told("", cut_scores[m])
print(f"price of two sub-codes against one code: {nats[design.two] - nats[1]:+.3f} nats a position")

# %%
show.bars(
    [f"{m} x {bits // m}" for m in cuts],
    [found[0].mean for found in cut_scores.values()],
    spread=[found[0].deviation for found in cut_scores.values()],
    x="sub-codes x bits of each",
    y="Fréchet distance (lower is better)",
    caption="One joint code, two sub-codes, and many.",
)

# %% [markdown]
# The loss knows the price of cutting; the samples need not agree with it. One way to see why: a
# joint head that is not sure spreads its doubt over codes that have nothing in common, while heads
# that doubt one sub-code still agree on the others. In the paper two are best and more are worse;
# with larger sub-codes and longer training the price weighs more.

# %% [markdown]
# ### The order of the tokens
#
# Five small models that differ in their scan alone, trained shortly and compared by loss.

# %%
walked = {}
for order in plans.SCANS:
    arm = model(f"elm-scan-{order}")
    walked[order] = float(pictures.test_losses(arm, *held_out).mean())
show.bars(
    list(walked),
    [value - tosses.item() for value in walked.values()],
    x="order of the positions",
    y="test loss above the tosses (nats a position)",
    caption="The paper finds little difference, and rows best.",
)

# %% [markdown]
# ### How to sample
#
# One trained model, three knobs. First the number of values each sub-code may take.

# %%
swept = choices if points > 1 else [few, choices[-2], choices[-1]]
show.curves(
    {"top-k": (swept, [once(language, Law(top_k=k))[0] for k in swept])},
    x="values a sub-code may take (top-k)",
    y="Fréchet distance (lower is better)",
    log="xy",
    caption="Half of the values is as good as all; a small k, as for text, is worse. One seed.",
)

# %%
many = choices[-2]
kept = {k: scores(language, Law(top_k=k)) for k in (few, many)}
for k, found in kept.items():
    told(f"top-k {k} of {choices[-1]}", found)
told("all of them", plain)

# %%
for heat in [0.7, 0.85, 1.0, 1.15][:points]:
    fd, right = once(language, Law(temperature=heat))
    print(f"temperature {heat:<5}FD {fd:6.2f}   accuracy {right:.3f}   (one seed)")

# %% [markdown]
# Then guidance, growing linearly or constant, up to the same end $w$. Half of the linear one's
# advantage may be bought by being weaker on the average, so the curves are to be read across, too:
# a line that ends at $w$ has the mean strength of a constant $(w + 1) / 2$.

# %%
ends, end = [1.5, 2.0, 2.5][: points - 1], 4.0
guided, swayed = {}, {}
for shape in ("linear", "constant"):
    guided[shape] = scores(language, elm.Growing(guidance=end - 1, shape=shape))
    swayed[shape] = [once(language, elm.Growing(guidance=w - 1, shape=shape)) for w in ends]
    told(f"{shape} guidance up to {end:g}", guided[shape])
fd, right = once(rival, elm.Growing(guidance=end - 1))
print(f"the masked rival, guided linearly: FD {fd:.2f}, accuracy {right:.3f}, one seed")
if ends:
    fair = swayed["constant"][-1][0]
    print(f"as strong on the average: constant guidance of {ends[-1]:g}, FD {fair:.2f}, one seed")


show.curves(
    {
        shape: ([1.0, *ends, end], [plain[0].mean, *(fd for fd, _ in row), guided[shape][0].mean])
        for shape, row in swayed.items()
    },
    x="guidance at the last step (w; 1 is none)",
    y="Fréchet distance (lower is better)",
    caption="Guidance that grows, and guidance that is there from the start.",
)

# %% [markdown]
# ### The verdict
#
# The parts were named in the catalog before anything was measured.


# %%
def against(method, baseline, reason="", note=""):
    """Two Fréchet distances with their spreads over the seeds."""
    return arlearn.Measured(
        method[0].mean,
        baseline[0].mean,
        spread=(method[0].deviation, baseline[0].deviation),
        reason=reason,
        note=note or f"{n} samples, {len(seeds)} seeds",
    )


arlearn.claim(
    "elm",
    {
        "code-use": arlearn.Measured(
            used["binary, drawn"],
            used["list of vectors"],
            note=f"bits drawn; likelier bits {used['binary, likeliest']:.1%}, revived list "
            f"{used['list, revived']:.1%}",
        ),
        "randomness": arlearn.Measured(
            random_units["binary, drawn"],
            random_units["text (BPE)"],
            reason="with so few words BPE keeps frequent pieces only; with more, text moves away "
            "from even, and among pairs it is the less even one already, see above",
            note=f"equal vocabularies and as many tokens; text with {growing[-1]:,} words "
            f"{uneven[-1]:.2f}, revived list {random_units['list, revived']:.2f}",
        ),
        "autoregression": against(
            plain,
            masked,
            reason="the masked rival needs fewer passes and draws as well",
        ),
        "split": against(
            cut_scores[design.two],
            cut_scores[1],
            reason="with so few codes the joint head sees each often enough, and knows how the "
            "sub-codes hang together",
            note=f"{n} samples, {len(seeds)} seeds; {design.parts[-1]} sub-codes reach "
            f"{cut_scores[design.parts[-1]][0].mean:.1f}",
        ),
        "hot-sampling": against(
            kept[many], kept[few], note=f"top-k {many} against {few} of {choices[-1]}"
        ),
        "guidance-ramp": against(
            guided["linear"],
            guided["constant"],
            reason="no better beyond the spread over the seeds",
            note=f"w = {end:g} at the last step, as in the authors' script",
        ),
    },
    equal="codes, transformer, optimiser, pictures and steps; one choice differs at a time",
    seeds=seeds,
)

# %% [markdown]
# ## Play
#
# How many values may a sub-code take? Move the slider from the single likeliest one to all of them.
# Each class is drawn twice, always with the same random numbers: see the twins part. The frames
# were drawn before, so the slider works without a kernel too.

# %%
pairs = twelve[::4].repeat_interleave(2)
stops = sorted({1, few, choices[-2] // 2, choices[-1]})
frames = [rearrange(drawn(Law(top_k=k), pairs), "n c h w -> c h (n w)") for k in stops]
show.scrub(
    frames,
    [f"the likeliest {k} of {choices[-1]}" for k in stops],
    label="two samples each of three classes under a growing top-k",
)

# %% [markdown]
# ## Where it breaks
#
# **Everything the tosses do.** The even histograms, the high loss and the use of nearly all codes
# are to a good part the work of the encoder's own random bits: take each bit's likelier value, and
# they shrink, as the tables above show. In training the tosses also show every picture in many
# spellings, which is an augmentation no list of vectors gets.
#
# **Collapse has another cure.** Reviving dead words fills the list as well, more evenly than the
# bits do, and in these short trainings its pictures are the better ones. What the binary code
# really spares is the list itself: $2^{20}$ codes need twenty vectors.
#
# **The split is judged by one short training each.** The joint head has the lower loss and the
# worse samples, and more than two cuts are better than two, which is not what the paper finds. The
# vocabulary is small, too: the paper's question is what to do with $2^{16}$ codes and more, where
# many rows of a joint table are rarely seen.
#
# **Masks get few rounds and few lessons.** Next-token prediction pays one cached pass a token; the
# rival reads the whole picture anew in each round, but has few of them: more arithmetic and less
# waiting. In training it learns from the hidden codes alone, so that equal steps are fewer lessons.
#
# **What this miniature leaves out.** The tokenizer has neither an adversary nor a perceptual loss,
# and a squared error where the paper has an absolute one. Dropout of 0.1 is an option of the models
# that such short runs, which do not overfit, leave at 0; the learning rate falls along a cosine
# where the paper's is constant. Rotary positions are those of the place that is predicted, not of
# the code that is fed, so that one line serves all scans. Larger canvases, which the authors draw
# by carrying the last tokens over as a prefix, are not shown; nor is how far larger models look.
#
# Read on: [VTBench](https://arxiv.org/abs/2505.13439) (chapter 8) judges tokenizers by what they
# lose, [GigaTok](https://arxiv.org/abs/2504.08736) (chapter 11) by how well their codes are
# learned; [Token-Shuffle](https://arxiv.org/abs/2504.17789) (chapter 1) and
# [xAR](https://arxiv.org/abs/2502.20388) (chapter 2) meet the independence inside a step again,
# [SAR](https://arxiv.org/abs/2512.06421) (chapter 13) trains over orders, and chapter 34 gives the
# masked rival its due.

# %% [markdown]
# ## Exercises
#
# **36.1** (five minutes) Cut bits into sub-codes: a tensor of 0 and 1 whose last axis has $D$ bits
# becomes one with $m$ numbers, the first bit of each run most significant.


# %% tags=["exercise"]
def subcodes(bits, m):
    """Bits `b t D` to sub-codes `b t m`."""
    raise NotImplementedError("unflatten the last axis into m runs, weigh their bits, add up.")


arlearn.check("36.1", subcodes)


# %% tags=["solution", "hide-input"]
def subcodes(bits, m):
    """Each run of D/m bits as a number."""
    runs = bits.unflatten(-1, (m, -1))
    return (runs * 2 ** torch.arange(runs.shape[-1] - 1, -1, -1)).sum(-1)


arlearn.check("36.1", subcodes)

# %% [markdown]
# **36.2** (ten minutes) What do two independent heads pay, in nats, where a joint head would pay
# nothing? The table `joint[i, j]` is the probability of sub-codes $i$ and $j$ at some position,
# given everything before it.


# %% tags=["exercise"]
def price(joint):
    """H(rows) + H(columns) - H(joint), in nats."""
    raise NotImplementedError("Mind cells of probability 0: torch.xlogy(p, p) is 0 there.")


arlearn.check("36.2", price)


# %% tags=["solution", "hide-input"]
def price(joint):
    """The mutual information of the two sub-codes."""
    rows, columns, whole = (-torch.xlogy(p, p).sum() for p in (joint.sum(1), joint.sum(0), joint))
    return float(rows + columns - whole)


arlearn.check("36.2", price)
joint_head = cuts[1]
with torch.no_grad():
    states = joint_head(units["binary, drawn"][:50], test_labels[:50])
    tables = joint_head.head.joint(states).exp().unflatten(-1, (2**half_bits, -1)).cpu()
paid = [price(table) for table in tables.flatten(0, 1)[::20]]
print(f"by the joint head's own tables: {sum(paid) / len(paid):.3f} nats a position;")
print(f"measured above, by training both: {nats[2] - nats[1]:.3f} (and neither is at its best)")

# %% [markdown]
# **36.3** (a small project) Take the bias out of the divergence: how far are some units from even,
# beyond what as many even draws would show? Then ask it about the first hundred test pictures, and
# about all of them. Which answer moves, the raw one or yours?


# %% tags=["exercise"]
def excess(units, vocab):
    """KL(units || even) less that of equally many even draws, in nats."""
    raise NotImplementedError("statistics.divergence, once for the units, once for torch.randint.")


arlearn.check("36.3", excess)


# %% tags=["solution", "hide-input"]
def excess(units, vocab):
    """The divergence above the zero line of the same size."""
    even = torch.randint(vocab, units.shape, generator=torch.Generator().manual_seed(1))
    return statistics.divergence(units, vocab) - statistics.divergence(even, vocab)


arlearn.check("36.3", excess)
for some in (4, 100, judged):
    part = units["binary, drawn"][:some].cpu()
    raw = statistics.divergence(part, vocab)
    print(f"{some:>5} pictures: raw {raw:.2f} nats, less the bias {excess(part, vocab):.2f}")
