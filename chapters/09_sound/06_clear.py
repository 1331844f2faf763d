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
# # CLEAR: draw the next sound, do not look it up

# %%
import time
from dataclasses import replace
from functools import partial

import torch

import arlearn
from arlearn import metrics, show, zoo
from arlearn.data.mel import Mel
from arlearn.decode.speak import chunked, moments, speak
from arlearn.heads.directed import DirectedFlow
from arlearn.metrics.edits import character_error_rate
from arlearn.nets.sound import Down, down_shortcut, to_channels, to_time
from arlearn.nets.speech import SpeechModel
from arlearn.papers import clear
from arlearn.show.planes import Plane, planes
from arlearn.zoo import clear_models, speech_models

arlearn.card("clear")

# %% tags=["parameters"]
tier = arlearn.tier()

# %%
n, tried, prompts, live, live_steps, seeds, repeats = {
    "smoke": (6, 4, 4, 12, 2, [0], 1),
    "cpu": (100, 50, 60, 300, 40, [0, 1, 2], 3),
    "gpu": (400, 100, 200, 2000, 300, [0, 1, 2], 3),
}[tier]
named = {
    "flow": "CLEAR: latents, flow",
    "codes": "codes, softmax",
    "mel": "mel frames, Gaussian",
    "squares": "latents, least squares",
}
mel = Mel()
made = {kind: clear_models.tokens(kind) for kind in clear.ARMS}
ears, voices = zoo.load("speech-recogniser"), zoo.load("speech-speaker")
many = {kind: [k for k in seeds if k < clear_models.NUMBERS[kind]] for kind in clear.ARMS}
arms = {(a, k): zoo.obtain(clear_models.named(a, k)) for a in clear.ARMS for k in many[a]}
test, truth = clear_models.utterances("test", n)


def dice(seed):
    """A fresh source of randomness, so that every cell can be run again alone."""
    return torch.Generator().manual_seed(seed)


def heard(frames):
    """What the recogniser reads in log-mel frames, text by text."""
    return speech_models.heard(ears, frames)


def seen(frames):
    """Log-mel frames as a picture: time to the right, low frequencies at the bottom."""
    return ((frames.T.flip(0).clamp(-6, 3) + 6) / 9)[None]


# %% [markdown]
# ## The question
#
# A model that speaks writes a sequence too, and before anything else somebody has to say what its
# tokens are. Text has letters. A second of telephone speech is 8,000 samples, or 80 spectra, or the
# codes of a neural codec: VALL-E writes 75 a second one after the other, and needs seven more for
# each of them to sound well. Every step is a pass through a transformer. Could a second of speech
# be ten steps?
#
# It could, if a token is not a word of a dictionary but a vector. Here are three ways to write down
# the same sound: all frames, rows of codes, or few vectors. (The sound is rendered by espeak-ng,
# which `pip install -e .[speech]` brings along; where it is missing the loader says so.)


# %%
def again(kind, frames):
    """Frames from their own units."""
    return clear_models.again(made[kind], frames)


per_second = {
    kind: 80 // made[kind].stride * made[kind].levels for kind in ("mel", "codes", "flow")
}
distance, ceiling = {}, {"truth": character_error_rate(heard(truth), list(test.texts))}
for kind in per_second:
    back = [again(kind, frames) for frames in truth]
    gaps = [(a - b).abs().mean() for a, b in zip(back, truth, strict=True)]
    distance[kind] = float(torch.stack(gaps).mean())
    ceiling[kind] = character_error_rate(heard(back), list(test.texts))
show.bars(
    ["mel frames", "codes", "latents"],
    list(per_second.values()),
    x="units of the sequence",
    y="autoregressive steps for a second of sound",
    caption="The same sound in three scripts. The paper has 7.8 latents a second.",
)

# %% [markdown]
# What is lost on the way is the ceiling of everything below. A small recogniser reads log-mel
# frames (of sound it was not trained on), and its *character error rate* says what can be
# understood of true speech, and of true speech that has gone through each script. It reads frames
# directly, so no vocoder stands between; the last row goes all the way, through Griffin-Lim to a
# waveform and back.

# %%
some = truth[: max(4, n // 8)]
vocoded = [mel.log_mel(clear.waves(mel, again("flow", frames))) for frames in some]
ceiling["vocoded"] = character_error_rate(heard(vocoded), list(test.texts[: len(some)]))
print(f"{'true speech':<34}character error {ceiling['truth']:.4f}")
for kind, steps in per_second.items():
    print(
        f"{named[kind].split(',')[0].replace('CLEAR: ', ''):<12}{steps:>3} steps a second"
        f"   character error {ceiling[kind]:.4f}   log-mel distance {distance[kind]:.3f}"
    )
print(f"{'latents, then Griffin-Lim':<34}character error {ceiling['vocoded']:.4f}")

# %% [markdown]
# Latents and codes come from the same network, trained until both resynthesise about equally well.
# So ten vectors a second hold what forty codes hold. The difficulty is elsewhere: how does one draw
# a *vector* from a law that nobody can write down?

# %% [markdown]
# ## The idea
#
# **Let every step flow.** The transformer reads the phones and the latents so far and gives one
# hidden state $h$. A small network then carries noise to a latent, along a velocity that depends on
# $h$ and on nothing else of the sequence. Whatever the law of the next latent is, with two modes or
# sixteen, noise can be carried to it.
#
# Below is one such law: the first latent of one text, when nobody has said yet who speaks. Sixteen
# voices are possible. The first panel has the true first latents of utterances that begin with the
# same word; the others show where the flow takes noise, and the crosses what a head trained by
# least squares says: always the same, the middle, where no voice is.


# %%
def openings(word):
    """The first latents of training utterances that begin with a word."""
    data, frames = clear_models.utterances("train", live)
    found = [i for i, text in enumerate(data.texts) if text.startswith(word)]
    some = found if len(found) > 7 else range(len(data))  # a smoke run has too few of any word
    return torch.stack([made["flow"].encode(frames[i][None])[0, 0] for i in some])


word = test.texts[0].split()[0]
first = openings(word)
text = arms["flow", 0].spelled(test.phones[:1])
with torch.no_grad():
    states = {kind: arms[kind, 0].written(text) for kind in ("flow", "squares")}
    for kind, x in states.items():
        cache = arms[kind, 0].backbone.cache(1, text.shape[1])
        states[kind] = arms[kind, 0].read(x, text, cache)
drawn, path = arms["flow", 0].head.sample(
    states["flow"].expand(160, -1), generator=dice(0), steps=20, keep_path=True
)
mean, _ = arms["squares", 0].head.sample(states["squares"], law=clear.weighted(1, 0.0))
axes = torch.linalg.svd(first - first.mean(0), full_matrices=False)[2][:2].T


def flat(latents):
    """Latents on the two directions in which the true ones differ most."""
    return (latents - first.mean(0)) @ axes


planes(
    {
        "true first latents": Plane(flat(first)),
        "noise, on its way": Plane(flat(path[14, :80]), paths=flat(path[:15, :80])),
        "drawn": Plane(flat(drawn), marks=flat(mean)),
    },
    x="first principal axis",
    y="second principal axis",
    low=-4.5,
    high=4.5,
    caption=f"The first latent of a text that begins with “{word}”. Dots on the right are draws of "
    "the flow, the cross is the answer of least squares.",
)

# %% [markdown]
# ## The maths
#
# **Latents.** Log-mel frames $m \in \mathbb{R}^{8K \times 40}$ (80 a second) go through a causal
# convolutional encoder that halves the rate three times and gives mean and variance of each of $K$
# latents $y_k \in \mathbb{R}^8$; a mirror of it decodes. With $z_k = \mu_k + \sigma_k \epsilon$,
#
# $$ L_\text{VAE} = \lVert \hat m(z) - m \rVert_1
#    + \beta \, \mathrm{KL}\big(\mathcal N(\mu, \sigma^2) \,\Vert\, \mathcal N(0, 1)\big) . $$
#
# A layer that changes the rate by $s$, from $C$ to $C'$ channels, mostly has to move numbers from
# time to channels. That needs no learning, so it is done by a *shortcut*, and the layer learns what
# is left: $\mathrm{down}(x) = \mathrm{conv}(x) + \mathrm{mean}_g(\mathrm{rearrange}(x))$. The
# rearrangement turns $s$ neighbours in time into $sC$ channels, which are averaged in $C'$ groups.
#
# **Sequence.** Phones $x_1 \dots x_n$ and latents, between a start and a turn token:
# $[S, x_1 \dots x_n, T, y_1 \dots y_K]$ under a causal mask. The state at $T$ answers for $y_1$,
# the one at $y_k$ for $y_{k+1}$, all from $T$ on for whether to stop. Latents are normalised per
# channel, since noise has variance one.
#
# **Flow.** For each latent, several times $t$ with $t = \sigma(u)$, $u \sim \mathcal N(0, 1)$, and
# noises $\varepsilon$, with time running from data at 0 to noise at 1 as everywhere in this course:
#
# $$ z_t = (1 - t)\, y_k + t\, \varepsilon, \qquad u = \varepsilon - y_k, \qquad
#    L = \mathbb E\big[\lVert v - u\rVert^2 + 1 - \cos(v, u)\big] + L_\text{stop},
#    \quad v = v_\theta(z_t, t \mid h_{k-1}) . $$
#
# The gradient goes through $h$ into the transformer: one stage, nothing frozen but the encoder.
#
# **Guidance.** In a fifth of the training samples the *vectors* of all phones are zero; positions
# and lengths stay. So the same network also gives $\bar h_k = f(0, y_{<k})$, and a draw follows
#
# $$ v_w = w\, v_\theta(z, t \mid h) + (1 - w)\, v_\theta(z, t \mid \bar h) . $$
#
# Both streams read the same drawn latents. The stop is read from $h$ alone.
#
# **Cost.** A second of sound takes $10$ passes through the transformer and $10 k$ through the head
# at $k$ Euler steps; codes take $10\,q$ passes at $q$ codes a row, frames take $80$.

# %% [markdown]
# ## The code
#
# The shortcut is a rearrangement and a mean, and the layer adds to it.

# %%
arlearn.source(down_shortcut, docstring=False)

# %%
arlearn.source(Down.forward, docstring=False)

# %% [markdown]
# The loss of the head: every state serves several draws, since a state costs a pass and a draw does
# not.

# %%
arlearn.source(DirectedFlow.loss, docstring=False)

# %% [markdown]
# Dropping the text: the layout stays, and the start and turn tokens too.

# %%
arlearn.source(SpeechModel.written, docstring=False)

# %% [markdown]
# The sampler holds two streams, as rows of one batch, and feeds both what it draws.

# %%
arlearn.source(moments, docstring=False)

# %% [markdown]
# What can be checked exactly is checked, here and in the tests.

# %% tags=["nbval-check-output"]
model = arms["flow", 0]
x, rows = torch.randn(2, 6, 24, generator=dice(0)), model.spelled(test.phones[:2])
print("time to channels and back:", torch.equal(to_time(to_channels(x, 4), 4), x))
same = torch.allclose(down_shortcut(x, 4, 8).mean((1, 2)), x.mean((1, 2)), atol=1e-6)
print("the shortcut keeps the mean:", same)
units = torch.randn(2, 7, made["flow"].width, generator=dice(1))
bent = units.clone()
bent[:, 3] += 1
with torch.no_grad():
    h, moved, null = (
        model(rows, units),
        model(rows, bent),
        model(rows, units, torch.tensor([True, True])),
    )
    print("states that hear latent 4:", (h != moved).any(-1).any(0).nonzero().flatten().tolist())
    cache = model.backbone.cache(2, rows.shape[1] + 7)
    steps = [model.read(model.written(rows), rows, cache)]
    steps += [model.read(model.enter(units[:, i : i + 1]), rows, cache) for i in range(7)]
    print("cached states equal to 1e-4:", torch.allclose(torch.stack(steps, 1), h, atol=1e-4))
one = model.head.sample(h, null=null, guidance=1.0 - 1, generator=dice(2))[0]
print("w = 1 is plain sampling:", torch.equal(one, model.head.sample(h, generator=dice(2))[0]))

# %% [markdown]
# ## Train
#
# Four arms with one transformer, the same utterances in the same order, and equally many optimiser
# steps; heads are about equally large. Two of them share CLEAR's latents: the flow, and a head that
# says the mean. Codes are drawn one after the other, level by level; frames under a Gaussian of
# fixed deviation, as in MELLE. All of them lose their phones in a fifth of the samples, so all can
# be guided.

# %%
for name in ("speech-latents", "speech-codes"):
    record = zoo.provenance(name).training
    print(f"{name:<28}{record['parameters']:>9,} parameters  {record['steps']:>5,} steps")
for kind in clear.ARMS:
    name = clear_models.named(kind)
    record = zoo.provenance(name).training
    head = sum(weights.numel() for weights in arms[kind, 0].head.parameters())
    print(
        f"{name:<28}{record['parameters']:>9,} parameters  {record['steps']:>5,} steps  "
        f"head {head:>7,}  {len(many[kind])} of {clear_models.NUMBERS[kind]} seeds  "
        f"{record['seconds']:>4.0f} s on {record['device']}"
    )

# %% [markdown]
# These models come with the course. What you can watch now is the beginning of such runs: first two
# autoencoders, which differ in nothing but the shortcuts.

# %%
curves, without = {}, {True: [], False: []}
for k in seeds:
    for shortcut in (True, False):
        torch.manual_seed(k)
        net = clear_models.vae(shortcut)
        label = f"autoencoder {'with' if shortcut else 'without'} shortcuts, seed {k}"
        options = {"name": label, "steps": live_steps, "n": live, "keep": False}
        history = clear_models.train_tokens(net, k, **options)
        gaps = [(clear_models.again(net, one) - one).abs().mean() for one in truth[:50]]
        without[shortcut].append(float(torch.stack(gaps).mean()))
        if k == 0:
            name = f"{'with' if shortcut else 'without'} shortcuts"
            curves[name] = (range(live_steps), history.curve(8))
show.curves(
    curves,
    x="training step",
    y="loss (distance in deviations, plus KL)",
    caption="A shortcut begins with a coarse picture of its own; what is left to learn is less.",
)

# %%
for kind in ("flow", "squares"):
    torch.manual_seed(0)
    options = {"kind": kind, "name": named[kind], "steps": live_steps, "n": live, "keep": False}
    losses = clear_models.train(clear_models.model(kind), 0, **options).curve(8)
    print(f"{named[kind]}: from {losses[7 if len(losses) > 7 else 0]:.2f} to {losses[-1]:.2f}")

# %% [markdown]
# ## Sample
#
# Every arm has two settings: the weight $w$ of the guidance, and a temperature or, for the flow,
# the number of Euler steps. Nine pairs are tried for each on other texts than the verdict's, with
# its first model, and the one with the least character error is kept. (The mean has no
# temperature.)

# %%
others, _ = clear_models.utterances("test", tried, seed=1)


def say(kind, k, data, *, w=1.0, temperature=1.0, seed=0, **options):
    """Texts spoken by an arm: what was drawn, and its frames."""
    arm, most = arms[kind, k], 24 * 8 // made[kind].stride
    options = {"law": clear.weighted(w, temperature), "most": most, **options}
    said = speak(arm, arm.spelled(data.phones), generator=dice(seed), **options)
    return said, clear.heard(made[kind], said)


three = (1.0, 1.5, 2.5)
tries = {
    "flow": [(w, 1.0, {"steps": k}) for w in three for k in (2, 4, 10)],
    "codes": [(w, t, {}) for w in three for t in (1.0, 0.8, 0.6)],
    "mel": [(w, t, {}) for w in three for t in (0.0, 0.33, 1.0)],
    "squares": [(w, 0.0, {}) for w in three],
}
setting = {}
for kind, options in tries.items():
    found = []
    for w, temperature, more in options if tier != "smoke" else options[:1]:
        _, frames = say(kind, 0, others, w=w, temperature=temperature, **more)
        error = character_error_rate(heard(frames), list(others.texts))
        found.append((error, {"w": w, "temperature": temperature, **more}))
    setting[kind] = min(found, key=lambda pair: pair[0])[1]
    told = ", ".join(f"{key} {value:g}" for key, value in setting[kind].items())
    print(f"{named[kind]:<24}{told:<34}error {min(found, key=lambda pair: pair[0])[0]:.3f}")

# %% [markdown]
# Listen. The text is the verdict's shortest, which keeps this page small, and the samples are the
# first that came. Sound is made of log-mel frames by Griffin-Lim, which is why even the truth has
# lost its edge.

# %%
spoken = {(kind, k): say(kind, k, test, **setting[kind]) for kind, k in arms}
brief = min(range(n), key=lambda i: len(truth[i]))
clips = {f"truth: “{test.texts[brief]}”": clear.waves(mel, truth[brief])}
for kind in clear.ARMS:
    clips[named[kind]] = clear.waves(mel, spoken[kind, 0][1][brief][:72])
show.audio(clips, mel.rate, label="one text in five renderings", caption="Uncurated, one each.")

# %% [markdown]
# Nobody told the model who speaks, so it decides by itself, with its first latent. One more draw of
# the text, which differs in the noise alone; the player below it speaks a third.


# %%
def alone(data, i):
    """One utterance of many."""
    return replace(data, texts=data.texts[i : i + 1], phones=data.phones[i : i + 1])


opening = alone(test, brief)
take = clear.waves(mel, say("flow", 0, opening, seed=1, **setting["flow"])[1][0][:72])
show.audio(take, mel.rate, label="the same text again", caption="Other noise, another voice.")

# %% [markdown]
# One generation, latent by latent: what the decoder makes of the latents so far. Being causal, it
# never changes its mind about a frame. The player speaks as far as it has come.

# %%
one, _ = say("flow", 0, opening, seed=3, **setting["flow"])
length = int(one.lengths[0])


def so_far(units, step):
    """The frames of the latents that stand; the rest is grey."""
    frames = made["flow"].decode(units[:, :length])
    picture = torch.stack([seen(row) for row in frames])
    picture[..., 8 * step :] = 0.5
    return picture


player = show.play(one.trace, so_far, label="CLEAR speaking, 100 ms at a time", samples=1)
show.sounding(
    player, one.trace, lambda u: clear.waves(mel, made["flow"].decode(u[:, :length])[0]), mel.rate
)

# %% [markdown]
# ## Measure
#
# ### What is understood
#
# The recogniser's character error on the texts of the verdict, with the ceiling of each script
# beside it. And two Fréchet distances (FD) to true speech of the same texts: of the recogniser's
# features, and of the vectors by which a speaker encoder tells voices apart.


# %%
@torch.no_grad()
def features(frames):
    """The recogniser's features of utterances, and their voices as vectors."""
    rows = speech_models.padded(frames)
    return ears.features(*rows), voices(*rows)


real = features(truth)


def away(frames):
    """Fréchet distances to true speech: of the recogniser's features, of the voices' vectors."""
    return [metrics.frechet(a, b) for a, b in zip(features(frames), real, strict=True)]


errors, far, strange, exact = {}, {}, {}, {}
for (kind, k), (_, frames) in spoken.items():
    read = heard(frames)
    errors[kind, k] = character_error_rate(read, list(test.texts))
    exact[kind, k] = sum(a == b for a, b in zip(read, test.texts, strict=True)) / n
    far[kind, k], strange[kind, k] = away(frames)


def over(kind, of=errors):
    """One number per seed."""
    return [of[kind, k] for k in many[kind]]


def told_of(values, digits=3):
    """A mean and the deviation over seeds."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    mean = metrics.mean_spread(values)
    return f"{mean.mean:.{digits}f} ± {mean.deviation:.{digits}f}"


for kind in clear.ARMS:
    limit = ceiling["flow" if kind == "squares" else kind]
    print(
        f"{named[kind]:<23}character error {told_of(over(kind)):<14}(ceiling {limit:.3f})  "
        f"texts without one {told_of(over(kind, exact), 2)}"
    )
print()
for kind in clear.ARMS:
    print(
        f"{named[kind]:<23}FD {told_of(over(kind, far), 2):<12}  "
        f"of voices {told_of(over(kind, strange), 2)}"
    )

# %%
show.spread(
    {named[kind]: over(kind) for kind in clear.ARMS},
    label="character error rate (lower is better)",
    caption="One dot a seed. Each arm with the settings that were best for it on other texts.",
)

# %% [markdown]
# At equal steps the codes are far behind: each of their steps asks for one of many, and much of
# what the later levels say is noise to everybody. Are they only slower to learn? One more model of
# them had more time, and time does help them.

# %%
longer = zoo.obtain("speech-clear-codes-long")
arms["codes", "long"] = longer
_, frames = say("codes", "long", test, **setting["codes"])
error = character_error_rate(heard(frames), list(test.texts))
print(
    f"codes, {clear_models.STEPS * clear_models.LONG:,} steps: error {error:.3f}; "
    f"{clear_models.STEPS:,} steps: error {errors['codes', 0]:.3f}, CLEAR {errors['flow', 0]:.3f}"
)
del arms["codes", "long"]

# %% [markdown]
# Least squares is the surprise: the words are nearly as clear. It cannot say two things at once, so
# it always says the same; but once a sound has been begun, what follows is nearly determined, and
# the mean of what could follow can be read. What it has lost is the choice at the beginning, and
# that is heard in the voices when there is no prompt.

# %%
copies = 2 if tier == "smoke" else 8
for kind in clear.ARMS:
    with torch.no_grad():
        logits = voices.logits(*speech_models.padded(spoken[kind, 0][1]))
    share = torch.bincount(logits.argmax(-1), minlength=16) / n
    even = float((-(share * share.clamp(min=1e-9).log()).sum()).exp())
    takes = [say(kind, 0, opening, seed=k, **setting[kind])[1][0] for k in range(copies)]
    with torch.no_grad():
        vectors = voices(*speech_models.padded(takes))
    alike = float((vectors @ vectors.T).sum() - copies) / (copies * (copies - 1))
    print(
        f"{named[kind]:<23}{even:4.1f} voices over all texts, counted evenly;  "
        f"one text, {copies} times: cosine {alike:.2f}"
    )

# %% [markdown]
# ### How fast
#
# The *real-time factor* is the time it takes divided by the duration of what is said, for one text
# at a time, decoder included, on one processor of this machine. Griffin-Lim costs every arm the
# same and is told apart.


# %%
def clocked(kind, data, k=0, **more):
    """Seconds of sampling and decoding, and of sound, for texts said one by one."""
    spent = sounded = 0.0
    for i in range(len(data)):
        began = time.perf_counter()
        _, frames = say(kind, k, alone(data, i), **{**setting[kind], **more})
        spent += time.perf_counter() - began
        sounded += len(frames[0]) / 80
    return spent / sounded


few, speed = test.first(3 if tier == "smoke" else 6), {kind: [] for kind in clear.ARMS}
for _ in range(repeats):  # in turns, so that a busy machine is busy for all
    for kind in clear.ARMS:
        clocked(kind, few.first(1))  # the first call pays for what is prepared once
        speed[kind].append(clocked(kind, few))
for kind in clear.ARMS:
    steps = made[kind].levels * 80 // made[kind].stride
    print(f"{named[kind]:<24}{steps:>3} steps a second   real-time factor {told_of(speed[kind])}")
began = time.perf_counter()
clear.waves(mel, truth[0])
print(f"Griffin-Lim alone: {(time.perf_counter() - began) / len(truth[0]) * 80:.3f}")

# %% [markdown]
# How much the head weighs depends on the size: in a model this small ten of its steps cost more
# than a pass of the transformer, in the paper's it is a small part. Time does not depend on what
# weights have learned, so untrained models can tell how it goes on: the same arms, wider and wider.

# %%
widths = {"smoke": (64,), "cpu": (64, 128, 256, 512), "gpu": (64, 128, 256, 512, 1024)}[tier]
wide = {kind: [] for kind in ("flow at 10 Euler steps", "flow at 2 Euler steps", "codes")}
phones = test.phones[0]
for width in widths:
    sizes = clear.Sizes(width=width, depth=6, hidden=width)
    for label in wide:
        kind = label.split()[0]
        arm = clear.arm(kind, speech_models.PHONES, sizes).eval()
        options = {"steps": int(label.split()[2])} if kind == "flow" else {}
        options |= {"most": 6, "least": 6, "law": clear.weighted(1.5), "generator": dice(0)}
        speak(arm, arm.spelled([phones]), **options)
        spent = []
        for _ in range(repeats):
            began = time.perf_counter()
            speak(arm, arm.spelled([phones]), **options)
            spent.append((time.perf_counter() - began) / 0.6)
        wide[label].append(min(spent))
show.curves(
    {label: (list(widths), line) for label, line in wide.items()},
    x="width of transformer and head",
    y="real-time factor, without the decoder",
    log="xy",
    caption="Six layers, untrained, guided, one text. Below 1 is faster than speech.",
)

# %% [markdown]
# ### How many Euler steps, how much guidance
#
# One seed, the texts of the verdict. What was chosen above was not chosen by these.

# %%
euler = (1, 2, 4, 10) if tier != "smoke" else (1, 2)
weights = (1.0, 1.5, 2.5, 4.0) if tier != "smoke" else (1.0, 2.5)
base = {**setting["flow"]}
by_steps, by_weight, pictures = [], [], {}
for k in euler:
    _, frames = say("flow", 0, test, **{**base, "steps": k})
    pictures[k] = frames[brief]
    by_steps.append((character_error_rate(heard(frames), list(test.texts)), *away(frames)))
for w in weights:
    said, frames = say("flow", 0, test, **{**base, "w": w})
    seconds = float(said.lengths.float().mean()) / 10
    error = character_error_rate(heard(frames), list(test.texts))
    by_weight.append((error, *away(frames), seconds))
for k, (error, fd, voice) in zip(euler, by_steps, strict=True):
    print(
        f"{k:>2} Euler steps  error {error:.3f}  FD {fd:.2f}  voices {voice:.2f}  "
        f"real-time factor {min(clocked('flow', few, steps=k) for _ in range(repeats)):.3f}"
    )
for w, (error, fd, voice, seconds) in zip(weights, by_weight, strict=True):
    print(
        f"w = {w:<4}        error {error:.3f}  FD {fd:.2f}  voices {voice:.2f}  "
        f"{seconds:.2f} s a text"
    )

# %%
show.curves(
    {
        f"Euler steps {', '.join(map(str, euler))}": tuple(
            zip(*[(row[0], row[2]) for row in by_steps], strict=True)
        ),
        f"w {', '.join(f'{w:g}' for w in weights)}": tuple(
            zip(*[(row[0], row[2]) for row in by_weight], strict=True)
        ),
    },
    x="character error rate",
    y="Fréchet distance of voices",
    caption="To the left is clearer, down is closer to the voices there are. Both knobs, one seed.",
)

# %% [markdown]
# Two steps solve the flow badly, and the words take no harm: draws stay closer to the middle, where
# speech is clear. More steps bring the voices back, and some slips with them. A little guidance
# helps; much of it garbles.

# %% [markdown]
# ### When the first sound is out
#
# The head needs one hidden state, and the decoder looks back only. So sound can leave as soon as
# $\Omega$ latents stand; what is decoded twice at a border is faded over. A head that attends to
# the whole utterance would have to wait for the last latent.

# %%
longest = int(torch.tensor([len(text) for text in few.phones]).argmax())
sentence = alone(few, longest)
rows = arms["flow", 0].spelled(sentence.phones)
chosen = {"law": clear.weighted(base["w"], base["temperature"]), "steps": base["steps"]}


def first_sound(chunk):
    """Seconds until the first chunk is a waveform, and of all of it."""
    began, seconds, heard_so_far = time.perf_counter(), [], 0
    options = {"chunk": chunk, "overlap": min(1, chunk - 1), "mel": mel, "most": 24}
    options |= {"generator": dice(4), **chosen}
    for part in clear.stream(arms["flow", 0], made["flow"], rows, **options):
        seconds.append(time.perf_counter() - began)
        heard_so_far += len(part)
    return seconds[0], seconds[-1], heard_so_far / mel.rate


delays, chunks = {}, (2, 4, 8, 24)
for chunk in chunks:
    trial = [first_sound(chunk) for _ in range(repeats)]
    delays[chunk] = [one[0] for one in trial]
    name = f"Ω = {chunk}" if chunk < 24 else "the whole"
    print(
        f"{name:<10}first sound after {min(delays[chunk]) * 1000:5.0f} ms, all of it after "
        f"{min(one[1] for one in trial) * 1000:5.0f} ms, {trial[0][2]:.1f} s long"
    )

# %% [markdown]
# Latency grows with the chunk, not with what is said. What do chunks cost? Time in all, for one:
# the vocoder goes over the context of every chunk again. Quality not at all where ten latents of
# context are decoded along; the frames are those of the whole. With none but the overlap, the
# borders are heard.

# %%
units = one.units[:, :length]
whole_frames = made["flow"].decode(units)[0]
for context in (0, 10):
    parts = chunked(
        units[0], lambda u: made["flow"].decode(u[None])[0], chunk=4, overlap=1, context=context
    )
    gap = (torch.cat(list(parts)) - whole_frames).abs().mean()
    print(f"context of {context:>2} latents: chunks differ from the whole by {float(gap):.4f}")

# %% [markdown]
# ### Whose voice
#
# The paper's models are *zero-shot*: text and sound of a prompt stand in front, and the model goes
# on in that voice. Here the first half second of a true utterance is given, and the model says the
# rest. Does a speaker encoder, which hears only the rest, name the speaker of the prompt?

# %%
long_enough = [i for i in range(n) if len(truth[i]) >= 96][:prompts] or [0]
who = test.speakers[long_enough]


def named_right(frames):
    """Share of utterances whose voice is that of the prompt's speaker."""
    with torch.no_grad():
        logits = voices.logits(*speech_models.padded([one[40:] for one in frames]))
    return float((logits.argmax(-1) == who).float().mean())


def continued(kind, k):
    """What an arm says behind the first half second of true utterances."""
    arm, step = arms[kind, k], made[kind].stride
    prompt = torch.cat([made[kind].encode(truth[i][None, :40]) for i in long_enough])
    rest = arm.spelled([test.phones[i] for i in long_enough])
    law = clear.weighted(setting[kind]["w"], setting[kind]["temperature"])
    options = {"steps": setting[kind]["steps"]} if kind == "flow" else {}
    limits = {"most": 24 * 8 // step, "least": 64 // step}
    said = speak(arm, rest, prompt=prompt, law=law, generator=dice(k), **limits, **options)
    return clear.heard(made[kind], said)


kept = {(kind, k): named_right(continued(kind, k)) for kind, k in arms}
print(
    f"true rest: {named_right([truth[i] for i in long_enough]):.2f} named as the prompt's speaker"
)
for kind in clear.ARMS:
    print(f"{named[kind]:<24}{told_of(over(kind, kept), 2)}")

# %% [markdown]
# ### The verdict
#
# The parts `steps`, `error`, `speed`, `head` and `streaming` stood in the catalog before anything
# was built; `mel`, `voice` and `shortcut` joined them before they were measured, `variety` after
# the first models had been looked at.

# %%
against = partial(arlearn.Measured.over, note=f"{n} texts, {len(seeds)} models a side")
single = f"{n} texts, one model of the baseline"
arlearn.claim(
    "clear",
    {
        "steps": arlearn.Measured(
            per_second["flow"],
            per_second["codes"],
            note=f"counted; log-mel distance {distance['flow']:.3f} and {distance['codes']:.3f}",
        ),
        "error": against(over("flow"), over("codes"), reason="no better beyond the spread"),
        "speed": against(
            speed["flow"],
            speed["codes"],
            reason="a head of ten Euler steps costs more than a transformer as small as this one",
            note=f"one text at a time, decoder included, {base['steps']} Euler steps, guided alike",
        ),
        "head": against(
            over("flow"),
            over("squares"),
            note=single,
            reason="the mean is as clear to a recogniser; it has lost the choice, not the words",
        ),
        "variety": against(
            over("flow", strange),
            over("squares", strange),
            note=single,
            reason="no better beyond the spread",
        ),
        "streaming": against(
            delays[4],
            delays[24],
            reason="nothing is gained",
            note="chunks of 4 latents; Griffin-Lim included",
        ),
        "mel": against(
            over("flow"), over("mel"), note=single, reason="no better beyond the spread"
        ),
        "voice": against(
            over("flow", kept),
            over("codes", kept),
            reason="no better beyond the spread",
            note=f"{len(long_enough)} continuations of half a second",
        ),
        "shortcut": against(
            without[True],
            without[False],
            reason="no better beyond the spread",
            note=f"short runs of {live_steps} steps, as shown above",
        ),
    },
    equal="transformer, size of heads, texts, utterances, optimiser steps, guidance; "
    "resynthesis of latents and codes",
    seeds=seeds,
)

# %% [markdown]
# ## Play
#
# One text from one noise, by the number of Euler steps. With one step everything is the mean of
# what could follow; a few more, and the flow has made up its mind.

# %%
widest = max(len(frames) for frames in pictures.values())
pages, told = [], []
for k, (error, _, voice) in zip(euler, by_steps, strict=True):
    if k != 4:  # hardly another picture than that of 10
        missing = widest - len(pictures[k])
        pages.append(torch.nn.functional.pad(seen(pictures[k]), (0, missing), value=0.5))
        steps = f"{k} Euler step{'s' * (k > 1)}"
        told.append(f"{steps}: character error {error:.3f}, FD of voices {voice:.2f}")
show.scrub(pages, told, label="a text by Euler steps", width=560)

# %% [markdown]
# ## Where it breaks
#
# **Ten digits and sixteen synthetic voices.** The recogniser and the speaker encoder know exactly
# these, and nothing says how natural it sounds. A text of the paper is any sentence, a voice any
# voice, and its judges are large models; what carries over is who is ahead of whom, not by how
# much.
#
# **Frames stand for the waveform.** The paper's encoder goes from samples to 7.8 latents a second,
# a factor of 2,048, with a multi-scale spectral loss, a discriminator and its features. Here the
# rate of log-mel frames falls by 8, with the absolute distance as the only loss, and Griffin-Lim
# makes the sound. Shortcuts have far less to carry here, and what is measured of them is the
# beginning of a training, not its end.
#
# **The lead over least squares is thin.** Of that head, of mel frames and of the longer training of
# codes there is one model each, so their spread over seeds is not known. What the flow adds for
# sure is the choice among voices, not the words.
#
# **Codes could be written otherwise.** Here all levels stand in one sequence. VALL-E writes the
# first level one by one and the others in passes over the whole sequence, and others delay them; so
# fewer steps can be had with codes too, at the price of levels that know less of each other. All
# arms have the same learning rate and the same number of steps, tuned for none of them. The codes'
# table of embeddings makes that arm the largest.
#
# **Frames under a Gaussian are half of MELLE.** Its sampled latent, the loss on the change between
# frames and the network behind the frames are left out. What remains is the weakness it repairs:
# noise that is independent in every bin, or no noise and no choice.
#
# **Nothing counts the words.** Attention alone decides which phone is next. Where it slips, a sound
# comes twice or not at all, and much guidance makes that worse, not better, as the sweep shows: the
# text is insisted on at every step, whether it has been said or not. The stop knows no length
# either.
#
# **Silence knows how long the text is.** Zero vectors keep their positions, as the paper wants it;
# so the unconditional stream still sees how many phones there are, and guidance does not act on the
# duration.
#
# **What is left out.** Averages of the weights are over the second half of a training. There is no
# long prompt of another text: the prompt is the beginning of the same utterance. Word errors,
# opinion scores and long sentences are not measured.
#
# Read on: [xAR](https://arxiv.org/abs/2502.20388) (chapter 2) has the same flow in pictures,
# several vectors at a time; [BELLE](https://arxiv.org/abs/2510.24372) (chapter 56) keeps frames and
# makes the Gaussian wiser, [SimpleSpeech 2](https://arxiv.org/abs/2408.13893) (chapter 43) draws
# all latents at once, [MeanVC](https://arxiv.org/abs/2510.08392) (chapter 51) needs one step of its
# flow.

# %% [markdown]
# ## Exercises
#
# **6.1** (five minutes) The shortcut where the rate falls by `stride`: moments of a channel become
# channels beside each other, and groups of neighbouring channels become their mean.


# %% tags=["exercise"]
def shortcut(x, stride, out):
    """x `b c t` -> `b out t/stride`, without a parameter."""
    raise NotImplementedError("First b c (n s) -> b (c s) n, then the mean of each of out groups.")


arlearn.check("6.1", shortcut)


# %% tags=["solution", "hide-input"]
def shortcut(x, stride, out):
    """Rearranged, then averaged in groups."""
    b, c, t = x.shape
    wide = x.reshape(b, c, t // stride, stride).transpose(2, 3).reshape(b, c * stride, t // stride)
    return wide.reshape(b, out, c * stride // out, t // stride).mean(2)


arlearn.check("6.1", shortcut)

# %% [markdown]
# **6.2** (ten minutes) A draw with two streams: Euler's method from noise at $t = 1$ to data at
# $t = 0$ along $v_w$. `velocity(z, t, state)` gives the velocity at a time that is a number.


# %% tags=["exercise"]
def draw(velocity, noise, h, null, w, steps):
    """z at t = 0 after `steps` equal Euler steps along the guided velocity."""
    raise NotImplementedError("z = noise; at t = 1 - i / steps go - v / steps, with v of both.")


arlearn.check("6.2", draw)


# %% tags=["solution", "hide-input"]
def draw(velocity, noise, h, null, w, steps):
    """Both velocities at the same z, mixed by w and 1 - w."""
    z = noise
    for i in range(steps):
        t = 1 - i / steps
        z = z - (w * velocity(z, t, h) + (1 - w) * velocity(z, t, null)) / steps
    return z


arlearn.check("6.2", draw)

# %% [markdown]
# **6.3** (twenty minutes) When does a Gaussian head fail? Let the next latent have one number and
# two equally likely modes, at $m$ and $-m$, each with deviation $s$: two voices. Which deviation
# has the Gaussian with the greatest likelihood (its mean is 0), and which share of its draws is
# more than $2s$ away from both modes, where no voice is? When is that share small?


# %% tags=["exercise"]
def between(m, s):
    """The best Gaussian's deviation, and the share of its draws that are near no mode."""
    raise NotImplementedError("Variances add; then integrate with math.erf, overlaps once.")


arlearn.check("6.3", between)


# %% tags=["solution", "hide-input"]
def between(m, s):
    """Deviation sqrt(m² + s²); what lies within 2 s of ±m is taken off."""
    import math

    wide = math.hypot(m, s)
    low, high = max(m - 2 * s, 0.0), m + 2 * s
    near = math.erf(high / wide / math.sqrt(2)) - math.erf(low / wide / math.sqrt(2))
    return wide, 1 - near


arlearn.check("6.3", between)
for m in (0.0, 1.0, 2.0, 5.0):
    print(f"modes {m:g} deviations from the middle: {between(m, 1.0)[1]:.0%} of the draws are lost")
