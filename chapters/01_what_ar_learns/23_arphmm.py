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
# # ARPHMM: when some of what is hidden is known

# %%
import itertools
import math
from dataclasses import replace

import torch

import arlearn
from arlearn import data, metrics, show
from arlearn.data.health import fleets, health_indicator
from arlearn.metrics.clusters import adjusted_rand
from arlearn.metrics.prognostics import life_score, root_mean_square, timely
from arlearn.nets import chain, knowledge
from arlearn.papers import arphmm
from arlearn.trace import Trace

arlearn.card("arphmm")

# %% tags=["parameters"]
tier = arlearn.tier()

# %%
engines, seeds, starts, draws, most, real_seeds = {
    "smoke": (6, [0, 1], 1, 10, 3, 1),
    "cpu": (30, [0, 1, 2, 3, 4], 2, 80, 100, 3),
    "gpu": (1000, [0, 1, 2, 3, 4], 3, 100, 100, 5),
}[tier]
device = arlearn.device()
states, order = 4, 2
wrong = 0.3  # share of wrong entries in the log of phases
thin = tier == "smoke"
horizon = 60 if thin else 350  # cycles; no engine lives longer

# %% [markdown]
# ## The question
#
# Everything else in this course is a network. This chapter is not: it is the autoregressive model
# as statisticians had it before, a handful of numbers, learned without a gradient, and it asks the
# question of the part it stands in most plainly. What does a model learn that predicts the next
# value?
#
# The data are engines. Each flight leaves one row of sensor readings; after one to three hundred
# flights the engine fails. Below is one of the sensors of one simulated engine, and the **health
# indicator** that is made of all that follow an engine's age, one number a flight.

# %%
train = [data.turbofan("train", engines, seed=seed) for seed in seeds]
test = [data.turbofan("test", engines, seed=seed, whole=True) for seed in seeds]
readers = [health_indicator(fleet, window=1) for fleet in train]
known, unseen = fleets(train, readers).to(device), fleets(test, readers).to(device)

one = train[0].first(1)
indicator = readers[0](one)[0]
truth = one.regimes[0, :, None].double()
show.tracks(
    torch.cat([one.sensors[0][:, 3:4], indicator, truth], 1),
    [
        show.Panel("one of 21 sensors: turbine outlet (°R)", lines={"sensor": 0}, height=80),
        show.Panel("health indicator", lines={"indicator": 1}, segments=2),
    ],
    x="cycle",
    first=1,
    caption="One engine from its first flight to its failure. The colours of the last plot are the "
    "four true phases of wear, which only a simulator can tell.",
)

# %% [markdown]
# The phases are what a mechanic wants to know: in which is this engine, and how long has it got?
# An **autoregressive hidden Markov model** (ARHMM) promises just that. Each hidden state predicts
# the next reading from the last few, in its own way; the states take turns; and expectation
# maximisation (EM) finds both from the readings alone.
#
# It does find states. Are they the phases? Here are several fleets of engines, one training each,
# from one random start each. The adjusted Rand index compares two ways to cut a life into pieces,
# whatever the pieces are called: 1 is the same cut, 0 is chance.


# %%
def weights_of(make):
    """Weights log w for every fleet, from a function of its number."""
    return torch.stack([make(i) for i in range(len(seeds))]).to(device)


def trained(log_w=None, states=states, order=order, seeds=seeds, of=known, forward=False):
    """EM on all fleets side by side; states come back in the order of their readings."""
    begun = arphmm.beginning(of.readings, of.recorded, states, order, seeds)
    if forward:  # a move that starts at 0 stays at 0
        ahead = begun.move.triu()
        begun = replace(begun, move=ahead / ahead.sum(-1, keepdim=True))
    found = arphmm.learn(begun, of.readings, of.recorded, log_w, most=most)
    posterior = arphmm.expect(found.model, of.readings, of.recorded, log_w)
    return arphmm.by_level(found.model, posterior, of.readings), found


def agreement(model, fleet=unseen):
    """Adjusted Rand index of each fleet's true phases and the states, cycle by cycle, filtered."""
    guess = arphmm.filtered(model, fleet.readings, fleet.recorded).argmax(-1)
    seen, true = fleet.recorded[..., model.order :], fleet.regimes[..., model.order :]
    rows = zip(guess, true, seen, strict=True)
    return [adjusted_rand(g[s].cpu(), t[s].cpu()) for g, t, s in rows]


plain, plain_run = trained()
found_plain = agreement(plain)
for i, (index, took) in enumerate(zip(found_plain, plain_run.iterations.tolist(), strict=True)):
    print(f"fleet {i + 1}: agreement with the true phases {index:.2f}, after {took} EM iterations")

# %% [markdown]
# The likelihood has many maxima, and none of them was asked to be about wear. Yet somebody
# usually knows *something*: a mechanic has noted in which phase an engine seemed to be, and was
# often right; engines wear in one direction; a life that ended at cycle 200 was nearly over at
# 190. None of this is certain enough to be a label. It is too good to be thrown away.

# %% [markdown]
# ## The idea
#
# Say it as a **weight**: $w_t(k)$ between 0 and 1, how plausible state $k$ is at time $t$, the most
# plausible one at 1. A weight of 1 everywhere is ignorance. A single 1 among zeros is certainty. A
# mechanic who noted phase 2 and may be wrong is a 1 at phase 2 and a number $\nu$ in between
# elsewhere. EM stays what it is; in the one place where it asks how well state $k$ explains reading
# $t$, the answer is multiplied by $w_t(k)$.
#
# The picture shows it for one engine. On top what is noted, a third of it wrong. Below it, what EM
# makes of the states: first from the readings alone, then with the notes as weights.

# %%
noted = [
    knowledge.mistaken(fleet.regimes, states, wrong, seed)
    for fleet, seed in zip(train, seeds, strict=True)
]
filled = known.regimes.clone()
for i, notes in enumerate(noted):
    filled[i, :, : notes.shape[1]] = notes.to(device)


def doubted(doubt):
    """The notes as weights: 1 at what was noted, `doubt` elsewhere."""
    return weights_of(lambda i: knowledge.doubted(filled[i].cpu(), states, doubt))


half = doubted(0.5)
method, method_run = trained(half)


def opinion(model, log_w=None, fleet=known, engine=0):
    """γ of one engine of the first fleet, a column a state."""
    found = arphmm.expect(model, fleet.readings, fleet.recorded, log_w)
    return found.states[0, engine].cpu()


t = int(known.cycles[0, 0])
columns = [known.readings[0, 0, order:t].cpu(), filled[0, 0, order:t, None].double().cpu()]
columns += [opinion(plain)[: t - order], opinion(method, half)[: t - order]]
columns.append(known.regimes[0, 0, order:t, None].double().cpu())
show.tracks(
    torch.cat(columns, 1),
    [
        show.Panel("indicator, true phases", lines={"indicator": 0}, segments=10),
        show.Panel("as noted", segments=1, height=50),
        show.Panel("readings alone", shares={f"state {k}": 2 + k for k in range(4)}, height=100),
        show.Panel("with the notes", shares={f"state {k}": 6 + k for k in range(4)}, height=100),
    ],
    x="cycle",
    first=order + 1,
    caption="Notes that are wrong in every third cycle still pin the states to the phases; what "
    "the notes get wrong, the readings mend.",
)

# %% [markdown]
# ## The maths
#
# **Model.** A unit is a series $x_1, \dots, x_T$ with $x_t \in \mathbb{R}^c$ (here $c = 1$). The
# hidden state $z_t \in \{0, \dots, K-1\}$ is a Markov chain, $z_1 \sim \pi$, $P(z_t = j \mid
# z_{t-1} = i) = A_{ij}$, and each state predicts the next reading from the last $p$:
#
# $$ x_t \mid z_t = k, x_{<t} \;\sim\; \mathcal N(\Theta_k h_t, \Sigma_k), \qquad
#    h_t = [1, x_{t-1}, \dots, x_{t-p}] \in \mathbb R^{1 + pc} . $$
#
# The first $p$ readings are only conditioned on; below, $t$ begins after them. With $p = 0$ this is
# the ordinary Gaussian hidden Markov model, with $K = 1$ an ordinary autoregression.
#
# **Knowledge.** $w_t(k) \in (0, 1]$ re-weights the paths of states,
#
# $$ p_w(z \mid x; \theta) = \frac{\prod_t w_t(z_t)\; p(x, z; \theta)}{L_w(\theta)}, \qquad
#    L_w(\theta) = \sum_z \prod_t w_t(z_t)\; p(x, z; \theta) . $$
#
# **Why EM still works.** For any law $q$ over paths, Jensen's inequality gives
#
# $$ \log L_w(\theta) \;\ge\; \sum_z q(z) \log \frac{\prod_t w_t(z_t)\, p(x, z; \theta)}{q(z)} , $$
#
# with equality at $q = p_w(\cdot \mid x; \theta)$. All it needs is a positive function of $z$
# under the sum, and $w$ times $p$ is one (exercise 23.2). Raising the right side in $\theta$
# meets $\log w$ only as a constant. So $\log L_w$ can never fall, and the M-step does not know
# about $w$. It is tempting to divide by $\mathbb{E}_\theta[\prod_t w_t(z_t)]$ and call the result
# a likelihood; that is another estimator, whose M-step has no closed form.
#
# **E-step**, in logarithms. With $\log b'_t(k) = \log \mathcal N(x_t; \Theta_k h_t, \Sigma_k) +
# \log w_t(k)$,
#
# $$ \alpha_1 = \pi\, b'_1, \quad \alpha_t(j) = b'_t(j) \sum_i \alpha_{t-1}(i) A_{ij}, \qquad
#    \beta_T = 1, \quad \beta_t(i) = \sum_j A_{ij}\, b'_{t+1}(j)\, \beta_{t+1}(j), $$
#
# $$ L_w = \sum_k \alpha_T(k), \quad \gamma_t(k) = \frac{\alpha_t(k) \beta_t(k)}{L_w}, \quad
#    \xi_t(i, j) = \frac{\alpha_t(i) A_{ij}\, b'_{t+1}(j)\, \beta_{t+1}(j)}{L_w} . $$
#
# **M-step**, sums over all units and times:
#
# $$ \pi_k \propto \sum \gamma_1(k), \quad A_{ij} \propto \sum \xi_t(i,j), \quad
#    \Theta_k = \Bigl(\sum \gamma_t(k)\, x_t h_t^\top\Bigr)
#               \Bigl(\sum \gamma_t(k)\, h_t h_t^\top + \varepsilon I\Bigr)^{-1}, \quad
#    \Sigma_k = \frac{\sum \gamma_t(k)\, e_t e_t^\top}{\sum \gamma_t(k)}, $$
#
# with $e_t = x_t - \Theta_k h_t$ and $\Sigma_k$ kept above a floor.
#
# **An honest doubt.** If a note names a wrong state with probability $e$, any of the $K - 1$
# others alike, then what it says about the states is the likelihood ratio $\nu^\ast = \frac{e /
# (K-1)}{1 - e}$. Weights need not be such a ratio, but where the error is known, this is the one
# that neither trusts nor doubts too much (exercise 23.1).
#
# **Remaining life.** At test time there are no weights and no future: the filter $f_t(k) \propto
# \alpha_t(k)$ knows $x_1, \dots, x_t$ alone. From it, two estimates. *Rollout*: draw $z$ from
# $f_t$, then readings from the model, until one reaches the level at which training engines
# failed; the median of those first-passage times, with the range of 10 to 90%. *Chain*: let the
# last state be the end and count the expected steps until then, $\sum_k f_t(k)\,[(I - Q)^{-1}
# 1]_k$, $Q$ being $A$ without the last state (exercise 23.3).

# %% [markdown]
# ## The code
#
# The whole of the paper is one line, the third of this function.

# %%
arlearn.source(arphmm.expect)

# %%
arlearn.source(chain.forward, docstring=False)

# %% [markdown]
# The M-step is sums. $\gamma$ holds the weights already; multiplying them in again here is the
# commonest mistake.

# %%
arlearn.source(arphmm.maximise)

# %% [markdown]
# What is known becomes weights in two ways. A note with doubt, and, where there is no mechanic, the
# fuzzy stages of a life: a run-to-failure engine was young when it was young. The second needs to
# know when the engine failed, so it exists for training engines only.

# %%
arlearn.source(knowledge.doubted)

# %%
arlearn.source(knowledge.stages)

# %% [markdown]
# Sums over paths are easily wrong in ways that look right. With three states and six readings all
# 729 paths can be added up one by one.

# %% tags=["nbval-check-output"]
dice = torch.Generator().manual_seed(0)
few = torch.randn(1, 8, 1, dtype=torch.float64, generator=dice)
log_w = -torch.rand(1, 8, 3, dtype=torch.float64, generator=dice)
there = torch.ones(1, 8, dtype=torch.bool)
tiny = arphmm.beginning(few[None], there[None], 3, 2, [0]).one(0)
log_b = (tiny.log_density(few, there) + log_w[:, 2:])[0]
paths = list(itertools.product(range(3), repeat=6))
joint = torch.stack(
    [
        tiny.start[z[0]].log()
        + sum(tiny.move[i, j].log() for i, j in itertools.pairwise(z))
        + sum(log_b[s, k] for s, k in enumerate(z))
        for z in paths
    ]
)
found = arphmm.expect(tiny, few, there, log_w)
summed = torch.stack([joint[[z[3] == k for z in paths]].logsumexp(0) for k in range(3)])
close = torch.allclose(found.log_likelihood[0], joint.logsumexp(0), rtol=0, atol=1e-10)
print("log L_w is the sum over all paths:", close)
right = torch.allclose(found.states[0, 3], (summed - joint.logsumexp(0)).exp(), atol=1e-10)
print("γ at the fourth reading is its share of them:", right)
nothing = torch.zeros_like(log_w)
same = torch.equal(arphmm.expect(tiny, few, there).states,
                   arphmm.expect(tiny, few, there, nothing).states)  # fmt: skip
print("weights of 1 change no bit:", same)
early = arphmm.filtered(tiny, few[:, :5], there[:, :5])
future = (arphmm.filtered(tiny, few, there)[:, :3] - early).abs().max()
print("the filter does not move when the future comes:", bool(future < 1e-12))

# %% [markdown]
# ## Train
#
# Every arm gets the same engines, the same start and at most the same number of iterations. They
# differ in what is known:
#
# - **ARHMM**: nothing, $w \equiv 1$. As one start may be unlucky, also the likeliest of several.
# - **notes, ν**: the mechanic's notes with doubt $\nu$; at $\nu = 0$ they are taken as certain.
# - **stages**: no notes, only fuzzy stages of the training engines' lives.
# - **ends**: no notes, only that a life begins in the first state and ends in the last.
# - **order**: no notes, only that no engine goes back to an earlier state: zeros in $A$.
# - **PHMM**: notes with doubt, but no autoregression ($p = 0$). **AR**: one state ($K = 1$).

# %%
honest = knowledge.honest_doubt(wrong, states)
longest = known.readings.shape[2]
stages = weights_of(lambda i: knowledge.stages(known.cycles[i].cpu(), longest, states))
both_ends = weights_of(lambda i: knowledge.ends(known.cycles[i].cpu(), longest, states))

arms = {"ARHMM": (plain, plain_run), "notes, ν = 0.5": (method, method_run)}
arms["notes, honest ν"] = trained(doubted(honest))
arms["notes, ν = 0"] = trained(doubted(0.0))
arms["stages"] = trained(stages)
arms["ends"] = trained(both_ends)
arms["order"] = trained(forward=True)
arms["PHMM (p = 0)"] = trained(half, order=0)
arms["AR (K = 1)"] = trained(states=1)

tries = [arms["ARHMM"]]
tries += [trained(seeds=[seed + 100 * again for seed in seeds]) for again in range(1, starts)]
final = torch.stack([run.log_likelihood[-1] for _, run in tries])
best = final.argmax(0).tolist()

falls = []
for name, (_, run) in arms.items():
    curve = run.log_likelihood
    falls.append(float(((curve[:-1] - curve[1:]) / curve[1:].abs()).max()))
    took = metrics.mean_spread(run.iterations.tolist())
    cells = int(known.recorded[..., order:].sum())
    gain = float((curve[-1] - curve[0]).sum()) / cells
    print(f"{name:<16}{took.mean:5.1f} iterations   log L_w rises by {gain:6.3f} nats a cycle")
print(f"largest fall of log L_w in any iteration of any arm: {max(falls):.1e} of it")

# %%
gaps = {}
for name in ("ARHMM", "notes, ν = 0.5", "stages"):
    curve = arms[name][1].log_likelihood[:, 0]
    below = ((curve[-1] - curve) / known.recorded[0].sum()).tolist()
    below = [gap for gap in below if gap > 1e-9]
    gaps[name] = (range(len(below)), below)
show.curves(
    gaps,
    x="EM iteration",
    y="log L_w below its last value (nats per cycle)",
    log="y",
    caption="The first fleet. Every curve falls in every iteration: log L_w never loses. A few "
    "notes turn a long search with plateaus into a short one.",
)

# %% [markdown]
# ## Sample
#
# An autoregressive model can be asked for whole lives: begin healthy, draw a state, draw a reading,
# and so on until the failure level is reached. Three lives of training engines, then three drawn
# from each model, the first that came.


# %%
def level(fleet, i, quantile=0.1):
    """The indicator at which a tenth of the training engines had failed."""
    ends = fleet.readings[i].take_along_dim(fleet.cycles[i][:, None, None] - 1, 1)
    return float(ends.quantile(quantile))


def lives(model, count=3, seed=0):
    """Readings of drawn lives [cycle, life], NaN after the failure."""
    model = model.one(0)
    past = known.readings[0, torch.arange(count) % engines, :order, 0].flip(-1)
    source = torch.Generator(device).manual_seed(seed)
    begun = model.start.expand(count, -1)
    walked = itertools.islice(arphmm.walk(model, begun, past, 1, source), horizon)
    readings = torch.stack([x[:, 0, 0] for x in walked]).cpu()
    over = (readings >= level(known, 0)).cumsum(0)
    return readings.where((over - (readings >= level(known, 0)).int()) == 0, math.nan)


real = known.readings[0, :3, :, 0].T.where(known.recorded[0, :3].T, math.nan).cpu()
drawn = {"training engines": real, "ARPHMM, notes": lives(method), "ARHMM": lives(plain)}
rows = max(int((~part.isnan()).any(1).sum()) for part in drawn.values())
drawn = {
    name: torch.cat([part, part.new_full((rows, 3), math.nan)])[:rows]
    for name, part in drawn.items()
}
show.tracks(
    torch.cat(list(drawn.values()), 1),
    [
        show.Panel(name, lines={f"{k + 1}": 3 * i + k for k in range(3)}, height=95)
        for i, name in enumerate(drawn)
    ],
    x="cycle",
    first=1,
    caption="Both models draw lives that look like lives. Their lengths vary more than the real "
    "ones: a state of a Markov chain forgets how long it has lasted.",
)

# %%
for name, (model, _) in list(arms.items())[:2]:
    many = (~lives(model, min(engines, 200), seed=1).isnan()).sum(0).double()
    print(f"{name:<16}drawn lives {many.mean():4.0f} ± {many.std():3.0f} cycles", end="   ")
    print(f"engines {known.cycles[0].double().mean():4.0f} ± {known.cycles[0].double().std():3.0f}")

# %% [markdown]
# Now one test engine as a mechanic would see it, flight by flight. Move the control: the reading so
# far with the level the filter gives it, the filter's law over the states, the fan of drawn futures
# running towards the failure level, and the remaining life with its band beside the truth. Nothing
# to the right of the line was known.

# %%
ahead, pause = 24, 40 if thin else 12


def told(model, engine=0, seed=0):
    """A trace of filtering one test engine of the first fleet, every few cycles."""
    model, fleet = model.one(0), unseen
    t, readings = int(fleet.cycles[0, engine]), fleet.readings[0, engine, :, 0]
    law = arphmm.filtered(model, fleet.readings[0], fleet.recorded[0])[engine]
    trace, captions = Trace(t + ahead), []
    held = torch.full((t + ahead, 8 + states), math.nan, dtype=torch.float64)
    before, source = order, torch.Generator(device).manual_seed(seed)
    for now in range(order + 10, t, pause):
        past = readings[now - order + 1 : now + 1].flip(-1)[None]
        fan = list(itertools.islice(
            arphmm.walk(model, law[None, now - order], past, 200, source), horizon
        ))  # fmt: skip
        left = arphmm.first_passage(fan, level(known, 0), horizon)[0]
        ends = [float(left.quantile(share)) for share in (0.1, 0.5, 0.9)]
        seen = torch.arange(before, now + 1)
        held[seen, 0] = readings[seen].cpu()
        held[seen, 1 : 1 + states] = law[seen - order].cpu()
        held[seen, 1 + states] = law[seen - order].argmax(-1).double().cpu()
        fan_later = [math.nan, math.nan]
        held[seen, 2 + states : 7 + states] = torch.tensor([*ends, *fan_later]).double()
        held[seen, 7 + states] = fleet.life[0, engine, seen].double().cpu()
        bundle = torch.cat([x[0] for x in fan[:ahead]], 1)
        reach = torch.arange(now + 1, now + 1 + ahead)
        held[reach, 5 + states] = bundle.quantile(0.1, 0).cpu()
        held[reach, 6 + states] = bundle.quantile(0.9, 0).cpu()
        at = torch.arange(before, now + 1 + ahead)
        trace.record(at[at < t + ahead], held[None, at[at < t + ahead]], 0)
        truth = int(fleet.life[0, engine, now])
        captions.append(
            f"cycle {now + 1}: level {int(law[now - order].argmax())}, {ends[1]:.0f} cycles left "
            f"({ends[0]:.0f} to {ends[2]:.0f}); in truth {truth}"
        )
        before = now + 1
    return trace, captions


watched, words = told(method)
show.play(
    watched,
    panels=[
        show.Panel(
            "health indicator",
            lines={"indicator": 0},
            bands={"futures, 10 to 90%": (9, 10)},
            segments=5,
            levels={"failure": level(known, 0)},
            height=180,
        ),
        show.Panel("law over the states", shares={f"{k}": 1 + k for k in range(4)}, height=90),
        show.Panel(
            "remaining life (cycles)",
            lines={"median": 7, "truth": 11},
            bands={"10 to 90%": (6, 8)},
        ),
    ],
    x=("cycle", 1),
    captions=words,
    label="filtering one test engine, flight by flight",
)

# %% [markdown]
# ## Measure
#
# ### The phases
#
# How well do the filtered states cut the lives of *test* engines? No weights there, and no future.

# %%
cut = {name: agreement(model) for name, (model, _) in arms.items()}
restarts = [agreement(model) for model, _ in tries]
cut["ARHMM, likeliest start"] = [restarts[start][i] for i, start in enumerate(best)]
shown = ["ARHMM", "ARHMM, likeliest start", "notes, ν = 0.5", "notes, honest ν", "notes, ν = 0"]
shown += ["stages", "ends", "order", "PHMM (p = 0)"]
show.spread(
    {name: cut[name] for name in shown},
    label="adjusted Rand index on test engines (1 is the truth)",
    caption="A dot is a fleet with its own engines, notes and start; the bar is the mean's 95% "
    "interval.",
)

# %%
print("                        agreement         nats per reading of test engines")
for name in shown:
    found, model = metrics.mean_spread(cut[name]), arms.get(name, arms["ARHMM"])[0]
    scored = arphmm.expect(model, unseen.readings, unseen.recorded).log_likelihood.sum(-1)
    each = (scored / unseen.recorded[..., model.order :].sum((1, 2))).mean()
    density = f"{each:9.3f}" if name in arms else ""
    print(f"{name:<24}{found.mean:.3f} ± {found.deviation:.3f} {density}")
settled = metrics.compare(cut["notes, ν = 0.5"], cut["ARHMM"])
print(f"notes with doubt less readings alone: {settled}")
settled = metrics.compare(cut["stages"], cut["ARHMM"])
print(f"stages less readings alone: {settled}")

# %% [markdown]
# Not all that is true helps. The order of the states alone does harm: a random start has them in
# no order, and a move that is forbidden in the first iteration can never be learned later. A weight
# leaves the door ajar. And stages of equal length are not quite true; they settle every fleet on
# much the same cut, which is no better on average than what the readings find, only surer.
#
# ### How much to trust
#
# The same notes under every doubt, from certainty on the left to ignorance on the right, and notes
# that are wrong more often.

# %%
doubts = [0.01, 0.05, 0.15, 0.5, 0.9] if not thin else [0.1, 0.5]
often = 0.5
worse = torch.stack([
    knowledge.mistaken(known.regimes[i].cpu(), states, often, seed) for i, seed in enumerate(seeds)
])  # fmt: skip
lines, swept = {}, {0.0: arms["notes, ν = 0"], 0.5: arms["notes, ν = 0.5"], 1.0: arms["ARHMM"]}
for share, notes in ((wrong, filled.cpu()), (often, worse)):
    means, spreads = [], []
    for doubt in doubts:
        given = torch.stack([knowledge.doubted(own, states, doubt) for own in notes]).to(device)
        if share == wrong:
            swept[doubt] = swept.get(doubt) or trained(given)
        model = swept[doubt][0] if share == wrong else trained(given)[0]
        found = metrics.mean_spread(agreement(model))
        means.append(found.mean)
        spreads.append(found.deviation)
    means.append(sum(found_plain) / len(found_plain))
    spreads.append(metrics.mean_spread(found_plain).deviation)
    fair = knowledge.honest_doubt(share, states)
    name = f"{share:.0%} of the notes wrong (honest ν = {fair:.2f})"
    lines[name] = ([*doubts, 1.0], means, spreads)
show.curves(
    lines,
    x="doubt ν (1: notes are ignored)",
    y="adjusted Rand index on test engines",
    log="x",
    caption="Trusting too much ruins everything, since the chain must then follow every wrong "
    "note. Between that and ignorance lies a wide plateau. Bands: standard deviation over fleets.",
)

# %% [markdown]
# Certainty is not just the last bit of trust. With $\nu = 0$ the path of states *is* the notes,
# and its jumps are learned as if engines jumped between phases every third flight; the filter then
# believes that, too. A small doubt is enough to let EM say that a jump was a slip of the pen.
#
# ### Where the advantage comes from
#
# Does knowledge help because it tells *which* states are meant, or does it make up for a wrong
# model? Vary the order $p$, and smooth the indicator with a moving average, as is usual in
# practice: smoothing makes the noise follow itself, which no state of the model does.

# %%
variants = [(1, 0), (1, 1), (1, 2), (1, 3), (5, 2)] if not thin else [(1, 1)]
table = {"ARHMM": [], "notes, ν = 0.5": [], "stages": []}
for window, p in variants:
    some = known, unseen
    if window > 1:
        smooth = [health_indicator(fleet, window=window) for fleet in train]
        some = fleets(train, smooth).to(device), fleets(test, smooth).to(device)
    for name, given in (("ARHMM", None), ("notes, ν = 0.5", half), ("stages", stages)):
        repeated = window == 1 and p == order and name in arms
        model = arms[name][0] if repeated else trained(given, order=p, of=some[0])[0]
        table[name].append(metrics.mean_spread(agreement(model, some[1])))
show.bars(
    [f"p = {p}" + f", mean of {window}" * (window > 1) for window, p in variants],
    {name: [found.mean for found in row] for name, row in table.items()},
    spread={name: [found.deviation for found in row] for name, row in table.items()},
    x="order of the autoregression, smoothing of the indicator",
    y="adjusted Rand index",
    caption="Every lag, and smoothing above all, gives the states something else to be about than "
    "wear. What is known holds them in place. Bars: standard deviation over fleets.",
)

# %% [markdown]
# Note the first group. Without any lag a state can only be a level, and levels are what wear is
# about: there the readings alone do as well as with the notes, and better than an autoregressive
# model that is left alone. Knowledge is worth most to the model that is free to misunderstand.
#
# ### The remaining life
#
# At many moments in the lives of the test engines: how many cycles are left? Two estimates from
# each model, and the trivial one that knows no sensor, the mean life of training engines less the
# age.


# %%
def moments(fleet, i, every):
    """(engine, time) of some moments in the lives of a fleet."""
    ages = torch.arange(30, fleet.recorded.shape[-1], every, device=fleet.recorded.device)
    engine, at = torch.nonzero(fleet.recorded[i][:, ages], as_tuple=True)
    return engine, ages[at]


def foretold(model, i, of, fleet, engine, at):
    """Remaining life by rollout (the median) and by the chain, at some moments of fleet i."""
    one, p = model.one(i), model.order
    law = arphmm.filtered(one, fleet.readings[i], fleet.recorded[i])[engine, at - p]
    past = [fleet.readings[i, engine, at - lag, 0] for lag in range(p)]
    past = torch.stack(past, -1) if p else law[:, :0]
    walked = arphmm.walk(one, law, past, draws, torch.Generator(device).manual_seed(i))
    left = arphmm.first_passage(walked, level(of, i), horizon).median(1).values
    return left, law @ chain.until_last(one.move).clamp(max=horizon)


errors, by_chain, scores, trivial = {}, {}, {}, []
for name in ("ARHMM", "notes, ν = 0.5", "stages", "PHMM (p = 0)", "AR (K = 1)"):
    errors[name], by_chain[name], scores[name] = [], [], []
    for i in range(len(seeds)):
        engine, at = moments(unseen, i, 100 if thin else 50)
        left = unseen.life[i, engine, at].double()
        rolled, counted = foretold(arms[name][0], i, known, unseen, engine, at)
        errors[name].append(root_mean_square(rolled, left))
        by_chain[name].append(root_mean_square(counted, left))
        scores[name].append((timely(rolled, left), life_score(rolled, left) / len(left)))
        if name == "ARHMM":
            plainest = (known.cycles[i].double().mean() - at - 1).clamp(min=0)
            trivial.append(root_mean_square(plainest, left))
print(f"{'root mean square error in cycles':<24}{'rollout':>12}{'chain':>17}{'timely':>12}")
for name in errors:
    found, other = metrics.mean_spread(errors[name]), metrics.mean_spread(by_chain[name])
    share = sum(early for early, _ in scores[name]) / len(seeds)
    told_chain = f"{other.mean:8.1f} ± {other.deviation:4.1f}" if "K = 1" not in name else " " * 15
    print(f"{name:<30}{found.mean:8.1f} ± {found.deviation:4.1f}{told_chain}{share:12.0%}")
found = metrics.mean_spread(trivial)
print(f"{'mean life less age':<30}{found.mean:8.1f} ± {found.deviation:4.1f}")
settled_life = metrics.compare(errors["notes, ν = 0.5"], errors["ARHMM"])
print(f"rollout, notes less readings alone: {settled_life}")
settled_chain = metrics.compare(by_chain["notes, ν = 0.5"], by_chain["ARHMM"])
print(f"chain, notes less readings alone: {settled_chain}")

# %% [markdown]
# The two estimates ask different things of a model. A rollout needs to know how readings go on;
# maximum likelihood on readings alone learns that as well as anything, whatever its states mean.
# The chain needs to know that the last state is the end. There the meaning of the states is
# everything, and knowledge is what gives it to them.
#
# The same holds for an alarm, which is what a workshop would use: the last state more likely than
# not for three cycles in a row.

# %%
for name in ("ARHMM", "notes, ν = 0.5", "stages"):
    law = arphmm.filtered(arms[name][0], unseen.readings, unseen.recorded)
    last = (law[..., -1] > 0.5) & unseen.recorded[..., order:]
    rings = last.unfold(-1, 3, 1).all(-1)
    first = rings.int().argmax(-1) + order + 2
    left = unseen.life.gather(-1, first[..., None])[..., 0].double()
    phase = unseen.regimes.gather(-1, first[..., None])[..., 0]
    rang = rings.any(-1)
    early = ((phase < states - 1) & rang).double().mean()
    print(
        f"{name:<16}rings for {rang.double().mean():4.0%} of the engines, {left[rang].mean():4.0f} "
        f"± {left[rang].std():3.0f} cycles before failure; before the last phase: {early:.0%}"
    )

# %% [markdown]
# ### Real files: C-MAPSS FD001
#
# NASA's turbofan files are what this paper and its field are measured on: a hundred engines until
# failure, a hundred that stop before it, and a score, $\sum_d s(d)$ with $d$ = predicted - true
# cycles, $s = e^{-d/13} - 1$ if too early and $e^{d/10} - 1$ if too late. Nobody knows the phases
# there, so there are no notes. What is known is the stages: each training engine's age over its
# life. The indicator is smoothed over five cycles.

# %%
if data.at_hand("cmapss"):
    fleet, tested = data.cmapss("train"), data.cmapss("test")
    if thin:
        fleet, tested = fleet.first(8), tested.first(8)
    read, many = health_indicator(fleet), list(range(real_seeds))
    flown = fleets([fleet] * len(many), [read] * len(many)).to(device)
    stopped = fleets([tested] * len(many), [read] * len(many)).to(device)
    aged = knowledge.stages(fleet.cycles, flown.readings.shape[2], states).to(device)
    each, last = torch.arange(len(tested), device=device), (tested.cycles - 1).to(device)
    left = tested.remaining.double().to(device)
    mean_life = (fleet.cycles.double().mean() - tested.cycles).clamp(min=0).to(device)
    rows = {"mean life less age": [mean_life]}
    for name, given in (("ARHMM", None), ("stages", aged.expand(len(many), -1, -1, -1))):
        model, run = trained(given, seeds=many, of=flown)
        pairs = [foretold(model, i, flown, stopped, each, last) for i in many]
        took = f"({', '.join(map(str, run.iterations.tolist()))} iterations)"
        rows[f"{name}, rollout {took}"] = [rolled for rolled, _ in pairs]
        rows[f"{name}, chain"] = [counted for _, counted in pairs]
    print(f"{len(fleet)} engines to learn from, {len(tested)} to foretell, {len(many)} starts")
    for name, guesses in rows.items():
        off = [root_mean_square(guess, left) for guess in guesses]
        apart = f"{min(off):.1f} to {max(off):.1f}" if len(off) > 1 else f"{off[0]:.1f}"
        on_time = sum(timely(guess, left) for guess in guesses) / len(guesses)
        score = sorted(life_score(guess, left) for guess in guesses)[len(guesses) // 2]
        print(f"{name:<40}{apart:>13} cycles   timely {on_time:4.0%}   score {score:>13,.0f}")
else:
    print("The files are not here, and a chapter downloads nothing by itself. Once")
    print('data.load("cmapss") has fetched them (6 MB), or ARLEARN_DATA_MIRROR names a folder')
    print("that holds cmapss/train_FD001.txt, test_FD001.txt and RUL_FD001.txt, this cell shows")
    print("both models on them.")

# %% [markdown]
# A median over starts stands for the score, which one late prediction can blow up beyond measure.
# Without anybody's notes, the bare fact that engines are young before they are old makes EM stop
# after a few iterations, at the same place from every start.
#
# ### The verdict
#
# The parts were named in the catalog before anything was measured.


# %%
def against(method, baseline, reason="", note=""):
    """Two rows of measurements, one a fleet, with their spreads."""
    one, two = metrics.mean_spread(method), metrics.mean_spread(baseline)
    spread = (one.deviation, two.deviation)
    return arlearn.Measured(one.mean, two.mean, spread=spread, reason=reason, note=note)


noticed = "notes, ν = 0.5"
arlearn.claim(
    "arphmm",
    {
        "monotone": arlearn.Measured(
            max(falls), note=f"{len(arms)} arms, {len(seeds)} fleets each"
        ),
        "segmentation": against(
            cut[noticed],
            cut["ARHMM"],
            note=f"stages alone {metrics.mean_spread(cut['stages']).mean:.3f}; likeliest of "
            f"{starts} starts {metrics.mean_spread(cut['ARHMM, likeliest start']).mean:.3f}",
        ),
        "seeds": arlearn.Measured(
            metrics.mean_spread(cut[noticed]).deviation,
            metrics.mean_spread(cut["ARHMM"]).deviation,
            note=f"{len(seeds)} fleets, each with its own engines, notes and start",
        ),
        "iterations": against(
            arms[noticed][1].iterations.tolist(),
            plain_run.iterations.tolist(),
            note=f"at most {most}; stages alone "
            f"{metrics.mean_spread(arms['stages'][1].iterations.tolist()).mean:.0f}",
        ),
        "doubt": against(
            cut[noticed], cut["notes, ν = 0"], note=f"{wrong:.0%} of the notes are wrong"
        ),
        "remaining-life": against(
            errors[noticed],
            errors["ARHMM"],
            reason="a rollout needs to know only how readings go on, which readings alone teach; "
            "the estimate by the chain, which needs to know what the states mean, gains much",
            note=f"rollout; by the chain {metrics.mean_spread(by_chain[noticed]).mean:.1f} against "
            f"{metrics.mean_spread(by_chain['ARHMM']).mean:.1f}, mean life less age "
            f"{metrics.mean_spread(trivial).mean:.1f}",
        ),
    },
    equal="engines, indicator, order, number of states, start, most iterations; weights differ",
    seeds=seeds,
)

# %% [markdown]
# ## Play
#
# How far do you trust the mechanic? Move from certainty to ignorance and watch what a model trained
# so makes of a test engine it has no notes on. The frames were computed before, so the slider works
# without a kernel too.

# %%
frames, words = [], []
t = int(unseen.cycles[0, 0])
for doubt in [0.0, 0.05, 0.9, 1.0] if not thin else [0.0, 0.5, 1.0]:
    model, run = swept[doubt]
    law = arphmm.filtered(model, unseen.readings, unseen.recorded)[0, 0, : t - order].cpu()
    true = unseen.regimes[0, 0, order:t, None].double().cpu()
    frames.append(
        show.tracks(
            torch.cat([law, true], 1),
            [
                show.Panel("true phases", segments=4, height=40),
                show.Panel("filtered", shares={f"{k}": k for k in range(4)}, height=90),
            ],
            x="cycle",
            first=order + 1,
        )
    )
    words.append(
        f"ν = {doubt:g}: agreement on all test engines of this fleet "
        f"{agreement(model)[0]:.2f}, after {run.iterations[0]} iterations"
    )
show.scrub(
    frames,
    words,
    label="the states of a test engine under growing doubt in the notes",
    caption="On top the truth, below what the filter makes of the readings.",
)

# %% [markdown]
# ## Where it breaks
#
# **Memoryless phases.** A state of a Markov chain does not know how long it has lasted, so drawn
# lives vary more than real ones and the band of the remaining life is wide. Semi-Markov models give
# each state a law of durations.
#
# **Knowledge that is wrong in the same way everywhere.** The notes here are wrong by chance,
# cycle by cycle, and chance averages out. The notes of a mechanic who is always ten cycles late all
# pull the boundaries the same way, and only the readings pull back.
#
# **Stages are a guess, too.** That phases cut a life into equal parts is false for these engines,
# and the weights of life's stages then pull the boundaries to where they are not: compare *stages*
# with *ARHMM* above. What they do give without anybody's notes is one answer, quickly, from every
# start; on the real files, where the readings alone lead each start elsewhere, that is worth more.
#
# **The likelihood is not the judge.** Compare the two columns of the first table under *Measure*:
# models that explain the readings of test engines equally well cut their lives quite differently.
# Starting more often and keeping the likeliest model, the usual cure for local maxima, helps
# little, since the likeliest cut need not be that of wear.
#
# **What is left out.** A fourth estimate of the remaining life, one model for each training
# engine and the lives of the five that explain the prefix best, is not built. The formulas of the
# model are the standard ones; how the indicator is made, the first parameters, the fuzzy stages
# and the estimates of remaining life are common practice rather than quotations, and the paper's
# own tables on C-MAPSS cannot be compared line by line. FD002 to FD004, with more operating
# conditions and kinds of fault, are read from a folder (`data.cmapss(subset="FD002", folder=…)`)
# but not measured.
#
# Read on: [Mesa](https://arxiv.org/abs/2405.16845) (chapter 58) finds an autoregressive process in
# context, by attention instead of EM. The [NAT survey](https://arxiv.org/abs/2204.09269) (chapter
# 27) and [Paraformer](https://arxiv.org/abs/2206.08317) (chapter 29) sum over alignments: the
# forward recursion above is that of CTC, and continuous integrate-and-fire is its soft cousin.
# [BELLE](https://arxiv.org/abs/2510.24372) (chapter 56) asks how sure a prediction is.

# %% [markdown]
# ## Exercises
#
# **23.1** (five minutes) A note names the true state with probability $1 - e$, else any of the
# others alike. Which doubt $\nu$ says exactly that? Scale the likelihoods so that the largest is 1.


# %% tags=["exercise"]
def doubt(e, states):
    """The weight of a state that was not noted, where the noted one has 1."""
    raise NotImplementedError("Divide p(note | another state) by p(note | the noted state).")


arlearn.check("23.1", doubt)


# %% tags=["solution", "hide-input"]
def doubt(e, states):
    """The ratio of the two likelihoods."""
    return e / (states - 1) / (1 - e)


arlearn.check("23.1", doubt)

# %% [markdown]
# **23.2** (ten minutes) The heart of the convergence proof. `log_joint[z]` is
# $\log\bigl(w(z)\, p(x, z)\bigr)$ for every path $z$, `q[z]` any law over paths. Return the lower
# bound of $\log L_w$ that Jensen's inequality gives. The checker tries it on $w$ of any size: it
# needs to be a positive function, nothing else.


# %% tags=["exercise"]
def bound(log_joint, q):
    """The bound on log Σ_z exp(log_joint[z]) under q."""
    raise NotImplementedError("Σ q (log_joint - log q); a path with q = 0 adds nothing.")


arlearn.check("23.2", bound)


# %% tags=["solution", "hide-input"]
def bound(log_joint, q):
    """Expected log joint, and the entropy of q."""
    return float((q * log_joint).nan_to_num().sum() - torch.xlogy(q, q).sum())


arlearn.check("23.2", bound)

# %% [markdown]
# **23.3** (a small project) A mean alone is half a forecast. For a chain whose last state is the
# end, return the mean *and* the standard deviation of the number of steps until it is reached, from
# each state. With $N = (I - Q)^{-1}$: $m = N 1$, and the variance is $(2N - I)\,m - m^2$.


# %% tags=["exercise"]
def until_end(move):
    """(mean, deviation) of the steps to the last state from each of the others, K - 1 numbers."""
    raise NotImplementedError("Q is the chain without its last row and column.")


arlearn.check("23.3", until_end)


# %% tags=["solution", "hide-input"]
def until_end(move):
    """By the fundamental matrix."""
    one = torch.eye(len(move) - 1, dtype=move.dtype)
    visits = torch.linalg.inv(one - move[:-1, :-1])
    mean = visits.sum(1)
    return mean, ((2 * visits - one) @ mean - mean**2).sqrt()


arlearn.check("23.3", until_end)
mean, deviation = until_end(method.one(0).move.cpu())
print("steps to the last phase, in the model with the notes, first fleet:")
for k, (m, d) in enumerate(zip(mean.tolist(), deviation.tolist(), strict=True)):
    print(f"from state {k}: {m:4.0f} ± {d:3.0f}")
