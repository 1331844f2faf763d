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
# # Decoding

# %%
import time
from functools import lru_cache
from itertools import pairwise
from statistics import median

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import arlearn
from arlearn import decode, metrics, show, zoo
from arlearn.data import pytext
from arlearn.heads.law import Law, draw
from arlearn.nets.language import LanguageModel
from arlearn.nets.markov import Markov
from arlearn.zoo import texts

arlearn.card("decoding")

# %% tags=["parameters"]
tier = arlearn.tier()

# %%
n, batch, rounds, live_steps, repeats, draws, lengths = {
    "smoke": (24, 4, 1, [2], 1, 40, [16, 64]),
    "cpu": (160, 16, 3, [20, 80, 320], 4, 1500, [16, 32, 64, 128, 256, 512, 1024]),
    "gpu": (160, 64, 12, [80, 320, 1280], 9, 2000, [16, 32, 64, 128, 256, 512, 1024]),
}[tier]
learned = 50_000 if tier == "smoke" else None
wider = [(64, 2)] if tier == "smoke" else [(128, 4), (256, 6), (512, 8)]
seeds = [0, 1] if tier == "smoke" else [0, 1, 2]
device = arlearn.device()


def dice(seed):
    """A fresh source of randomness, so that every cell can be run again alone."""
    return torch.Generator(device).manual_seed(seed)


# %% [markdown]
# ## The question
#
# A trained language model is a law: show it a text, and it gives every character a probability of
# coming next. It does not write. Between the law and a text stands somebody who draws, and who
# waits: one pass through the network for every character, each needing the one before.
#
# Here is a model of Python's own library, written by always taking the most likely character, and
# beside it the same model with characters drawn from its law. Same weights, same beginning.

# %%
characters = texts.characters()
target = zoo.load("pytext-ar").to(device)
draft = zoo.load("pytext-ar-small").to(device)


def prompt_of(text, rows=1):
    """A text behind the start token, as the models read it."""
    start = torch.tensor([target.start])
    return torch.cat([start, characters.encode(text)]).expand(rows, -1).to(device)


GREEDY = Law(temperature=0.0)
opening = 'def read_lines(path):\n    """Return'
greedy, plain_trace = decode.write(target, prompt_of(opening), n, law=GREEDY)
drawn, _ = decode.write(target, prompt_of(opening), n, generator=dice(4))
show.passages(
    {
        "most likely character": opening + characters.decode(greedy[0]),
        "drawn from the law": opening + characters.decode(drawn[0]),
    },
    caption="One model, one beginning, two ways of writing on.",
)

# %%
print(f"{n} characters took {plain_trace.evaluations} passes, one after the other")

# %% [markdown]
# Three questions, and none of them is about training. *What does one more character cost?* *From
# which law should it be drawn?* *Must the passes come one after the other?* Every chapter of this
# course answers them in its own way; this one has the answers for next-token prediction, which the
# others are measured against.

# %% [markdown]
# ## The idea
#
# **Do not read twice.** To predict character $t$ the network must look at all $t - 1$ before it.
# But what it computes at those places does not change when a text grows to the right: attention is
# causal. Keep their keys and values, and a new character costs one position instead of $t$.
#
# **Cut the tail.** Nearly all characters are nearly impossible at any moment, and together they are
# not. A sampler that draws thousands of times will draw one of them, and the model then goes on
# from a text it has never seen the like of. Temperature and truncation make that rarer.
#
# **Guess ahead, and check.** Reading is parallel, only writing is not. So let a small model guess
# the next few characters one by one, let the large one read them all in *one* pass, and keep
# those it agrees with. Below is such a text as it was written. The catch is to keep the large
# model's law exactly, and the next section shows how.

# %%
guessed, trace = decode.speculative(
    target, draft, prompt_of(opening), n, length=4, generator=dice(0)
)
show.text(
    trace,
    characters.decode,
    prompt=opening,
    caption="Underlined: guessed by the small model and kept. Struck out: guessed and refused. "
    "Boxed: what the large model adds in each of its passes.",
)

# %%
told = decode.tally(trace)
print(f"{told.tokens} characters in {told.target_evaluations} passes of the large model;")
print(f"the small one guessed {told.drafted} times, and {told.accepted} guesses stand")

# %% [markdown]
# ## The maths
#
# **Cost.** Let $N$ be the weights of the matrices a position goes through, $L$ the layers and $d$
# their width. One position costs $2N$ operations for its products and $4 L d t$ for looking at $t$
# places. A text of $t$ places read anew costs
#
# $$ F(t) = 2 N t + 4 L d\, t^2 \quad\text{(all pairs)}, \qquad\text{with a cache}\quad
#    f(t) = 2 N + 4 L d\, t . $$
#
# **The laws.** Let $\ell \in \mathbb{R}^v$ be the logits. Temperature $\tau$ draws from
# $p_\tau(x) \propto e^{\ell_x / \tau} \propto p(x)^{1/\tau}$: its entropy grows with $\tau$, from
# the most likely character alone ($\tau = 0$) over the model's own law ($\tau = 1$) to the uniform
# one. Three ways to cut the tail, all followed by a renormalisation:
#
# - *top-k* keeps the $k$ most likely characters, however likely they are;
# - *top-p* keeps the smallest set that holds probability $p$, small where the model is sure;
# - *min-p* keeps what is at least $m$ times as likely as the best, a bound on the logits:
#   $\ell_x \ge \max_y \ell_y + \ln m$.
#
# **Speculation.** Let $p$ be the large model's law at some place and $q$ the small one's, both
# after temperature and truncation. Draw $x \sim q$. Let it stand with probability
# $\min(1, p(x) / q(x))$; if it falls, draw from $r \propto \max(p - q, 0)$ instead. What stands
# there in the end is
#
# $$ q(x) \min\Big(1, \frac{p(x)}{q(x)}\Big) + (1 - \alpha)\, r(x)
#    = \min(p(x), q(x)) + \max(p(x) - q(x), 0) = p(x), $$
#
# since $1 - \alpha$, the chance to fall, is just what $\max(p - q, 0)$ adds up to, with
#
# $$ \alpha = \sum_x \min(p(x), q(x)) = 1 - \mathrm{TV}(p, q) . $$
#
# A guess behind one that fell is thrown away: it was made for another text. So at every place the
# law is the large model's, given the text before it, and by the chain rule the whole text's is too.
#
# **Gain.** If every guess stood with the same probability $\alpha$, independently, a pass that
# checks $k$ guesses would give $j$ of them and one more character, in the mean
#
# $$ E(\alpha, k) = \sum_{j=0}^{k} \alpha^j = \frac{1 - \alpha^{k+1}}{1 - \alpha}, \qquad
#    \text{speed-up} = \frac{E(\alpha, k)}{k c + 1}, $$
#
# where $c$ is the cost of a pass of the small model, in passes of the large one, and a pass that
# checks $k + 1$ characters is taken to cost what a pass over one does. For $k = 1$ that is
# $(1 + \alpha) / (1 + c)$: speculation pays if and only if $\alpha > c$ (Leviathan et al. 2023,
# [2211.17192](https://arxiv.org/abs/2211.17192); Chen et al. 2023,
# [2302.01318](https://arxiv.org/abs/2302.01318)). Where checking is dearer, $v$ passes instead of
# one, the denominator is $k c + v$.
#
# What $\alpha$ looks like at one place of the text above:


# %%
def visible(character):
    """A character as a label."""
    return {" ": "␣", "\n": "↵", "$": r"\$"}.get(character, character)


with torch.no_grad():
    units = torch.cat([prompt_of(opening)[:, 1:], guessed], 1)
    large, small = (model.logits(units)[0].softmax(-1).cpu() for model in (target, draft))
overlap = torch.minimum(large, small).sum(-1)
place = len(opening) + int((overlap[len(opening) :] - 0.6).abs().argmin())
large, small = large[place], small[place]
top = torch.maximum(large, small).topk(6).indices
show.bars(
    [visible(characters.alphabet[i]) for i in top],
    {
        "large, p": large[top].round(decimals=2).tolist(),
        "small, q": small[top].round(decimals=2).tolist(),
        "stands, min(p, q)": torch.minimum(large, small)[top].round(decimals=2).tolist(),
    },
    x="next character",
    y="probability",
    caption="One place of the text. What q covers of p stands; the rest of p is drawn anew.",
)

# %%
before = characters.decode(units[0, place - 24 : place].cpu())
print(f"after {before!r} guesses stand with probability {overlap[place]:.2f};")
print(f"in the mean over this text with {overlap[len(opening) :].mean():.2f}")

# %% [markdown]
# ## The code
#
# A model that can be decoded has two verbs: `new_cache`, and `read`, which takes new tokens behind
# those in the cache and gives the logits after each. The plain sampler is a loop over them.

# %%
arlearn.source(decode.write, docstring=False)

# %% [markdown]
# What may be done to the law stands in one place, and a sampler that speculates must put *both*
# models through it: the test compares the laws that were drawn from, not those the networks gave.

# %%
arlearn.source(Law.filter, docstring=False)

# %%
arlearn.source(decode.accept, docstring=False)

# %%
arlearn.source(decode.speculative, docstring=False)

# %% [markdown]
# Before anything is measured, two checks that no sample is needed for. The logits read piece by
# piece are those of the whole text; and the law of what stands, put together as in the proof, is
# $p$ for laws of any kind, truncated ones too.

# %% tags=["nbval-check-output"]
with torch.no_grad():
    whole = target.logits(units)
    cache = target.new_cache(1, units.shape[1])
    read = torch.cat([prompt_of("")[:, :1], units[:, :-1]], 1)
    pieces = torch.cat([target.read(part, cache) for part in read.split(7, 1)], 1)
logit_gap = float((whole - pieces).abs().max())
print("with a cache the logits are the same to 1e-3:", logit_gap < 1e-3)

some_p, some_q = torch.randn(2, 1000, 6, generator=torch.Generator().manual_seed(0)).double()
some_p, some_q = Law(top_p=0.9).filter(some_p).softmax(-1), some_q.softmax(-1)
stands = some_q * (some_p / some_q).clamp(max=1)
more = (some_p - some_q).clamp(min=0)
falls = 1 - stands.sum(-1, keepdim=True)
law_gap = (stands + falls * more / more.sum(-1, keepdim=True) - some_p).abs().max()
print("what stands has the law p to 1e-12:", bool(law_gap < 1e-12))

# %% [markdown]
# ## Train
#
# The two models above come with the course; `arlearn zoo train` makes them again. Both have read
# random windows of the same text, by next-character prediction. What was spent on each:

# %%
for name in ("pytext-ar", "pytext-ar-small"):
    made, size = zoo.provenance(name), texts.LARGE if name == "pytext-ar" else texts.SMALL
    seen = made.training["steps"] * size.batch * texts.CONTEXT
    print(
        f"{name:<16}{made.training['parameters']:>8,} parameters, {seen / 1e6:.1f}M characters "
        f"read, {made.metric['value']:.2f} bits per character of the test split"
    )

# %% [markdown]
# What can be trained now, in seconds, is another draft: one layer, and less wide still. A draft
# need not write well. It need only agree, so what counts is $\alpha$: the overlap of its law with
# the large model's, on text that the large model writes. That can be computed without a single
# guess, from both models' probabilities along a text.

# %%
test = characters.encode(pytext("test"))
gaps = torch.arange(batch) * (len(test) // batch - 1)
prompts = test[gaps[:, None] + torch.arange(48)].to(device)
begun = torch.cat([prompts.new_full((batch, 1), target.start), prompts], 1)
written, _ = decode.write(target, begun, n, generator=dice(1))
own = torch.cat([prompts, written], 1)


@torch.no_grad()
def probabilities(model, text, law=None):
    """The law of every character behind the prompts, under any of our models."""
    read = torch.cat([text.new_full((len(text), 1), target.start), text[:, :-1]], 1)
    logits = model.read(read, model.new_cache(len(text), read.shape[1]))[:, prompts.shape[1] :]
    return (law or Law()).filter(logits.float()).softmax(-1)


def acceptance(model, text, law=None):
    """alpha, mean over the characters of a text: the sum over x of min(p(x), q(x))."""
    p, q = probabilities(target, text, law), probabilities(model, text, law)
    return float(torch.minimum(p, q).sum(-1).mean())


train_units = characters.encode(pytext("train")[:learned])
windows = texts.Windows(train_units, length=128, size=16, seed=0)


def one_layer(steps):
    """A draft of one layer after so many steps, from the same untrained weights each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LanguageModel(target.vocab, texts.CONTEXT, width=48, depth=1).to(device)
    if steps:
        recipe = arlearn.Recipe(lr=4e-3, precision="fp32")
        arlearn.fit(model, windows, steps, recipe=recipe, label=f"{steps} steps")
    return model.eval()


agreement = {}
for steps in (0, *live_steps):
    live = one_layer(steps)
    agreement[steps] = acceptance(live, own)

# %%
table = Markov(Markov.count(train_units, target.vocab, 2).table.to(device))
drafts = {"zoo draft": draft, "one layer, live": live, "trigram table": table}
for name, model in drafts.items():
    size = sum(p.numel() for p in model.parameters()) if model is not table else table.table.numel()
    print(f"{name:<16} alpha {acceptance(model, own):.3f}, {size:,} numbers")
show.curves(
    {
        "one layer, trained here": (list(agreement), list(agreement.values())),
        "zoo draft": ([0, max(agreement)], [acceptance(draft, own)] * 2),
        "trigram table": ([0, max(agreement)], [acceptance(table, own)] * 2),
    },
    x="training steps of the draft",
    y="acceptance rate α",
    caption="How soon a draft agrees. The table knows only how often three characters follow.",
)

# %% [markdown]
# ## Sample
#
# The same beginning under eight laws, and under the same random numbers. Not chosen: the first that
# came.

# %%
CHOICES = {
    "greedy": GREEDY,
    "temperature 0.5": Law(temperature=0.5),
    "temperature 1": Law(),
    "temperature 1.5": Law(temperature=1.5),
    "top-k 5": Law(top_k=5),
    "top-p 0.9": Law(top_p=0.9),
    "min-p 0.1": Law(min_p=0.1),
    "temperature 1.5, min-p 0.1": Law(temperature=1.5, min_p=0.1),
}
first = {
    name: decode.write(target, prompt_of(opening), n, law=law, generator=dice(2))[0][0]
    for name, law in CHOICES.items()
}
show.passages(
    {name: opening + characters.decode(units) for name, units in first.items()},
    caption="The same model and beginning under eight laws.",
)

# %% [markdown]
# And three drafts speculating for the same large model, four guesses to a pass. The text differs,
# since the random numbers meet other questions; its law does not.

# %%
for name, model in drafts.items():
    _, shown = decode.speculative(
        target, model, prompt_of(opening), min(n, 48), length=4, generator=dice(3)
    )
    told = decode.tally(shown)
    per_pass = f"{told.tokens_per_pass:.2f} characters a pass"
    print(f"{name}: {per_pass}, {told.accepted} of {told.drafted} guesses stand")
show.play(shown, decode=characters.decode, prompt=opening, label=f"speculation with the {name}")

# %% [markdown]
# ## Measure
#
# ### What one more character costs
#
# Counted, not timed: the operations of one more character of a text of $t$, by torch's own counter,
# for an untrained model of the large one's size that could read longer texts.

# %%
long = LanguageModel(target.vocab, max(lengths), width=texts.LARGE.width, depth=texts.LARGE.depth)
long = long.to(device).eval()
some = torch.randint(target.vocab, (1, max(lengths)), generator=torch.Generator().manual_seed(0))
some = some.to(device)


def anew(t):
    """Read a text of t characters from its beginning."""
    return long.logits(some[:, :t])


def cached(t):
    """Read the last of t characters behind a cache of the others."""
    held.crop(t - 1)
    return long.read(some[:, t - 1 : t], held)


def operations_of(function, t):
    """Operations of a call, counted by torch."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as count:
        function(t)
    return count.get_total_flops()


def milliseconds_of(function, t):
    """The shortest time a call takes, which other programs disturb least."""
    times = []
    for _ in range(2 * repeats):
        started = time.perf_counter()
        function(t).sum().item()
        times.append(1000 * (time.perf_counter() - started))
    return min(times)


fed, operations, waits, places = {}, {}, {}, []
ways = {"read anew": anew, "with a cache": cached}
with torch.no_grad():
    listening = long.backbone.register_forward_pre_hook(lambda _, x: places.append(x[0].shape[1]))
    for name, function in ways.items():
        held = long.new_cache(1, max(lengths))
        long.read(some, held)
        fed[name], operations[name] = [], []
        for t in reversed(lengths):  # the cache is cropped shorter and shorter
            places.clear()
            operations[name].insert(0, operations_of(function, t))
            fed[name].insert(0, sum(places))
    listening.remove()
    for name, function in ways.items():
        held = long.new_cache(1, max(lengths))
        long.read(some, held)
        waits[name] = [milliseconds_of(function, t) for t in reversed(lengths)][::-1]
N = sum(w.numel() for name, w in long.named_parameters() if w.ndim == 2 and "embed" not in name)
width, depth = texts.LARGE.width, texts.LARGE.depth
by_formula = [2 * N + 4 * depth * width * t for t in lengths]
assert fed["with a cache"] == [1] * len(lengths) and fed["read anew"] == lengths
assert operations["with a cache"] == by_formula, "the cost is not 2N + 4Ldt"
assert operations["read anew"] == [f * t for f, t in zip(by_formula, lengths, strict=True)]
show.curves(
    {name: (lengths, [f / 1e6 for f in flops]) for name, flops in operations.items()},
    x="length of the text (characters)",
    y="operations for one more (millions)",
    log="xy",
    caption="Counted: with a cache a character costs 2N + 4Ldt operations, as the formula says.",
)

# %%
show.curves(
    {name: (lengths, wait) for name, wait in waits.items()},
    x="length of the text (characters)",
    y="time for one more (ms)",
    log="xy",
    caption="Timed on this machine. Below some length a pass costs its fixed price, whatever it "
    "reads.",
)

# %%
for what, of in (("the operations", operations), ("the time", waits)):
    ratio = of["read anew"][-1] / of["with a cache"][-1]
    print(f"without a cache, one character at {lengths[-1]} takes {ratio:.0f} times {what}")
grown = operations["with a cache"][-1] / operations["with a cache"][0]
print(f"with one, from {lengths[0]} to {lengths[-1]} characters operations grow {grown:.2f} times")

# %% [markdown]
# ### What the law decides
#
# Two numbers tell how a text was drawn. *Surprise*: how many bits a character costs the model that
# wrote it, under its law as it is. *Repetition*: the share of its runs of 16 characters that stood
# in it before. Both have a right value, that of real text, here what really follows the same
# beginnings.

# %%
SPAN = 16
many = torch.arange(4 * batch) * (len(test) // batch // 4 - 1)
real = test[many[:, None] + torch.arange(48 + n)].to(device)


@torch.no_grad()
def judged(text):
    """Surprise in bits per character, and repetition, of what follows the prompts."""
    nats = target.unit_loss(text)[:, prompts.shape[1] :].mean()
    new = text[:, prompts.shape[1] :].cpu()
    return float(metrics.bits_per_unit(nats)), metrics.repetition(new, SPAN)


@lru_cache
def under(law):
    """The same of the prompts continued under a law."""
    new, _ = decode.write(target, begun, n, law=law, generator=dice(1))
    return judged(torch.cat([prompts, new], 1))


temperatures = [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5]
heat = {t: under(Law(temperature=t)) for t in temperatures}
real_bits, real_repeats = judged(real)
show.curves(
    {
        "written": (temperatures, [heat[t][0] for t in temperatures]),
        "real text": (temperatures, [real_bits] * len(temperatures)),
    },
    x="temperature",
    y="surprise (bits per character)",
    caption="Cold text surprises the model less than real text does, hot text more.",
)

# %%
show.curves(
    {
        "written": (temperatures, [heat[t][1] for t in temperatures]),
        "real text": (temperatures, [real_repeats] * len(temperatures)),
    },
    x="temperature",
    y=f"repetition (share of runs of {SPAN})",
    caption="The colder, the more a text repeats itself.",
)

# %%
all_of_it = probabilities(target, own)
print(f"{'law':<28}{'surprise':>10}{'repetition':>12}{'entropy':>10}{'kept of the law':>17}")
for name, law in CHOICES.items():
    bits, again = under(law)
    drawn_from = probabilities(target, own, law)
    entropy = metrics.bits(float(torch.special.entr(drawn_from).sum(-1).mean()))
    kept = float((all_of_it * (drawn_from > 0)).sum(-1).mean())
    print(f"{name:<28}{bits:>10.2f}{again:>12.3f}{entropy:>10.2f}{kept:>17.3f}")
print(f"{'real text':<28}{real_bits:>10.2f}{real_repeats:>12.3f}")

# %% [markdown]
# ### Is it really lossless?
#
# The proof is about numbers without rounding and code without mistakes. So: two models over three
# characters whose law is a table, and all texts of four characters enumerated. Do texts written by
# speculation come as often as the target's table says? The law is tempered and truncated, to have
# that tested too. For comparison, the same test on texts of the draft.

# %%
tables = 0.8 * torch.randn(2, 3, 3, 3, generator=torch.Generator().manual_seed(3))
cold = Law(temperature=0.8, min_p=0.1)
toy, toy_draft = Markov(tables[0].softmax(-1)), Markov(tables.sum(0).softmax(-1))
tempered = Markov(cold.filter(toy.table.log()).softmax(-1))
two, four = torch.tensor([[0, 1]]), 4
exact = tempered.joint(two[0], four).double()
exact /= exact.sum()


def counts(samples):
    """How often each of the 81 texts came."""
    place = (samples * 3 ** torch.arange(four - 1, -1, -1)).sum(-1)
    return torch.bincount(place, minlength=3**four).double()


def p_value(found):
    """The chance that the exact law gives counts at least as far from it; 0 for the impossible."""
    if (found[exact == 0] > 0).any():
        return 0.0
    came, expected = found[exact > 0], found.sum() * exact[exact > 0]
    distance = ((came - expected) ** 2 / expected).sum()
    freedom = torch.tensor(len(came) - 1.0, dtype=torch.double)
    return float(torch.special.gammaincc(freedom / 2, distance / 2))


found, passes = torch.zeros(81).double(), 0
for seed in seeds:
    generator, came = torch.Generator().manual_seed(seed), []
    for _ in range(draws):
        text, toy_trace = decode.speculative(
            toy, toy_draft, two, four, length=2, law=cold, generator=generator
        )
        came.append(text)
        passes += toy_trace.evaluations
    found += counts(torch.cat(came))
    print(f"p-value {p_value(counts(torch.cat(came))):.3f} with seed {seed}")
generator = torch.Generator().manual_seed(0)
many = two.expand(draws * len(seeds), -1)
of_draft = counts(decode.write(toy_draft, many, four, law=cold, generator=generator)[0])
of_target = counts(decode.write(toy, many, four, law=cold, generator=generator)[0])
speculated, ancestral, drafted = map(p_value, (found, of_target, of_draft))
distance = {
    name: float((x / x.sum() - exact).abs().sum() / 2)
    for name, x in (("speculation", found), ("the target", of_target), ("the draft", of_draft))
}
print(f"{int(found.sum())} texts, {4 * found.sum() / passes:.2f} characters a pass")
for name, value in zip(distance, (speculated, ancestral, drafted), strict=True):
    print(f"texts of {name:<12} p-value {value:<9.3g} distance from the law {distance[name]:.4f}")

# %% [markdown]
# With the real pair the law cannot be enumerated, but at temperature 0 there is only one right
# text. Is it the same, character by character, for every length of the drafts?

# %%
differ, compared = 0, 0
plain = decode.write(target, begun[:rounds], n, law=GREEDY)[0]
for length in (1, 3, 5):
    for row in range(rounds):
        text, _ = decode.speculative(
            target, draft, begun[row : row + 1], n, length=length, law=GREEDY
        )
        differ += int((text[0] != plain[row]).sum())
        compared += n
print(f"{differ} of {compared} characters of greedy text differ")

# %% [markdown]
# ### How many characters a pass buys
#
# The formula supposes that all guesses stand with one probability. They do not: some places of a
# text are certain, others open, and they come in runs. How far off is it?

# %%
ks, alone = [1, 2, 4, 8], []


def between_passes(traces):
    """Median seconds from one pass of the target to the next; few are disturbed by other work."""
    seconds = [[0.0, *(s.seconds for s in one.steps if s.evaluations)] for one in traces]
    return median(later - sooner for one in seconds for sooner, later in pairwise(one))


def speculate(model, length, law=None):
    """Tokens per pass of the target over `rounds` prompts, and seconds a token."""
    generator, done = dice(10 + length), []
    alone.append(decode.write(target, begun[:1], n, generator=generator)[1])
    for row in range(rounds):
        _, one = decode.speculative(
            target, model, begun[row : row + 1], n, length=length, law=law or Law(),
            generator=generator,
        )  # fmt: skip
        done.append(one)
    tallies = [decode.tally(one) for one in done]
    per_pass = sum(t.tokens for t in tallies) / sum(t.target_evaluations for t in tallies)
    return per_pass, between_passes(done) / per_pass


alpha = {name: acceptance(model, own) for name, model in drafts.items()}
bought = {name: [speculate(model, k) for k in ks] for name, model in drafts.items()}
lines = {}
for name in ("zoo draft", "trigram table"):
    lines[name] = (ks, [per_pass for per_pass, _ in bought[name]])
    lines[f"{name}, formula"] = (ks, [decode.expected_tokens(alpha[name], k) for k in ks])
show.curves(
    lines,
    x="draft length k (characters)",
    y="characters per pass of the large model",
    caption="Counted, against the formula with alpha from the overlap of the laws.",
)

# %%
off = {}
for name in drafts:
    wrong = [
        abs(per_pass / decode.expected_tokens(alpha[name], k) - 1)
        for k, (per_pass, _) in zip(ks, bought[name], strict=True)
    ]
    off[name] = sum(wrong) / len(wrong)
    print(f"{name:<16} alpha {alpha[name]:.3f}   formula off by {off[name]:.1%} in the mean")

# %% [markdown]
# ### When it pays
#
# Passes are not time. The small model's passes are made one after the other too, and on a machine
# where a pass costs a fixed price whatever it computes, they are not much cheaper than the large
# one's. Below, $c$ is measured: seconds of one pass of each draft over seconds of one pass of the
# large model; and so is $v$, what the large model takes for $k + 1$ characters at once instead of
# one.


# %%
@torch.no_grad()
def pass_seconds(model, m=1):
    """Shortest time to read m characters behind some text and to draw the next."""
    held, times = model.new_cache(1, own.shape[1] + m), []
    model.read(own[:1], held)
    for _ in range(8 * repeats):
        started = time.perf_counter()
        draw(Law().filter(model.read(own[:1, -m:], held)[:, -1].float()))[0].item()
        times.append(time.perf_counter() - started)
        held.crop(own.shape[1])
    return min(times)


large_pass = pass_seconds(target)
checking = [pass_seconds(target, k + 1) / large_pass for k in ks]
cost = {name: pass_seconds(model) / large_pass for name, model in drafts.items()}
print("v: " + ", ".join(f"{v:.2f} (k = {k})" for k, v in zip(ks, checking, strict=True)))
plain_seconds = between_passes(alone)  # timed in turn with the others
faster, lines = {}, {}
for name, per_k in bought.items():
    faster[name] = [plain_seconds / seconds for _, seconds in per_k]
    predicted = [
        decode.expected_tokens(alpha[name], k) / (k * cost[name] + v)
        for k, v in zip(ks, checking, strict=True)
    ]
    if name in ("zoo draft", "trigram table"):
        lines |= {name: (ks, faster[name]), f"{name}, formula": (ks, predicted)}
    best = ks[faster[name].index(max(faster[name]))]
    print(
        f"{name:<16} alpha {alpha[name]:.2f}, cost {cost[name]:.2f}: at best "
        f"{max(faster[name]):.2f} times as fast (k = {best}); predicted {max(predicted):.2f}"
    )
show.curves(
    lines,
    x="draft length k (characters)",
    y="speed-up over plain decoding",
    caption="Timed on this machine, against the formula with the measured α, c and v.",
)

# %% [markdown]
# A pass of this large model is small for any machine, so most of it is the price of asking at all,
# which a draft pays as well. How does $c$ go on, once passes have work to do? For that no trained
# model is needed, only its size: below, targets that know nothing, timed as they read one
# character and five, beside the zoo's draft, and the formula with the acceptance above.

# %%
grown = {}
for width, depth in wider:
    model = LanguageModel(target.vocab, texts.CONTEXT, width=width, depth=depth).to(device).eval()
    count = sum(p.numel() for p in model.parameters())
    one = pass_seconds(model)
    c, v = pass_seconds(draft) / one, pass_seconds(model, 5) / one
    grown[count / 1e6] = decode.expected_tokens(alpha["zoo draft"], 4) / (4 * c + v)
    print(
        f"{count / 1e6:5.1f}M parameters: c = {c:.3f}, v = {v:.2f}, "
        f"{grown[count / 1e6]:.2f} times as fast with four guesses"
    )
show.curves(
    {
        "predicted": (list(grown), list(grown.values())),
        "no gain": (list(grown), [1.0] * len(grown)),
    },
    x="parameters of the target (millions)",
    y="speed-up over plain decoding",
    log="x",
    caption="A prediction from timed passes, for a draft that agreed as well with each.",
)

# %% [markdown]
# ### The verdict

# %%
name = "zoo draft"
longest = lengths.index(max(lengths))
arlearn.claim(
    "decoding",
    {
        "cache": arlearn.Measured(
            fed["with a cache"][longest],
            fed["read anew"][longest],
            note=f"one more character of a text of {lengths[longest]}",
        ),
        "cost": arlearn.Measured(
            operations["with a cache"][longest] / operations["with a cache"][0],
            note=f"text of {lengths[longest]} against text of {lengths[0]}, counted by torch",
        ),
        "same-logits": arlearn.Measured(logit_gap, note=f"{units.shape[1]} characters, in sevens"),
        "repetition": arlearn.Measured(
            heat[0.0][1],
            heat[1.0][1],
            note=f"{batch} texts of {n} characters; real text {real_repeats:.3f}",
            reason="too short a text to fall into a loop",
        ),
        "greedy": arlearn.Measured(differ, note=f"{compared} characters, three draft lengths"),
        "lossless": arlearn.Measured(
            speculated,
            note=f"{int(found.sum())} texts of 81 kinds; texts of the draft get {drafted:.1g}",
            reason="one test in a thousand says so of the exact law too; look at other seeds",
        ),
        "passes": arlearn.Measured(
            max(per_pass for per_pass, _ in bought[name]), 1.0, note=f"{name}, best of k = {ks}"
        ),
        "formula": arlearn.Measured(
            off[name],
            note=f"{name}, mean over k; " + ", ".join(f"{d} {off[d]:.1%}" for d in drafts),
            reason="the acceptance rate is not the same at every place, and places come in runs",
        ),
        "speed": arlearn.Measured(
            plain_seconds / max(faster[name]) * 1000,
            plain_seconds * 1000,
            note=f"{name}; " + ", ".join(f"{d} {max(faster[d]):.2f}x" for d in drafts),
            reason=f"reading five places costs {checking[ks.index(4)]:.1f} passes over one here, "
            f"and a pass of the draft {cost[name]:.2f}; both fall as the target grows, see above",
        ),
        "draft": arlearn.Measured(
            agreement[max(agreement)],
            agreement[0],
            note=f"{max(agreement)} steps on {windows.size} x {windows.length} characters",
        ),
    },
    equal="weights, prompts and law; only the way of drawing differs",
    seeds=seeds,
)

# %% [markdown]
# ## Play
#
# The law at the place of the text shown above, and the dials that change it. Which of them leaves
# the fewest characters at a place where the model is sure, and which where it is not? And what does
# guidance have to do with it, when there is no condition? (Nothing: its dial is missing.)

# %%
show.explore_law(
    large.log(),
    [visible(sign) for sign in characters.alphabet],
    label="the law of one character",
    caption="Turn the dials; struck-out characters can no longer be drawn.",
)

# %% [markdown]
# And speculation: how good a guess, how many, at which price? The dots are the drafts of this
# chapter.

# %%
show.explore_speculation(
    round(alpha["zoo draft"], 2),
    4,
    0.1,
    measured=[
        (round(alpha[name], 3), k, round(per_pass, 3))
        for name in drafts
        for k, (per_pass, _) in zip(ks, bought[name], strict=True)
    ],
    label="when speculation pays",
)

# %% [markdown]
# ## Where it breaks
#
# **Lossless is not good.** Speculation keeps the law of the large model, with all its faults: a
# greedy text that loops, loops as before, only sooner.
#
# **Fewer passes are not less work.** Every refused guess was computed, by both models. Speculation
# buys waiting time with arithmetic that a machine has to spare: one text at a time on a large GPU,
# where a pass waits for weights from memory. In a large batch nothing is to spare. And where a
# pass costs a fixed price, as for these small models on a CPU, a draft of a seventh of the size is
# not seven times cheaper; where reading five places takes several times what reading one does,
# hardly any draft can win.
#
# **The same law for both.** Test a truncated draw against the untruncated $q$ and nothing fails
# loudly; the text is just no longer the large model's. That is why `accept` refuses a guess that
# its $q$ calls impossible, and why `speculative` has one law, not two.
#
# **Greedy is exact only up to rounding.** Reading five characters at once adds numbers up in
# another order than reading them one by one. In 32-bit arithmetic that moves a logit in the sixth
# digit, and a text changes only where two characters are equally likely to that digit; in bfloat16
# that happens.
#
# **Likely is not typical.** Greedy text is far less surprising than anything people write, and
# beam search only makes it worse (Holtzman et al. 2020,
# [1904.09751](https://arxiv.org/abs/1904.09751)). Truncation repairs a model that is wrong in its
# tail; a better model needs less of it.
#
# **A cache is memory.** Each layer keeps a key and a value of every place: $2 L d$ numbers a
# character, for each text of a batch. Long before arithmetic runs out, that does.
#
# Read on: [CSpD](https://arxiv.org/abs/2411.11925) speculates with continuous tokens, where $p$ and
# $q$ are densities (chapter 12), [GSD](https://arxiv.org/abs/2508.07747) with groups of picture
# tokens that nobody could tell apart (chapter 21), [STree](https://arxiv.org/abs/2505.14969) with
# trees of guesses and a state that cannot be cropped (chapter 57), and
# [TiDAR](https://arxiv.org/abs/2511.08923) lets one model draft by diffusion and check by
# next-token prediction in the same pass (chapter 52).

# %% [markdown]
# ## Exercises
#
# **decoding.1** (five minutes) Write top-p for one law. Which character decides whether you wrote
# it right: the last one kept.


# %% tags=["exercise"]
def nucleus(law, share):
    """The law that top-p draws from: as long as `law`, 0 for what is left out."""
    raise NotImplementedError("Sort, add up, and keep the unit that crosses the line.")


arlearn.check("decoding.1", nucleus)


# %% tags=["solution", "hide-input"]
def nucleus(law, share):
    """Keep a unit if strictly likelier ones hold less than `share`; make it a law again."""
    ordered, index = law.sort(descending=True)
    kept = ordered * (ordered.cumsum(0) - ordered < share)
    return torch.zeros_like(law).scatter(0, index, kept / kept.sum())


arlearn.check("decoding.1", nucleus)

# %% [markdown]
# **decoding.2** (ten minutes) The heart of speculation: for two laws, the chance that a guess
# stands, and the law of what is drawn if it falls. Why must that law not simply be $p$?


# %% tags=["exercise"]
def judged_guess(p, q):
    """The chance that a guess from q stands, and the law of what replaces it."""
    raise NotImplementedError("sum min(p, q), and what p has beyond q, made a law.")


arlearn.check("decoding.2", judged_guess)


# %% tags=["solution", "hide-input"]
def judged_guess(p, q):
    """alpha = sum min(p, q), and max(p - q, 0) / (1 - alpha)."""
    beyond = (p - q).clamp(min=0)
    return torch.minimum(p, q).sum().item(), beyond / beyond.sum()


arlearn.check("decoding.2", judged_guess)

# %% [markdown]
# **decoding.3** (a small project) Which draft length should a sampler use? Write it down for given
# $\alpha$ and $c$, with $v = 1$, and 0 where speculation does not pay. Then ask it about the three
# drafts above, and train one of your own that it likes better: is it worth more to agree, or to be
# cheap?


# %% tags=["exercise"]
def best_length(alpha, cost, most):
    """The draft length from 0 to `most` with the highest predicted speed-up."""
    raise NotImplementedError("Try every k: expected tokens over k * cost + 1.")


arlearn.check("decoding.3", best_length)


# %% tags=["solution", "hide-input"]
def best_length(alpha, cost, most):
    """The k with the largest (1 + alpha + … + alpha^k) / (k c + 1)."""
    gains = [sum(alpha**j for j in range(k + 1)) / (k * cost + 1) for k in range(most + 1)]
    return gains.index(max(gains))


arlearn.check("decoding.3", best_length)
for name in drafts:
    print(f"{name:<16} best draft length {best_length(alpha[name], cost[name], 8)}, if v = 1")
