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
# # From the chain rule to a transformer

# %%
import math

import torch

import arlearn
from arlearn import data, decode, metrics, plans, show, zoo
from arlearn.nets.attention import Attention
from arlearn.nets.language import LanguageModel
from arlearn.nets.maps import attention_maps
from arlearn.nets.ngram import Counts, Ngram
from arlearn.zoo import texts

arlearn.card("transformer")

# %% tags=["parameters"]
tier = arlearn.tier()

# %%
counted, judged, (width, depth, window, batch, stage), targets, n, written = {
    "smoke": (30_000, 2**12, (16, 1, 64, 4, 1), 64, 20, 2),
    "cpu": (None, 2**15, (64, 3, 256, 16, 80), 512, 180, 32),
    "gpu": (None, 2**16, (256, 6, 256, 128, 400), 4096, 180, 96),
}[tier]
device = arlearn.device()
ORDER, BEGIN, STAGES = 8, 256, 5  # longest counted context; where judging begins; looks on the way


def dice(seed):
    """A fresh source of randomness, so that every cell can be run again alone."""
    return torch.Generator(device).manual_seed(seed)


# %% [markdown]
# ## The question
#
# What comes next? Here is some text that no model of this chapter has learned from, cut off in the
# middle of a line. You have a good idea how it goes on, and you would not say that all
# characters are equally likely. How would a machine come to know that?

# %%
characters = texts.characters()
train = characters.encode(data.pytext("train")[:counted])
test = characters.encode(data.pytext("test")[: judged + BEGIN])
vocab = characters.vocab
print(characters.decode(test[9_000:9_300] if tier != "smoke" else test[:300]))
print(f"\n{len(train):,} characters to learn from, an alphabet of {vocab}")

# %% [markdown]
# The obvious way: look up how the last few characters went on every time they stood in the text
# before. It works as long as they *did* stand there. So count, for contexts of growing length, how
# many of those in the new text were ever seen in the old one.

# %%
counts = Ngram(train, vocab, ORDER)
lengths = range(ORDER + 1)
show.curves(
    {"contexts of the new text": (lengths, [counts.share_seen(test, m) for m in lengths])},
    x="length of the context (characters)",
    y="share that was seen before",
    caption="A context that was never seen has no counts. Longer ones run out of text.",
)

# %%
possible, there = vocab ** (ORDER + 1), len(counts.often[ORDER].grams)
print(f"of the {possible:.0e} runs of {ORDER + 1} characters, {there:,} stand in the text:")
print(f"one in {possible / there:.0e}; no text is long enough for the others")

# %% [markdown]
# So there are two things to learn in this chapter: what to say about a context that was never
# seen, and how to use a context that is longer than anything one could count.

# %% [markdown]
# ## The idea
#
# Any text is one choice after the other, each made in sight of all before it. That is no
# assumption, it is the *chain rule*; as a plan it is the raster. All models of this chapter share
# it and differ in how far they look back: counting is cut off after a few characters, a
# transformer sees everything that fits into its context.

# %%
places = torch.arange(16)
back = places[:, None] - places[None, :]
show.explore_masks(
    {"a transformer": plans.raster(16), "counting, order 3": (back >= 0) & (back < 3)},
    notes={
        "a transformer": "The mask of the raster plan: every prediction sees all of the past.",
        "counting, order 3": "A prediction is made from the character there and two before it.",
    },
    label="who sees whom in a transformer, and in counting",
    caption="Each row is a prediction. Point at a cell to read who sees whom.",
)

# %% [markdown]
# Counting keeps a table with a row for every context. A transformer keeps no contexts: it turns
# each character into a vector, lets each place fetch from all places before it what it finds
# useful, and predicts from what it gathered. Contexts that resemble each other then give
# predictions that resemble each other, seen before or not.

# %% [markdown]
# ## The maths
#
# **Chain rule.** A text $x = (x_1, \dots, x_T)$ over an alphabet of $v$ characters has
#
# $$ p(x) = \prod_{t=1}^{T} p(x_t \mid x_{<t}), \qquad x_{<t} = (x_1, \dots, x_{t-1}) . $$
#
# **Loss.** A model $q$ is good if it finds unseen text likely. Its loss is the mean of
# $-\ln q(x_t \mid x_{<t})$ over the characters of such a text, in *nats*; divided by $\ln 2$ it is
# in *bits per character*, the length of the shortest code that the model allows. In expectation
#
# $$ \mathbb{E}\left[-\log q(x_t \mid x_{<t})\right]
#    = \underbrace{H(x_t \mid x_{<t})}_{\text{the text's own}}
#    + \underbrace{\mathbb{E}\left[\mathrm{KL}\big(p(\cdot \mid x_{<t}) \,\|\,
#      q(\cdot \mid x_{<t})\big)\right]}_{\text{the model's}} , $$
#
# so no model goes below the entropy of the text, and context can only help: $H(x_t \mid x_{<t})
# \le H(x_t \mid x_{t-1}) \le H(x_t) \le \log v$. *Perplexity* is the same number once more,
# $\exp(\text{nats})$: as unsure as a choice among that many equally likely characters.

# %%
print(f"nothing known: {math.log2(vocab):.2f} bits, perplexity {vocab}")
order_0 = metrics.bits(-counts.log_prob(test, 0).mean())
print(f"frequencies of single characters: {order_0:.2f} bits, perplexity {2**order_0:.1f}")

# %% [markdown]
# **Counting.** Let $n(c, x)$ be how often the character $x$ followed the context $c$ of $m$
# characters. The likelihood $\prod q(x \mid c)^{n(c, x)}$ under $\sum_x q(x \mid c) = 1$ is
# largest where $q(x \mid c) = n(c, x) / n(c)$, with $n(c) = \sum_x n(c, x)$ (a Lagrange multiplier
# for the sum gives it in one line). On new text that is fatal: one $n(c, x) = 0$, and the loss is
# infinite. So take a little, $D$, from every count and give what was taken to the context
# $c'$ that is one character shorter:
#
# $$ q_m(x \mid c) = \frac{\max(n(c, x) - D, 0)}{n(c)}
#    + \frac{D\, k(c)}{n(c)}\; q_{m-1}(x \mid c') , $$
#
# where $k(c)$ is the number of different characters that followed $c$. The $D\,k(c)$ that were
# taken are handed out again, so it adds up to 1. The count itself says what $D$ should be: $n_1 /
# (n_1 + 2 n_2)$ with $n_1$ ($n_2$) the number of runs seen once (twice).
#
# One more thing decides how good this is, as *Train* will show. The shorter law is only asked when
# the longer context has little to say. So it should not count how *often* $x$ followed $c'$, but
# behind how many *different* contexts it did (Kneser & Ney 1995).
#
# **Attention.** A transformer turns place $i$ into a query $q_i$, a key $k_i$ and a value $v_i$,
# all in $\mathbb{R}^d$, and gives place $i$ the mean of the values, weighted by how well its query
# fits their keys; $j$ runs over the places that the mask allows:
#
# $$ \mathrm{out}_i = \sum_{j \le i} a_{ij} v_j, \qquad
#    a_{ij} = \frac{e^{q_i \cdot k_j / \sqrt d}}{\sum_{l \le i} e^{q_i \cdot k_l / \sqrt d}} . $$
#
# Several such heads stand side by side, a small network follows on every place, both are added to
# what was there, and that block is repeated. Since no place sees a later one, one pass over a text
# gives the predictions at *all* of its places. Training uses that: each place is fed the true
# text, however unlikely the model finds it. That is *teacher forcing*.

# %% [markdown]
# ## The code
#
# Counting, one order on top of the next shorter one. This is the formula above, for many contexts
# at once.

# %%
arlearn.source(Counts.refine)

# %% [markdown]
# The transformer is fed the text moved one place to the right, so that place $t$ holds character
# $t - 1$ and predicts character $t$.

# %%
arlearn.source(LanguageModel.sequence)

# %%
arlearn.source(Attention.forward)

# %% [markdown]
# Both kinds of model write with the same loop, one character a pass.

# %%
arlearn.source(decode.write, docstring=False)

# %% [markdown]
# Three things must be exact before any number below means anything. The counted laws add up to
# one. No prediction moves when the text *behind* it is changed: were the mask wrong by one place,
# training would look wonderful. And reading a text in pieces with a cache gives the predictions of
# reading it at once.

# %% tags=["nbval-check-output"]
shipped = zoo.obtain("pytext-ar").to(device)
with torch.no_grad():
    text = test[:128].expand(2, -1).clone().to(device)
    text[1, 64:] = (text[1, 64:] + 1) % vocab
    logits = shipped.logits(text)
    leak = float((logits[0, :65] - logits[1, :65]).abs().max())
    moved = float((logits[0, 65:] - logits[1, 65:]).abs().max())
    fed = torch.cat([torch.full((2, 1), shipped.start, device=device), text[:, :-1]], 1)
    cache = shipped.new_cache(2, 128)
    pieces = torch.cat([shipped.read(part, cache) for part in fed.split([1, 30, 97], 1)], 1)
    gap = float((pieces - logits).abs().max())
off = float((counts.law(test[: 64 * ORDER].view(64, ORDER)).sum(-1) - 1).abs().max())
print("counted laws add up to one:", off < 1e-6)
print("earlier predictions stay when the text behind them changes:", leak < 1e-4 < moved)
print("in pieces as at once:", gap < 1e-3)

# %% [markdown]
# ## Train
#
# **Counting** takes one pass. Here is every order from 0 to the longest, on the text that was
# counted and on the new one, and with both ways of counting for the shorter contexts.


# %%
def counted_bits(model, text, order):
    """Bits of every character from BEGIN on, each from `order` characters before it."""
    return metrics.bits(-model.log_prob(text[BEGIN - order :], order))


plain = Ngram(train, vocab, ORDER, novel=False)
known = train[: judged + BEGIN]
ways = {"how often": plain, "behind how many": counts}
new = {name: [counted_bits(m, test, o).mean().item() for o in lengths] for name, m in ways.items()}
old = {name: [counted_bits(m, known, o).mean().item() for o in lengths] for name, m in ways.items()}
show.curves(
    {
        "new text, shorter contexts: how often": (lengths, new["how often"]),
        "new text, shorter contexts: behind how many": (lengths, new["behind how many"]),
        "the counted text itself": (lengths, old["behind how many"]),
    },
    x="order (characters of context)",
    y="bits per character",
    caption="On its own text counting looks better with every order. On new text it need not.",
)

# %%
best_plain = min(lengths, key=lambda order: new["how often"][order])
best = min(lengths, key=lambda order: new["behind how many"][order])
print(f"how often:        best at order {best_plain} with {new['how often'][best_plain]:.3f} bits, "
      f"at order {ORDER} {new['how often'][ORDER]:.3f}")  # fmt: skip
print(f"behind how many:  best at order {best} with {new['behind how many'][best]:.3f} bits")
print(f"on the counted text itself order {ORDER} has {old['behind how many'][ORDER]:.3f}")
print(f"its table holds {counts.entries(ORDER):,} counts for {len(train):,} characters")

# %% [markdown]
# Two lessons stand in that figure. A model that fits its own text is worth nothing by that: the
# gap between the lowest curve and the others is *overfitting*. And what a model says about things
# it has never seen decides how good it is: the same counts, with another rule for the shorter
# contexts, go on improving where the plain ones get worse.
#
# **A transformer** learns by gradient descent on random windows of the same text. The run below
# starts from nothing and stops five times on its way to read the new text.

# %%
windows = texts.Windows(train, window, size=batch, seed=0)
torch.manual_seed(0)
live = LanguageModel(vocab, window, width=width, depth=depth).to(device)


@torch.no_grad()
def bits_of(model, text, length):
    """Bits of every character from BEGIN on, with at least half of `length` as context."""
    half, inside = length // 2, text[BEGIN - length // 2 :]
    parts = inside[: len(inside) // half * half].unfold(0, length, half).to(device)
    nats = [model.unit_loss(part)[:, half:] for part in parts.split(64)]
    return metrics.bits(torch.cat(nats).flatten().double().cpu())


def written_by(model, opening, seed=0):
    """A text of n characters that a model writes behind an opening."""
    known = characters.encode(opening)[None]
    if isinstance(model, LanguageModel):
        start = torch.full((1, 1), model.start)
        room = model.context - known.shape[1]
        known = torch.cat([start, known], 1).to(device)
        source = dice(seed)
    else:
        room, source = n, torch.Generator().manual_seed(seed)
    drawn, _ = decode.write(model, known, min(n, room), generator=source)
    return opening + characters.decode(drawn[0].cpu())


part = test[: BEGIN + judged // 2]
read, bits_on_the_way, first_words = [0], [float(bits_of(live, part, window).mean())], []
for step in range(STAGES):
    last = step == STAGES - 1
    arlearn.fit(
        live,
        lambda k, step=step: windows(step * stage + k),
        stage,
        recipe=arlearn.Recipe(
            lr=4e-3,
            warmup=0.02 if step else 0.2,
            final=0.05 if last else 1.0,
            ema=0.98 if last else None,
        ),
        label=f"stretch {step + 1} of {STAGES}",
    )
    read.append((step + 1) * stage * batch * window)
    bits_on_the_way.append(float(bits_of(live, part, window).mean()))
    first_words.append(written_by(live, "def ")[:60].replace("\n", "↵"))
for seen, value, words in zip(read[1:], bits_on_the_way[1:], first_words, strict=True):
    print(f"{seen:>10,} characters read, {value:.2f} bits   {words}")

# %%
levels = {
    f"counting, order {order}": (
        [read[1] / 2, read[-1]],
        [counted_bits(counts, part, order).mean().item()] * 2,
    )
    for order in (2, 3, ORDER)
}
show.curves(
    {"transformer": (read[1:], bits_on_the_way[1:]), **levels},
    x="characters the transformer has read",
    y="bits per character of new text",
    log="x",
    caption="One order of counting after the other is passed; a short run does not reach the best.",
)

# %% [markdown]
# A short run does not beat careful counting, and that is worth knowing: with little time, count.
# But the one curve still falls, and the other is at its end. The course ships a transformer of the
# same kind that has read the text a few times over; it is the one that is measured below.

# %%
made = zoo.provenance("pytext-ar").training
print(
    f"live     {sum(x.numel() for x in live.parameters()):>9,} parameters, {read[-1]:,} characters"
)
print(f"shipped  {made['parameters']:>9,} parameters, "
      f"{made['steps'] * texts.LARGE.batch * texts.CONTEXT:,} characters")  # fmt: skip

# %% [markdown]
# ## Sample
#
# The same beginning, continued by counting of growing order, by the short run and by the shipped
# model. Nothing is picked.

# %%
opening = "class Reader:\n    def __init__(self, path):\n        "
show.passages(
    {
        **{
            f"counting, order {order}": written_by(Ngram(train, vocab, order), opening)
            for order in (1, 2, 4, ORDER)
        },
        "transformer, short run": written_by(live, opening),
        "transformer, shipped": written_by(shipped, opening),
    },
    caption="Order 8 writes well because it copies; watch where its sentences change their mind.",
)

# %% [markdown]
# In training every prediction is made behind *true* text. When the model writes, it reads its own.
# Does that matter? Let a judge that took no part in the writing, the counting model, read what
# was written: bits per character, along the text.

# %%
starts = torch.linspace(0, len(test) - BEGIN - 1, written).long()[:, None] + torch.arange(33)
opened = test[starts[:, :32]].to(device)
behind = torch.cat([torch.full((written, 1), shipped.start, device=device), opened], 1)
long = min(192, shipped.context - 32)
own, _ = decode.write(shipped, behind, long, generator=dice(1))
true = torch.stack([test[first + 32 : first + 32 + long] for first in starts[:, 0].tolist()])


def judged_along(continuations):
    """The judge's bits of each character of some continuations."""
    whole = torch.cat([opened.cpu(), continuations.cpu()], 1)
    return torch.stack([metrics.bits(-counts.log_prob(line[32 - ORDER :])) for line in whole])


judged_own, judged_true = judged_along(own), judged_along(true)
stretches = [32 * (k + 0.5) for k in range(math.ceil(long / 32))]
show.curves(
    {
        name: (stretches, [float(chunk.mean()) for chunk in bits.split(32, 1)])
        for name, bits in (
            ("written by the transformer", judged_own),
            ("the text as it really went on", judged_true),
        )
    },
    x="characters behind the true beginning",
    y="bits per character, as counting judges",
    caption="What the transformer writes, read by a model that did not write it.",
)

# %%
apart = judged_own - judged_true
near, late = apart[:, : long // 2].mean(1), apart[:, long // 2 :].mean(1)
for name, part_of in (("first", near), ("second", late)):
    print(f"{name} half: {part_of.mean():+.2f} ± {part_of.std() / written**0.5:.2f} bits "
          "against the real text")  # fmt: skip

# %% [markdown]
# If errors piled up, the second number would be far above the first. Over so few characters they
# hardly do. Where a model does drift on its own output, in long videos or in speech, its chapter
# shows it and what helps.

# %% [markdown]
# ## Measure
#
# ### What context buys
#
# The same characters of the new text, predicted from ever longer pieces of what stands before
# them. For counting, that is the order; the transformer is simply given the last so many
# characters and nothing else.

# %%
asked = torch.linspace(BEGIN, len(test) - 1, targets).long()


@torch.no_grad()
def bits_from(model, context):
    """Bits of the characters asked for, each from the last `context` characters alone."""
    pieces = test[asked[:, None] + torch.arange(-context, 1)].to(device)
    nats = [model.unit_loss(piece)[:, -1] for piece in pieces.split(256)]
    return metrics.bits(torch.cat(nats).double().cpu())


reach = {"short run": live, "shipped": shipped}
contexts = {
    name: [k for k in (1, 2, 3, 4, 6, 8, 16, 32, 64, 255) if k < model.context]
    for name, model in reach.items()
}
from_context = {
    name: {k: bits_from(model, k) for k in contexts[name]} for name, model in reach.items()
}
counted_from = {
    order: metrics.bits(-counts.log_prob(test, order))[asked - order] for order in lengths[1:]
}
show.curves(
    {
        "counting": (list(counted_from), [float(b.mean()) for b in counted_from.values()]),
        **{
            f"transformer, {name}": (contexts[name], [float(b.mean()) for b in found.values()])
            for name, found in from_context.items()
        },
    },
    x="context (characters)",
    y="bits per character of new text",
    log="x",
    caption="Counting makes more of a short context; the transformer goes on where it ends.",
)

# %%
short, far = 8 if tier != "smoke" else 4, contexts["shipped"][-1]
saved = from_context["shipped"][short] - from_context["shipped"][far]
print(f"what stands further back than {short} characters saves the shipped model "
      f"{saved.mean():.3f} ± {saved.std() / targets**0.5:.3f} bits a character;")  # fmt: skip
print("counting of any order cannot see it")

# %% [markdown]
# ### What the heads look at
#
# The weights $a_{ij}$ of the shipped model while it reads a piece of the new text: one picture a
# head, layers from top to bottom; bright where place *i* (row) takes much from place *j* (column).

# %%
look = 40
piece = test[BEGIN : BEGIN + look][None].to(device)
maps = attention_maps(shipped, piece)[:, 0].cpu()
layers, heads = maps.shape[:2]
show.grid(
    maps.flatten(0, 1)[:, None].sqrt(),
    columns=heads,
    captions=[f"{layer + 1}.{head + 1}" for layer in range(layers) for head in range(heads)],
    scale=3,
    caption="Diagonals look a fixed number of characters back, columns at certain characters.",
)

# %%
distance = torch.arange(look)[:, None] - torch.arange(look)[None, :]
reaches = (maps * distance.clamp(min=0))[:, :, look // 2 :].sum(-1).mean(-1)
for layer in range(layers):
    told = ", ".join(f"{value:.0f}" for value in reaches[layer])
    print(f"layer {layer + 1}: its heads look {told} characters back on average")

# %% [markdown]
# ### The verdict


# %%
def error_of(bits):
    """Standard error of mean bits, over stretches of 256 characters."""
    means = bits[: len(bits) // 256 * 256].view(-1, 256).mean(1)
    return float(means.std() / len(means) ** 0.5)


shipped_bits = bits_of(shipped, test, shipped.context)
count_bits = counted_bits(counts, test, best)[: len(shipped_bits)]
gaps = {
    "transformer": float(shipped_bits.mean() - bits_of(shipped, known, shipped.context).mean()),
    "counting": new["behind how many"][best] - old["behind how many"][best],
}
arlearn.claim(
    "transformer",
    {
        "bits": arlearn.Measured(
            float(shipped_bits.mean()),
            float(count_bits.mean()),
            spread=error_of(shipped_bits - count_bits),
            reason="counting with a good rule for the unseen is hard to beat by a network that "
            "has read little; the gap narrows with every character read, see above",
            note=f"shipped model against counting of order {best}, {len(shipped_bits):,} "
            "characters; standard error over stretches of the text",
        ),
        "context": arlearn.Measured(
            float(from_context["shipped"][far].mean()),
            float(from_context["shipped"][short].mean()),
            spread=float(saved.std() / targets**0.5),
            reason="too few places asked for",
            note=f"the same {targets} places; standard error of the difference",
        ),
        "overfitting": arlearn.Measured(
            gaps["transformer"],
            gaps["counting"],
            reason="the shipped model has read the text often enough to know it by heart",
            note=f"bits on new text minus bits on {judged:,} characters that were learned from",
        ),
        "leak": arlearn.Measured(leak, note="largest change of 65 predictions, shipped model"),
        "cached": arlearn.Measured(gap, note="read in pieces of 1, 30 and 97 characters"),
        "laws": arlearn.Measured(off, note=f"64 contexts of {ORDER} characters"),
    },
    equal="the training text",
    seeds=[0],
)

# %% [markdown]
# ## Play
#
# One place in a text, and ever more of what stands before it. Move the slider: the left bars are
# counting (which uses at most its longest order), the right ones the shipped transformer. The
# name that is being written has stood two lines above. Which of them notices, and when?

# %%
story = """\
        if self.buffer is None:
            return None
        return self.bu"""
frames, captions = [], []
for context in (0, 1, 2, 4, 8, 16, 32, len(story)):
    known = characters.encode(story)[None, len(story) - context :]
    counted_law = counts.law(known)[0]
    with torch.no_grad():
        start = torch.full((1, 1), shipped.start)
        reading = shipped.new_cache(1, context + 2)
        law = shipped.read(torch.cat([start, known], 1).to(device), reading)[0, -1]
        law = law.float().softmax(-1).double().cpu()
    top = (law + counted_law).topk(6).indices
    frames.append(
        show.bars(
            [repr(characters.decode(unit[None]))[1:-1].replace(" ", "␣") for unit in top],
            {
                "counting": (100 * counted_law[top]).round().tolist(),
                "transformer": (100 * law[top]).round().tolist(),
            },
            x="next character",
            y="probability (%)",
        )
    )
    captions.append(f"context {context}: …{story[len(story) - context :]!r}")
show.scrub(frames, captions, label="the law of the next character under growing context")

# %% [markdown]
# ## Where it breaks
#
# **Counting is a strong opponent.** With a good rule for contexts it has never seen it beats the
# short run by far, for a few seconds of work. What it cannot do is grow: its table grows with the
# text, and what stands further back than its order is lost to it. The two do not even know the
# same things: the last exercise mixes them.
#
# **It also copies.** New files of the same library share whole lines with the old ones, and
# counting of a high order finds them again. On text of another kind its lead is smaller; try it
# with `data.tiny_shakespeare`.
#
# **Bits are not quality.** A model can gain bits on blanks and line ends, which are most of this
# text, and write no better for it. And bits are measured behind true text; what the model does
# behind its own the judged curve above tells only in part.
#
# **What this miniature leaves out.** Tokens here are characters. Larger models read pieces of
# words, which shortens texts and moves part of the work into the tokenizer; then bits are counted
# per character still, or two models cannot be compared. The text belongs to the Python version
# that runs, so compare numbers only within one.
#
# Read on: the chapter on [decoding](05_decoding.ipynb) asks what to do with such a model once it
# is trained. What one-layer attention learns *exactly* is the subject of
# [Mesa](https://arxiv.org/abs/2405.16845) (chapter 58).

# %% [markdown]
# ## Exercises
#
# **transformer.1** (five minutes) From the probabilities that a model gave the characters of a
# text: its bits per character and its perplexity.


# %% tags=["exercise"]
def bits_and_perplexity(probabilities):
    """Two numbers, from one probability for each character of the text."""
    raise NotImplementedError("Take the mean of the logarithms first, then change the unit.")


arlearn.check("transformer.1", bits_and_perplexity)


# %% tags=["solution", "hide-input"]
def bits_and_perplexity(probabilities):
    """-mean log2 p, and two to the power of that."""
    bits = float(-probabilities.log2().mean())
    return bits, 2**bits


arlearn.check("transformer.1", bits_and_perplexity)

# %% [markdown]
# **transformer.2** (ten minutes) Write the rule of *The maths* for one context: from the counts
# of the characters behind it and the law of the shorter context. What does it say about a context
# that was never seen?


# %% tags=["exercise"]
def refined(counts, shorter, discount):
    """The law behind a context: counts and shorter have one number for each character."""
    raise NotImplementedError("Take `discount` from each count above 0, and hand all of it on.")


arlearn.check("transformer.2", refined)


# %% tags=["solution", "hide-input"]
def refined(counts, shorter, discount):
    """(max(n - D, 0) + D k shorter) / n, and `shorter` itself where nothing was counted."""
    if counts.sum() == 0:
        return shorter
    kinds = (counts > 0).sum()
    return ((counts - discount).clamp(min=0) + discount * kinds * shorter) / counts.sum()


arlearn.check("transformer.2", refined)

# %% [markdown]
# **transformer.3** (a small project) Counting knows the short context, the transformer the long
# one. Mix their laws, a share $w$ of the one and $1 - w$ of the other, and find the $w$ that costs
# fewest bits. Mix the *laws*, of which you are given logarithms.


# %% tags=["exercise"]
def mixed(log_p, log_q, share):
    """log(share * p + (1 - share) * q), from the logarithms of p and q."""
    raise NotImplementedError("torch.logaddexp adds what two logarithms stand for.")


arlearn.check("transformer.3", mixed)


# %% tags=["solution", "hide-input"]
def mixed(log_p, log_q, share):
    """The logarithm of the mixture, without leaving the logarithms."""
    return torch.logaddexp(log_p + math.log(share), log_q + math.log(1 - share))


arlearn.check("transformer.3", mixed)
for share in (0.1, 0.3, 0.5, 0.7, 0.9):
    both = -mixed(-shipped_bits * math.log(2), -count_bits * math.log(2), share)
    print(f"{share:.0%} transformer: {metrics.bits(both).mean():.3f} bits")
print(f"alone: transformer {shipped_bits.mean():.3f}, counting {count_bits.mean():.3f}")
