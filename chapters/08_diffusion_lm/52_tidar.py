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
# # TiDAR: guess while you check

# %%
import itertools
from dataclasses import replace
from functools import partial
from itertools import pairwise
from statistics import median

import torch

import arlearn
from arlearn import decode, metrics, show, zoo
from arlearn.data import pytext
from arlearn.data.tasks import END
from arlearn.decode.in_place import InPlace
from arlearn.decode.latency import latency
from arlearn.frontier import Point
from arlearn.heads.law import Law
from arlearn.nets.language import LanguageModel
from arlearn.papers import tidar
from arlearn.plans import blocks, raster, two_streams
from arlearn.zoo import task_texts, texts, tidar_models
from arlearn.zoo.tidar_models import ARMS, FULL, PYTEXT, RANDOM, TASKS, TEXT

arlearn.card("tidar")

# %% tags=["parameters"]
tier = arlearn.tier()

# %%
asked, written, live_steps, draws, tries, held_out, lengths = {
    "smoke": (1, 8, 2, 4, 1, 8, [1, 4, 8]),
    "cpu": (16, 64, 60, 500, 4, 128, [1, 2, 3, 4, 6, 8]),
    "gpu": (64, 96, 300, 1500, 10, 256, [1, 2, 3, 4, 6, 8]),
}[tier]
heats = [1.0] if tier == "smoke" else [0.5, 1.0]
seeds = [0] if tier == "smoke" else [0, 1, 2]
wider = {
    "smoke": [(64, 2)],
    "cpu": [(256, 6), (512, 8)],
    "gpu": [(512, 8), (1024, 16), (2048, 24)],
}[tier]
device = arlearn.device()
GREEDY = Law(temperature=0.0)


def dice(seed):
    """A fresh source of randomness, so that every cell can be run again alone."""
    return torch.Generator(device).manual_seed(seed)


# %% [markdown]
# ## The question
#
# A language model writes one token a pass, and a pass is a poor deal: all weights travel from
# memory to the arithmetic units, do a few operations for one position, and travel again. How much
# more would a pass over several positions take? Measured on this machine, for the small model of
# this chapter and for larger, untrained ones:

# %%
model = zoo.obtain("tasks-tidar")[0].to(device)
size = f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f}M"
machines = {size: model}
for width, depth in wider:
    large = LanguageModel(len(texts.ALPHABET), 512, width=width, depth=depth)
    count = sum(p.numel() for p in large.parameters()) / 1e6
    machines[f"{count:.0f}M"] = large.to(device).eval()
slots = sorted({1, 20, *(k + k * k for k in [*lengths, 16])})
waits = {name: latency(machine, slots, tries=tries) for name, machine in machines.items()}
show.curves(
    {
        f"{name} parameters": (slots, [wait[n] / wait[1] for n in slots])
        for name, wait in waits.items()
    },
    x="positions in a pass",
    y="time of a pass (passes over one)",
    log="xy",
    caption="Flat means free. The paper finds it flat to about a hundred positions on an H100.",
)

# %%
for name, wait in waits.items():
    free = max(n for n in slots if wait[n] < 2 * wait[1])
    print(f"{name:>5} parameters: {free} positions in less than twice the time of one")

# %% [markdown]
# Speculation buys with such positions: guess the next tokens, check all guesses in one pass. But
# somebody must guess. A second, small model has to be trained, kept and run, pass by pass, while
# the large one waits (the opening part ends with that, after
# [Leviathan et al.](https://arxiv.org/abs/2211.17192)).
# Masked diffusion models guess many tokens in one pass and need no second model, but what they
# write together does not fit together, and no threshold gives a guarantee.
#
# Could one model do both, and both in the *same* pass?

# %% [markdown]
# ## The idea
#
# While the editor checks today's draft, the writer prepares the next page, once for every place
# where the editor may stop. **TiDAR** lays two things side by side in one pass:
#
# - the **draft**, $K$ tokens that were guessed before, read from left to right as any language
#   model reads: this is the check;
# - $K$ **groups** of $K$ masks. Group $a$ stands where the text goes on if exactly $a$ drafts are
#   accepted. It sees those $a$ drafts and itself, and guesses what follows: this is the next draft.
#
# Only one of the groups will be used. That is a waste of arithmetic on purpose, since positions are
# (nearly) free, and waiting is not.

# %%
K = 3
seen, place = tidar.decode_mask(K)
show.mask(
    seen,
    sections={"draft": K} | {f"group {a}": K for a in range(1, K + 1)},
    caption="Who sees whom in one pass with drafts of three. All of them also see the text before.",
)

# %% [markdown]
# Here is a model of chapter 40's tasks writing so: drafts of up to eight, checked and replaced.

# %%
characters = task_texts.characters()


def prompt_of(text, tokens=characters, start=model.start):
    """A text behind the start token, as the models read it."""
    return torch.cat([torch.tensor([start]), tokens.encode(text)])[None].to(device)


question = "6732="
answer, trace = tidar.generate(
    model, prompt_of(question), task_texts.ANSWER, length=8, stop=0, generator=dice(1)
)
show.text(
    trace,
    characters.decode,
    prompt=question,
    caption="Underlined: guessed at masks and kept. Struck out: guessed and refused. Boxed: drawn "
    "from the text's own law, one a pass.",
)

# %%
told = decode.tally(trace)
print(f"{told.tokens} characters in {told.target_evaluations} passes of one model, and no other")

# %% [markdown]
# ## The maths
#
# **Two laws in one network.** Let $x_1 \dots x_S$ be a text. The *talking* half reads it causally
# and gives $p(x_i \mid x_{<i})$. The *thinking* half has a mask at every place, in blocks of $K$;
# the mask at place $s + j$ of a block that begins at $s$ gives $q_j(x_{s+j} \mid x_{<s})$, without
# seeing any token of its block. Both halves use the same weights and the same head, and stand at
# the same positions. With $b(i)$ the place where the block of $i$ begins,
#
# $$ L = \frac{1}{1+\alpha}\Big[\alpha \sum_i -\log p(x_i \mid x_{<i})
#    + \sum_i -\log q_{i-b(i)}(x_i \mid x_{<b(i)})\Big] . $$
#
# Every place is a target in both halves, whereas block diffusion, which hides a random share of a
# block, learns from that share only. And a draft is made of masks alone: what is trained is what is
# used.
#
# **Exact decoding.** Behind a text $x_{<n}$ stands a draft $d_0 \dots d_{K-1}$. Its first token
# needs no check: it was drawn from $p$ at the end of the pass before. For $j = 1, 2, \dots$ draft
# $d_j \sim q_j$ stands with probability $\min(1, p_j(d_j) / q_j(d_j))$, where $p_j$ is read in this
# pass behind $d_{j-1}$; at the first that falls, $y \sim \max(p_j - q_j, 0)$, normalised; if all
# stand, $y \sim p_K$. As in the opening chapter, what stands has the law $p$. If $a$ drafts are
# accepted, $d_0$ among them, group $a$ holds the laws $q$ of what comes after them; $y$ becomes the
# new $d_0$, and the group's masks but the first give the new drafts. The group did not know $y$,
# which is why its guesses may fall. That costs acceptance, never exactness: $q$ may be *any* law,
# as long as it is the one the draft was drawn from.
#
# **Gain.** If each draft stands with probability $r$, a pass writes
#
# $$ E(r, K) = 1 + r + \dots + r^{K-1} = \frac{1 - r^K}{1 - r} \quad\text{tokens, and}\quad
#    \text{speed-up} = E(r, K)\, \frac{c(1)}{c(K + K^2)}, $$
#
# where $c(n)$ is the time of a pass over $n$ positions, the curve above.

# %% [markdown]
# ## The code
#
# The two halves and their losses. `two_streams` is the mask of training; it refuses any pair of
# plans by which an answer could leak.

# %%
arlearn.source(tidar.TiDAR.both, docstring=False)

# %%
t = 1 + 2 * 4
show.mask(
    two_streams(raster(t), blocks(t, 4, first=1)),
    sections={"text": t, "masks": t},
    caption="Training, with blocks of four behind the start token. The text never sees a mask.",
)

# %% [markdown]
# The mask of decoding is fixed, and made once for a text; all that a pass adds is a column for each
# place of the text before. What it leaves in the cache are the drafts that stand: they were written
# first, so counting them is enough to forget everything else.

# %%
arlearn.source(tidar.decode_mask, docstring=False)

# %%
arlearn.source(tidar.rounds, docstring=False)

# %% [markdown]
# Two checks without a sample: in the joint pass the text is read as by a plain language model, and
# after decoding the cache-less model agrees with every law that was tested against.

# %% tags=["nbval-check-output"]
with torch.no_grad():
    rows = tidar_models.judged(TASKS, 8).to(device)
    beside = model.both(rows)[0]
    print("the text's losses are the same beside masks:",
          torch.allclose(beside, model.unit_loss(rows), atol=1e-4))  # fmt: skip
    text, gap = prompt_of(question), 0.0
    for one in tidar.rounds(model, text, 24, length=8, generator=dice(2)):
        drafted = torch.cat([text, one.draft[:, 1:]], 1)
        alone = model.read(drafted, model.new_cache(1, drafted.shape[1])).softmax(-1)
        gap = max(gap, float((one.p - alone[:, text.shape[1] - 1 :]).abs().max()))
        stood = int(one.verdict.n_accepted)
        text = torch.cat([text, one.draft[:, 1 : 1 + stood], one.verdict.next_token[:, None]], 1)
print("every law that was tested against is the plain one:", gap < 1e-4)

# %% [markdown]
# ## Train
#
# TiDAR starts from a trained language model and goes on. Below are the first steps of that, here
# and now, with full masks and with random ones; the mask's embedding begins as the mean of all
# tokens, so at step 0 its guesses are worthless. The text's own loss is disturbed for a moment, and
# recovers.

# %%
short = replace(TASKS, steps=live_steps)
every = max(live_steps // 6, 1)
live = {
    name: tidar_models.beginning(
        short, ARMS[kind], every=every, judges=held_out // 4, problems=50 * held_out
    )[1]
    for name, kind in (("full masks", FULL), ("random masks", RANDOM))
}
lines = {}
for name, seen in live.items():
    ahead = [sum(think[1:]) / len(think[1:]) for _, think in seen.values()]
    lines[f"{name}: guesses"] = list(seen), ahead
    lines[f"{name}: text"] = list(seen), [talk for talk, _ in seen.values()]
show.curves(
    lines,
    x="steps of joint training",
    y="test loss (nats per token)",
    caption="Guesses two to eight tokens ahead, and the next token of the text.",
)

# %% [markdown]
# The models measured below went on longer. They come with the course, and `arlearn zoo train` makes
# them again:

# %%
arms = {name: zoo.obtain(f"tasks-tidar{kind}")[0].to(device) for name, kind in
        (("full masks", FULL), ("random masks", RANDOM), ("text only", TEXT))}  # fmt: skip
base = zoo.obtain("tasks-ar").to(device)
judged = tidar_models.judged(TASKS, held_out)
print(f"{'':<24}text    guesses at the masks of a block, 1st to last (test nats)")
for name, arm in arms.items():
    talk, think = tidar_models.test_nats(arm, judged)
    print(f"{name:<24}{talk:.3f}   " + " ".join(f"{nats:.2f}" for nats in think))
with torch.no_grad():
    print(f"{'before':<24}{base.unit_loss(judged.to(device)).mean():.3f}")
made = zoo.provenance("tasks-tidar").training
print(f"{made['parameters']:,} parameters, {made['steps']} steps of {TASKS.batch} rows each")

# %% [markdown]
# The same for a larger model of Python's own library, in blocks of four. Its characters are harder
# to foresee: names begin anyhow.

# %%
python, alphabet = zoo.obtain("pytext-tidar")[0].to(device), texts.characters()
code = tidar_models.judged(PYTEXT, held_out)
talk, think = tidar_models.test_nats(python, code)
with torch.no_grad():
    before = zoo.obtain("pytext-ar").to(device).unit_loss(code.to(device)).mean()
print(f"text {before:.3f} before, {talk:.3f} after, in test nats per character; guesses "
      + " ".join(f"{nats:.2f}" for nats in think))  # fmt: skip

# %% [markdown]
# ## Sample
#
# Greedy text first: plain decoding and TiDAR must write the same, character by character. The
# problems are the first of the test split, not chosen.

# %%
problems = task_texts.problems("test", asked)


def plain(prompt, law=GREEDY, of=model, generator=None):
    """One token a pass."""
    return decode.write(of, prompt, task_texts.ANSWER, law=law, generator=generator)


def thinking(prompt, length=8, law=GREEDY, of=model, generator=None, beta=1.0):
    """Draft and check in one pass."""
    return tidar.generate(
        of, prompt, task_texts.ANSWER, length=length, law=law, beta=beta, stop=0,
        generator=generator,
    )  # fmt: skip


def answered(some, writer):
    """The answers to some problems, written one at a time: text, tokens with its end, passes."""
    for question in some.prompts:
        units, done = writer(prompt_of(question))
        text = characters.decode(units[0].cpu()).partition(END)[0]
        n = min(len(text) + 1, units.shape[1])
        yield text, n, decode.passes_until(done, n)


def per_pass_of(some, writer):
    """Tokens a pass over some problems, and the answers."""
    texts, n, passes = zip(*answered(some, writer), strict=True)
    return sum(n) / sum(passes), texts


shown = min(asked, 3)
print(f"{'problem':<11}{'passes':>7}{'tokens':>7}   answer")
for some in problems.values():
    for question, (text, n, passes) in zip(
        some.prompts[:shown], answered(some.first(shown), thinking), strict=True
    ):
        print(f"{question:<11}{passes:>7}{n:>7}   {text}")

# %% [markdown]
# Free text, from the model of Python's own library.

# %%
opening = 'def read_lines(path):\n    """Return'
_, code_trace = tidar.generate(
    python, prompt_of(opening, alphabet, python.start), 2 * written, length=4, generator=dice(4)
)
show.text(code_trace, alphabet.decode, prompt=opening, caption="Drawn from the model's law.")

# %% [markdown]
# The player below goes through single passes: the draft and what stood of it, what was written, and
# the best guess at every mask. The lit group is the one that happened; the next draft is drawn from
# its masks, all but the first.

# %%
frames, told = [], []
at = itertools.islice(
    tidar.rounds(
        python, prompt_of(opening, alphabet, python.start), written, length=4, generator=dice(4)
    ),
    1,
    10,
)
for one in at:
    best = python.head(one.groups).argmax(-1)[0]
    k, stood = one.draft.shape[1], 1 + int(one.verdict.n_accepted)
    draft, added = (
        alphabet.decode(one.draft[0].cpu()),
        alphabet.decode(one.verdict.next_token.cpu()),
    )
    groups = [list(alphabet.decode(row.cpu())) for row in best]
    frames.append(show.drafts(list(draft), stood, added, groups, places=8))
    told.append(f"{stood} of {k} drafts are in the text, then {added!r}")
show.scrub(frames, told, label="nine passes of a draft and its groups", seconds=1.2)

# %% [markdown]
# ## Measure
#
# ### Is it exact?
#
# Greedy text against plain decoding, for every draft length, on both kinds of tasks and on code.

# %%
test = alphabet.encode(pytext("test"))
gaps = torch.arange(max(asked // 2, 2)) * 9000
openings = test[gaps[:, None] + torch.arange(40)]
openings = torch.cat([torch.full((len(gaps), 1), python.start), openings], 1).to(device)


def tried(length, law=GREEDY, of=python, generator=None, beta=1.0):
    """Code behind every opening, and the traces."""
    done = [
        tidar.generate(of, row[None], written, length=length, law=law, beta=beta,
                       generator=generator)
        for row in openings
    ]  # fmt: skip
    return torch.cat([text for text, _ in done]), [one for _, one in done]


def rate(traces):
    """Tokens a pass over some traces."""
    tallies = [decode.tally(one) for one in traces]
    return sum(one.tokens for one in tallies) / sum(one.target_evaluations for one in tallies)


greedy_code = decode.write(python, openings, written, law=GREEDY)[0]
by_plain = {kind: per_pass_of(some, plain)[1] for kind, some in problems.items()}
same, compared, per_pass = 0, 0, {}
for k in lengths:
    for kind, some in problems.items():
        per_pass[kind, 0.0, k], found = per_pass_of(some, partial(thinking, length=k))
        same += sum(a == b for a, b in zip(found, by_plain[kind], strict=True))
        compared += len(found)
    if k <= python.block:
        code_now, traces = tried(k)
        same += int((code_now == greedy_code).all(1).sum())
        compared += len(openings)
        per_pass["python", 0.0, k] = rate(traces)
exact = same / compared
print(f"{same} of {compared} greedy texts are those of plain decoding")

# %% [markdown]
# Sampled text can only be judged by its law. Three characters behind one opening, many times; how
# often each text should come, the plain model says exactly. For comparison, the same test on drafts
# that nobody checked.

# %%
start = prompt_of("    return ", alphabet, python.start)
vocab = python.vocab
with torch.no_grad():
    law_1 = python.read(start, python.new_cache(1, 64))[0, -1].softmax(-1)
    pairs = torch.cat([start.expand(vocab, -1), torch.arange(vocab, device=device)[:, None]], 1)
    law_2 = python.read(pairs, python.new_cache(vocab, 64))[:, -1].softmax(-1)
exact_law = (law_1[:, None] * law_2).flatten().double().cpu()


def p_value(found):
    """The chance that the exact law gives counts at least as far from it; rare texts are pooled."""
    due = exact_law * found.sum()
    rare = due < min(5.0, float(due.topk(2).values[-1]))
    came = torch.cat([found[~rare], found[rare].sum()[None]])
    due = torch.cat([due[~rare], due[rare].sum()[None]])
    distance, freedom = ((came - due) ** 2 / due).sum(), torch.tensor(len(due) - 1.0).double()
    return float(torch.special.gammaincc(freedom / 2, distance / 2))


def sampled(seed):
    """Counts of the first two characters: as written, and as guessed without a check."""
    generator, found = dice(seed), torch.zeros(2, vocab * vocab).double()
    for _ in range(draws):
        passes = tidar.rounds(python, start, 3, length=2, generator=generator)
        second = next(itertools.islice(passes, 1, None))
        d_0, d_1 = second.draft[0].tolist()
        stands = int(second.verdict.n_accepted) == 1
        true = d_1 if stands else int(second.verdict.next_token)
        found[0, d_0 * vocab + true] += 1
        found[1, d_0 * vocab + d_1] += 1
    return found


checked = []
for seed in seeds:
    as_written, unchecked = sampled(seed)
    checked.append(p_value(as_written))
    print(f"seed {seed}: p-value {checked[-1]:.3f} as written, {p_value(unchecked):.2g} unchecked")

# %% [markdown]
# ### How many tokens a pass writes
#
# Against the draft length, and against temperature. The colder, the more often the best guess is
# also what the text takes.

# %%
for heat, kind, k in itertools.product(heats, [*problems, "python"], lengths):
    law, generator = Law(temperature=heat), dice(10 + k)
    if kind != "python":
        writer = partial(thinking, length=k, law=law, generator=generator)
        per_pass[kind, heat, k] = per_pass_of(problems[kind], writer)[0]
    elif k <= python.block:
        per_pass[kind, heat, k] = rate(tried(k, law, generator=generator)[1])
curves = {}
for (kind, heat, k), value in per_pass.items():
    curves.setdefault(f"{kind}, temperature {heat:g}", []).append((k, value))
show.curves(
    {
        name: tuple(zip(*points, strict=True))
        for name, points in curves.items()
        if "0.5" not in name
    },
    x="draft length K",
    y="tokens per pass",
    caption="K = 1 is plain decoding.",
)

# %%
print(f"{'tokens per pass':<31}" + "".join(f"{f'K = {k}':>7}" for k in lengths))
for name, points in curves.items():
    print(f"{name:<31}" + "".join(f"{value:>7.2f}" for _, value in points))

# %% [markdown]
# The formula has one probability $r$ for all drafts. Is it the same for the first guess and for the
# last? Below, what the formula makes of the first place's share, and what was counted.


# %%
def standing(traces):
    """Of the drafts of a place that were tested (all before them stood), the share that stood."""
    tested, stood = torch.zeros(2, 16)
    for one in traces:
        for step in one.steps:
            if step.evaluations == 0:
                n, k = int(step.kept.sum()), step.kept.shape[1]
                tested[: min(n + 1, k)] += 1
                stood[:n] += 1
    return (stood / tested.clamp(min=1))[tested > 0].tolist()


kept_traces = {}
for kind, some in problems.items():
    kept_traces[kind] = [
        thinking(prompt_of(question), 8, Law(), generator=dice(i))[1]
        for i, question in enumerate(some.prompts)
    ]
kept_traces["python"] = tried(4, Law(), generator=dice(0))[1]
along = {kind: standing(traces) for kind, traces in kept_traces.items()}
show.curves(
    {kind: (range(1, 1 + len(shares)), shares) for kind, shares in along.items()},
    x="place in the draft",
    y="share that stands, if tested",
    caption="At temperature 1. Place 0 is final and needs no test.",
)

# %%
for kind, shares in along.items():
    by_first = decode.expected_tokens(shares[0], len(shares))
    print(f"{kind:<13}the first draft stands with {shares[0]:.2f}, the last one tested with "
          f"{shares[-1]:.2f}; {by_first:.2f} tokens a pass by the formula, "
          f"{rate(kept_traces[kind]):.2f} counted")  # fmt: skip

# %% [markdown]
# Guesses farther ahead know less; on the other hand, a draft is tested at a late place only where
# the text is bound, since all before it stood. The two pull in opposite directions.

# %% [markdown]
# ### Full masks against random ones
#
# The paper's change to the training. Three small models for each arm, which differ in their rows
# alone; equal steps, equal tokens, one-step drafts from both.

# %%
accepted, lost = {}, {}
for name, kind in (("full masks", FULL), ("random masks", RANDOM), ("text only", TEXT)):
    family = zoo.obtain(f"tasks-tidar-small{kind}").to(device)
    lost[name] = [tidar_models.test_nats(one, judged)[0] for one in family]
    if kind != TEXT:
        accepted[name] = []
        for seed, one in enumerate(family):
            generator = dice(seed)
            traces = [
                thinking(prompt_of(question), 8, Law(), one, generator)[1]
                for some in problems.values()
                for question in some.prompts
            ]
            accepted[name].append(rate(traces) - 1)
show.spread(accepted, label="accepted drafts per evaluation, temperature 1")

# %%
masks = metrics.compare(accepted["full masks"], accepted["random masks"])
print(f"full less random masks: {masks.difference:+.3f} drafts an evaluation, 95% interval "
      f"{masks.low:+.3f} to {masks.high:+.3f}, {masks.wins} of {masks.n} seeds")  # fmt: skip

# %% [markdown]
# And what does the second objective cost the first? The text's own loss, against a model that went
# on without masks.

# %%
show.spread(lost, label="test loss of the text (nats per token)")

# %%
kept = metrics.compare(lost["full masks"], lost["text only"])
print(f"with masks less without: {kept.difference:+.4f} nats, 95% interval "
      f"{kept.low:+.4f} to {kept.high:+.4f}")  # fmt: skip

# %% [markdown]
# ### What it buys here
#
# Tokens per pass are not tokens per second. The formula says what to expect on this machine from
# the tokens per pass and the measured $c(n)$; the clock says what came.


# %%
def between_passes(traces):
    """Median seconds from one pass to the next; few are disturbed by other work."""
    seconds = [[s.seconds for s in one.steps if s.evaluations] for one in traces]
    return median(later - sooner for one in seconds for sooner, later in pairwise(one))


clocked = {k: [] for k in lengths}
alone = []
for some in problems.values():
    for question in some.prompts[: max(asked // 2, 2)]:
        alone.append(plain(prompt_of(question))[1])
        for k in lengths:
            clocked[k].append(thinking(prompt_of(question), k)[1])
one_by_one = between_passes(alone)
cost, measured, predicted = waits[size], {}, {}
print(f"plain: {1000 * one_by_one:.2f} ms a pass, {1000 * cost[1]:.2f} of them in the network")
for k in lengths:
    tokens, n, seconds = rate(clocked[k]), k + k * k, between_passes(clocked[k])
    measured[k] = tokens * one_by_one / seconds
    predicted[k] = tokens * cost[1] / cost[n]
    print(
        f"K = {k}: {n:>3} positions, {1000 * seconds:.2f} ms a pass, {1000 * cost[n]:.2f} in the "
        f"network; {tokens:.2f} tokens a pass, predicted {predicted[k]:.2f} times as fast, "
        f"measured {measured[k]:.2f}"
    )
off = max(abs(predicted[k] / measured[k] - 1) for k in lengths)
show.curves(
    {
        "measured": (lengths, list(measured.values())),
        "predicted": (lengths, list(predicted.values())),
        "no gain": (lengths, [1.0] * len(lengths)),
    },
    x="draft length K",
    y="speed-up over plain decoding",
    caption=f"On this machine, with {size} parameters. The prediction leaves out what a pass takes "
    "outside the network.",
)

# %% [markdown]
# And with models that are larger? No trained one is needed for that, only their $c(n)$: below, the
# tokens per pass from above with the latency curves from the beginning, for a model that guessed as
# well.

# %%
gain = {
    name: [rate(clocked[k]) * wait[1] / wait[k + k * k] for k in lengths]
    for name, wait in waits.items()
}
show.curves(
    {f"{name} parameters": (lengths, values) for name, values in gain.items()}
    | {"free positions": (lengths, [rate(clocked[k]) for k in lengths])},
    x="draft length K",
    y="predicted speed-up",
    caption="What this machine would give, and one on which positions are free.",
)

# %% [markdown]
# ### Against the others
#
# **Two models:** the same language model with the zoo's small one as its draft, four guesses to a
# pass. **Block diffusion:** the arm with random masks, blocks of eight, all guesses above a
# threshold shown at once and never checked. **A mixed judge:** TiDAR whose drafts are tested
# against $\beta p + (1 - \beta) q$, as a public re-implementation has it; exact for $\beta = 1$
# only. Quality is the share of problems solved, greedily.

# %%
small = zoo.obtain("tasks-ar-small").to(device)


def guessing(prompt, length=4):
    """A second, small model drafts."""
    return decode.speculative(
        model, small, prompt, task_texts.ANSWER, length=length, law=GREEDY, generator=dice(0)
    )


def unchecked_blocks(prompt, threshold=0.9):
    """Block diffusion: what is sure enough is shown."""
    return decode.blockwise(
        InPlace(arms["random masks"]), prompt, task_texts.ANSWER, size=8, threshold=threshold,
        stop=0, law=GREEDY,
    )  # fmt: skip


def point(name, writer):
    """Problems solved, and tokens per pass, of a sampler."""
    right = tokens = passes = n = 0
    for some in problems.values():
        for question, (text, length, took) in zip(
            some.prompts, answered(some, writer), strict=True
        ):
            right += some.kind.check(question, text)
            n, tokens, passes = n + 1, tokens + length, passes + took
    share = right / n
    return Point(name, tokens / passes, share, (share * (1 - share) / n) ** 0.5)


points = [point("plain", plain)]
points += [point("TiDAR", partial(thinking, length=k)) for k in (2, 4, 8)]
points += [
    point("TiDAR, mixed judge", partial(thinking, beta=beta, generator=dice(0)))
    for beta in (0.9, 0.5, 0.0)
]
points += [point("two models", partial(guessing, length=k)) for k in (2, 4, 7)]
points += [
    point("block diffusion", partial(unchecked_blocks, threshold=sure)) for sure in (0.95, 0.8, 0.5)
]
quality = "share of problems solved"
show.frontier(points, quality=quality, caption="Exact samplers lie on one level; the others trade.")

# %%
for one in points:
    print(f"{one.sampler:<20}{one.tokens_per_evaluation:5.2f} tokens a pass   "
          f"{one.quality:.2f} ± {one.spread:.2f} solved")  # fmt: skip
print("(the passes of two models are those of the large one; the small one's come on top)")

# %% [markdown]
# ### The verdict
#
# The parts were named in the catalog before anything was measured.

# %%
best = max(measured, key=measured.get)
tokens = sum(per_pass[kind, 0.0, 8] for kind in problems) / len(problems)
spread = metrics.mean_spread
full, random = spread(accepted["full masks"]), spread(accepted["random masks"])
with_masks, without = spread(lost["full masks"]), spread(lost["text only"])
arlearn.claim(
    "tidar",
    {
        "exact": arlearn.Measured(exact, note=f"{compared} texts, draft lengths {lengths}"),
        "law": arlearn.Measured(
            min(checked),
            note=f"{draws} texts, {len(seeds)} seeds, two characters after the first pass",
        ),
        "tokens": arlearn.Measured(
            tokens,
            1.0,
            note=f"tasks, greedy, K = 8; code with K = 4: {per_pass['python', 0.0, 4]:.2f}",
        ),
        "speed": arlearn.Measured(
            1 / (one_by_one / measured[4]),
            1 / one_by_one,
            reason="positions cost time on this device: a pass over 20 takes "
            f"{cost[20] / cost[1]:.1f} times as long as one",
            note=f"tasks, greedy, K = 4; best K = {best}: {measured[best]:.2f} times as fast",
        ),
        "prediction": arlearn.Measured(
            off,
            reason="drawing and testing cost time as well, which counts where passes are short",
            note=f"draft lengths {lengths}",
        ),
        "masks": arlearn.Measured(
            full.mean,
            random.mean,
            spread=(full.deviation, random.deviation),
            reason="no better beyond the spread over the seeds",
            note=f"small models, K = 8, temperature 1, {masks.n} seeds",
        ),
        "retention": arlearn.Measured(
            with_masks.mean,
            without.mean,
            spread=(with_masks.deviation, without.deviation),
            reason="a small model pays for its second task",
            note=f"small models, {len(lost['full masks'])} seeds",
        ),
        "free-slots": arlearn.Measured(
            cost[72] / cost[1],
            reason="a CPU core is busy with a few positions already",
            note="; ".join(f"{name}: {wait[72] / wait[1]:.1f}" for name, wait in waits.items()),
        ),
    },
    equal="base model, rows, steps, optimiser and temperature; batch 1 in decoding",
    seeds=seeds,
    frontier=points,
    quality=quality,
)

# %% [markdown]
# ## Play
#
# The mask of decoding for several draft lengths, and that of training. Point at a cell and read who
# sees whom. What grows with $K$, and how fast?

# %%
gallery = {f"decoding, K = {k}": tidar.decode_mask(k)[0] for k in (1, 2, 3, 4, 5)}
gallery["training, K = 4"] = two_streams(raster(t), blocks(t, 4, first=1))
show.explore_masks(
    gallery,
    sections={
        f"decoding, K = {k}": {"draft": k} | {f"group {a}": k for a in range(1, k + 1)}
        for k in (1, 2, 3, 4, 5)
    }
    | {"training, K = 4": {"text": t, "masks": t}},
    notes={f"decoding, K = {k}": f"{k + k * k} positions a pass." for k in (1, 2, 3, 4, 5)},
    label="masks of TiDAR",
)

# %% [markdown]
# ## Where it breaks
#
# **Positions are not free everywhere.** A pass reads $K + K^2$ of them, 272 for the paper's
# $K = 16$, and uses one group of $K$. On a GPU that waits for its memory nobody pays for them; on a
# CPU core or in a large batch somebody does, and how much, the curves above say. A model as small
# as this one has another price besides: drawing, testing and bookkeeping take as long as the
# network does. The gain of an 8B model cannot be shown here, only its two factors.
#
# **Guesses do not know the token before them.** $y$ is drawn after the group has guessed, so the
# first guess is two tokens ahead of what it has seen, and all guesses of a group are independent of
# each other. Where a text is open (the first letter of a name) the draft falls at once; where it is
# bound (the rest of the word) it stands. Tokens per pass say as much about the text as about the
# method.
#
# **Two jobs for one set of weights.** The text's loss is kept here by equal weights ($\alpha = 1$)
# and a start from a trained model. How much is lost at scale, the miniature cannot say.
#
# **What this miniature leaves out.** The paper trains on billions of tokens, drafts 16, and keeps
# its groups in one fixed layout, so that no mask is built while decoding. That the labels of the
# masked half stand in place, and the decoder's bookkeeping ($d_0$ final, $q$ as it was drawn from),
# are ours where the paper does not say; without it the chi-square above would fail. Batches
# are left out, since their texts would stop at different places. Blocks begin at fixed places in
# training and anywhere in decoding, and a last block that is shorter is drafted with fewer masks.
#
# Read on: [NBDiff](https://arxiv.org/abs/2512.06776) (chapter 40) trains with nearly the same mask
# and decodes by thresholds, without a check; [Fast-dLLM v2](https://arxiv.org/abs/2509.26328)
# (chapter 30) likewise; [FreeCache](https://arxiv.org/abs/2505.21467) (chapter 42) lets an AR model
# set the pace only; [STree](https://arxiv.org/abs/2505.14969) (chapter 57) checks a tree of drafts.

# %% [markdown]
# ## Exercises
#
# **52.1** (five minutes) If each draft stands with probability $r$, a pass writes
# $1 + r + \dots + r^{K-1}$ tokens. Which $r$ gives the paper's 7.45 tokens at $K = 16$?


# %% tags=["exercise"]
def chance(tokens, k):
    """The r at which drafts of k give so many tokens a pass."""
    raise NotImplementedError("The sum grows with r, from 1 at r = 0 to k at r = 1: bisect.")


arlearn.check("52.1", chance)


# %% tags=["solution", "hide-input"]
def chance(tokens, k):
    """r by bisection."""
    low, high = 0.0, 1.0
    for _ in range(50):
        r = (low + high) / 2
        low, high = (r, high) if sum(r**j for j in range(k)) < tokens else (low, r)
    return (low + high) / 2


arlearn.check("52.1", chance)
for name, tokens in (("1.5B", 7.45), ("8B", 8.25)):
    print(f"{name}: {tokens} tokens a pass at K = 16 need r = {chance(tokens, 16):.3f}")

# %% [markdown]
# **52.2** (ten minutes) Build the mask of a decoding pass: $K$ drafts, then $K$ groups of $K$
# masks. Rows look at columns, `True` where they may.


# %% tags=["exercise"]
def pass_mask(k):
    """Bool (k + k²) x (k + k²)."""
    raise NotImplementedError("Give each position its group (0 for drafts) and compare.")


arlearn.check("52.2", pass_mask)


# %% tags=["solution", "hide-input"]
def pass_mask(k):
    """Groups see themselves and the drafts before them; drafts are causal."""
    n = k + k * k
    seen = torch.zeros(n, n, dtype=torch.bool)
    seen[:k, :k] = torch.ones(k, k).tril().bool()
    for a in range(1, k + 1):
        own = slice(k + (a - 1) * k, k + a * k)
        seen[own, :a] = True
        seen[own, own] = True
    return seen


arlearn.check("52.2", pass_mask)

# %% [markdown]
# **52.3** (a small project) Choose $K$ for a machine. Given are the chances that draft 1, 2, … of a
# pass stands, if all before it did, and the seconds of a pass by its positions. Which $K$ writes
# fastest? $K = 1$ reads one position, any other $K + K^2$. Then ask it about your own machine.


# %% tags=["exercise"]
def fastest(chances, seconds):
    """The K from 1 to len(chances) + 1 with the most tokens a second."""
    raise NotImplementedError("A draft of K adds the products of the first 0, 1, … K - 1 chances.")


arlearn.check("52.3", fastest)


# %% tags=["solution", "hide-input"]
def fastest(chances, seconds):
    """Tokens over seconds for each K that was timed."""
    best, most, tokens, stands = 1, 1 / seconds[1], 1.0, 1.0
    for k, chance_of_it in enumerate(chances, 2):
        stands *= chance_of_it
        tokens += stands
        if k + k * k in seconds and tokens / seconds[k + k * k] > most:
            best, most = k, tokens / seconds[k + k * k]
    return best


arlearn.check("52.3", fastest)
for name, wait in waits.items():
    print(f"{name:>5} parameters: K = {fastest(along['number-words'], wait)} on this machine")
