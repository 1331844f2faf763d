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
# # MDPO: a mark for every draft

# %%
from dataclasses import replace

import torch

import arlearn
from arlearn import metrics, reward, show, zoo
from arlearn.data.tasks import ALPHABET
from arlearn.decode.unmask import unmask
from arlearn.frontier import Point
from arlearn.metrics.paired import paired
from arlearn.papers import mdpo
from arlearn.decode.perform import Way, perform
from arlearn.zoo import mdpo_models

arlearn.card("mdpo")

# %% tags=["parameters"]
tier = arlearn.tier()

# %%
n, judged, budgets, live_updates, rival_updates, seeds = {
    "smoke": (16, 16, [4, 8], 1, 1, [0, 1]),
    "cpu": (256, 1000, [2, 4, 8, 16], 12, 120, [0, 1, 2]),
    "gpu": (1000, 1000, [2, 4, 8, 16], 240, 120, [0, 1, 2]),
}[tier]
device = arlearn.device()
course = mdpo_models.LESSON
if tier == "smoke":
    course = replace(course, prompts=2, group=3, problems=16, watched=16)
sheet, T = course.base.sheet("test", judged), course.way.n_steps
some = course.base.sheet("test", n)
answer = slice(sheet.prompt, sheet.length)

# %% [markdown]
# ## The question
#
# A masked language model writes an answer by filling in blanks: it guesses every blank, keeps the
# guesses it is surest of, blanks the others again, and repeats. It was *trained* on right answers
# with random blanks. In *use* it looks at blanks it chose itself, around words it wrote itself, and
# nobody ever told it what to do there.
#
# The problems here are Countdown: reach a target with three given numbers, each used once. A model
# of some hundred thousand weights was stopped on purpose when it solved about every second problem
# in as many steps as an answer has places, and it is asked to be faster: two places a step. Every
# step guesses all blanks, so every step has a complete *draft*, and an exact checker can mark each.


# %%
def fresh():
    """The model that everybody begins as."""
    return zoo.obtain("tasks-mlm-countdown").to(device)


def dice(seed=0):
    """A fresh source of randomness, so that every cell can be run again alone."""
    return torch.Generator(device).manual_seed(seed)


def letters(units):
    """Units as text."""
    return "".join(ALPHABET[unit] for unit in units.tolist())


base = fresh()
plain = perform(base, sheet, Way(T))
spoiled = plain.over_denoised.nonzero().flatten().tolist() or [0]
longest = max(spoiled, key=lambda i: float(plain.marks[:, i].sum()))
show.unmasking(
    plain.film,
    plain.marks,
    letters,
    sample=longest,
    columns=answer,
    title=sheet.tasks.prompts[longest],
    caption="Framed guesses are kept, the deeper the tint the surer; ↵ is the end of the answer.",
)

# %%
print(f"of {judged} problems, {plain.solved.float().mean():.1%} are right at the end;")
print(f"{plain.once_right.float().mean():.1%} have a right draft at some step:")
print(f"{plain.over_denoised.float().mean():.1%} had the answer and spoiled it")

# %% [markdown]
# The paper calls this *over-denoising*. The answer was on the paper, and a later step wrote over
# it. Learning from the end alone cannot see that; and a sampler for which every kept word is kept
# for ever cannot mend it.
#
# ## The idea
#
# **Mark every draft.** If each step has a draft, each step can be rewarded: was the draft better
# than the one before, and do the drafts after it stay right? Then learn in the very states the
# sampler went through.
#
# **Let it take words back.** Keep for each place how sure the model was when it wrote there. In
# every step blank the places of *lowest* confidence, whether they were written just now or long
# ago. As many blanks remain as before, so it costs nothing. Below, a word that was kept is taken
# back (↯) and the problem comes out right; without re-masking it did not.

# %%
running = {
    "latest": perform(base, sheet, Way(T, remask="last")),
    "largest": perform(base, sheet, Way(T, remask="max")),
}
latest = running["latest"]
mended = (latest.solved & ~plain.solved).nonzero().flatten().tolist() or [0]
most = max(mended, key=lambda i: int(latest.film.taken_back[:, i].sum()))
show.unmasking(
    latest.film,
    latest.marks,
    letters,
    sample=most,
    columns=answer,
    title=f"{sheet.tasks.prompts[most]} with running confidence",
    caption="A bolt: kept before, and hidden again after this step.",
)

# %%
show.unmasking(
    plain.film,
    plain.marks,
    letters,
    sample=most,
    columns=answer,
    title=f"{sheet.tasks.prompts[most]} without",
    caption="The same problem under low-confidence remasking, where what is kept stays.",
)

# %% [markdown]
# ## The maths
#
# **States and drafts.** An answer has $L$ places, $T$ steps fill them. Before step $t = 0 \dots
# T-1$ stands $x_t$ with masks at the places $m_t$. The network gives $p_\theta(\cdot \mid x_t)$ for
# all of them at once, and a guess $\hat x_i$ is drawn at each: the draft $\hat x^t$ is what stood
# plus all guesses. After step $t$ there are $\lfloor L\,(T-t-1)/T \rfloor$ masks again.
#
# **Which ones?** Low-confidence remasking (LCR) hides the guesses of *this* step with the lowest
# $c_i = p_\theta(\hat x_i \mid x_t)$. Running confidence remasking (RCR) keeps $\bar c_i$ for all
# places and hides the lowest of them. For places that are guessed in this step, $\bar c_i$ becomes
#
# $$ \max(\bar c_i, c_i) \;\; \text{(the paper: the largest ever)} \qquad\text{or}\qquad
#    c_i \;\; \text{(its code: the latest)}. $$
#
# The number of masks is the same in all three at every step, so they cost equally many passes. They
# cannot differ in the first step, nor where one step does it all.
#
# **Marks.** $r_t \in [0, 1]$ is the checker's mark of the whole draft $\hat x^t$. A step is worth
#
# $$ R_t = (r_t - r_{t-1}) + \frac{1}{T-1-t} \sum_{u > t} r_u , \qquad R_0 \text{ with } r_{-1} = 0,
#    \quad R_{T-1} = (r_{T-1} - r_{T-2}) + r_{T-1} . $$
#
# The first part asks whether the step improved the draft, the second whether it lies on a way that
# ends well. For $G$ answers to the same problem,
#
# $$ A_t^g = \frac{R_t^g - \mathrm{mean}_g R_t}{\mathrm{std}_g R_t + 10^{-4}} $$
#
# is taken over the group, at each step alone.
#
# **Which steps?** Only the $K$ steps with the largest $\sum_g |A_t^g|$. Where all answers of the
# group earned the same, there is nothing to learn.
#
# **Loss** at a chosen step, $\ell_i = \log p_\theta(\hat x_i \mid x_t)$ at the masks $m$:
#
# $$ J = \frac{1}{|m|} \sum_{i \in m} c_i \Big[ \frac{L}{|m|}
#    \big( -\min(\rho_i A,\, \mathrm{clip}(\rho_i, 1-\epsilon, 1+\epsilon) A) \big)
#    + \frac{\beta}{2} (\ell_i^{\text{ref}} - \ell_i)^2 \Big], \qquad
#    \rho_i = e^{\ell_i - \ell_i^{\text{old}}} . $$
#
# All guesses are scored, not only those that were kept. $L/|m|$ is the $1/t$ of the likelihood
# bound, $c_i$ makes sure guesses weigh more, and with one update per rollout $\rho = 1$ and the
# first term has the gradient $-A \nabla \ell_i$.
#
# **The rival**, diffu-GRPO of [d1](https://arxiv.org/abs/2504.12216), marks the end alone and takes
# the likelihood of the answer from *one* look at an answer that is nothing but masks, with 15% of
# the prompt masked too. It is cheap, and it is the likelihood of a state that the sampler is in
# only once.

# %% [markdown]
# ## The code
#
# The worth of a step, line by line as above:

# %%
arlearn.source(mdpo.step_value)

# %%
arlearn.source(mdpo.choose)

# %%
arlearn.source(mdpo.step_loss, docstring=False)

# %% [markdown]
# Advantages, clipping and distances know nothing of masks or models; other chapters use them too.

# %%
arlearn.source(reward.advantages, docstring=False)

# %% [markdown]
# Running confidence is two lines of the sampler that all chapters share: what is compared, and who
# may be hidden again. Places of the prompt never compete, and with blocks only the current one
# does.

# %%
arlearn.source(unmask, docstring=False)

# %% [markdown]
# What the formulas promise can be checked exactly.

# %% tags=["nbval-check-output"]
ways = {"LCR": {}, "RCR, latest": {"remask": "last"}, "RCR, largest": {"remask": "max"}}
films = [perform(base, some, Way(T, **way)).film for way in ways.values()]
counts = [film.hidden.sum(2) for film in films]
print("equally many masks at every step:", all(torch.equal(counts[0], c) for c in counts))
at_once = [perform(base, some, Way(1, **way)).film.guesses for way in ways.values()]
print("in one step they are the same:", all(torch.equal(at_once[0], g) for g in at_once))
print("nothing is taken back by LCR:", not films[0].taken_back.any().item())
worth = mdpo.step_value(torch.tensor([0.0, 1.0, 1.0, 0.0]))
print("marks 0 1 1 0 are worth", " ".join(f"{float(value):.2f}" for value in worth))
even = reward.advantages(mdpo.step_value(torch.ones(T, 1, 6)))
print("equal marks give advantages of exactly 0:", bool((even == 0).all()))

# %% [markdown]
# ## Train
#
# All arms begin as the same model, see the same problems in the same order, draw as many answers to
# each, and make as many updates. The problems are chosen as in the paper: those of the training
# split that the base has right at some step and wrong at the end. Few learning rates were tried, on
# few seeds; the table keeps what came of it. At 5e-4 one seed of MDPO did best of all trials and
# the next one lost, so all arms got half of that, and weights averaged over the later updates.

# %%
numbers = mdpo_models.pool(base, course)
if tier == "smoke":
    numbers = torch.arange(len(course.base.sheet("train", course.problems)))
print(f"{len(numbers)} of {course.problems} training problems are learned from;")
print(f"{course.updates} updates of {course.prompts} problems, {course.group} answers to each")
print("\nsolved after trials of 60 updates, by learning rate and temperature of the answers:")
for kind, tried in mdpo_models.TRIED.items():
    told = [
        f"{rate:g} at {heat:g}: {'/'.join(map(str, shares))}"
        for (rate, heat), shares in tried.items()
    ]
    print(f"{kind:<25}{', '.join(told)}")
print("kept:", ", ".join(f"{kind} {rate:g}" for kind, rate in mdpo_models.RATES.items()))

# %% [markdown]
# The arms that answer problems were trained once by `arlearn zoo train`, three seeds each. Two of
# them begin again here, for a few updates: a look at how it runs, no result.

# %%
lines = {}
for kind in ("mdpo", "one-step"):
    made = mdpo_models.learner(fresh(), course, kind)
    mdpo_models.teach(made, course, kind, numbers, seed=0, updates=live_updates)
    lines[kind] = (range(1, live_updates + 1), made.earned)
    rows = course.prompts * course.group * live_updates
    print(f"{kind:<9} {made.passes / rows:.0f} network passes for each answer it learns from")
show.curves(
    lines,
    x="update",
    y="answers drawn that are right (share)",
    caption="The first updates: the noise of a few dozen answers is larger than what is learned.",
)

# %% [markdown]
# The third arm goes on with what made the base, right answers under random masks. It draws no
# answers, so it is cheap, and all of its updates are made here.

# %%
masks = []
for seed in seeds:
    made = mdpo_models.learner(fresh(), course, "masks")
    mdpo_models.teach(made, course, "masks", numbers, seed=seed, updates=rival_updates)
    masks.append(made.policy)

# %% [markdown]
# ## Sample
#
# The first problems of the test split, uncurated, answered greedily in the same number of steps.

# %%
arms = {
    kind: [zoo.obtain(f"tasks-rl-countdown-{kind}-{seed}").to(device) for seed in seeds]
    for kind in mdpo_models.SHIPPED
}
first = course.base.sheet("test", 12)
tell = {
    "before": perform(base, first, Way(T)),
    "MDPO": perform(arms["mdpo"][0].policy, first, Way(T)),
    "one-step": perform(arms["one-step"][0].policy, first, Way(T)),
}
print(f"{'problem':<15}" + "".join(f"{name:<18}" for name in tell))
for i, prompt in enumerate(first.tasks.prompts):
    signs = ["✓" if done.solved[i] else "✗" for done in tell.values()]
    said = [first.read(done.film.guesses[-1])[i] for done in tell.values()]
    print(f"{prompt:<15}" + "".join(f"{a} {b}".ljust(18) for a, b in zip(said, signs, strict=True)))

# %%
taught = arms["mdpo"][0].policy
start = sheet.asked(base.mask)[most : most + 1].to(device)
law = arlearn.heads.law.Law(temperature=0.0)
_, trace = unmask(base, start, mask=base.mask, n_steps=T, remask="last", law=law)
show.play(
    trace,
    decode=letters,
    label="running confidence answering one problem",
    caption="↺ is hidden again; the base model.",
)

# %% [markdown]
# ## Measure
#
# ### Without training: which guesses to keep
#
# Five ways of choosing what is shown, at equal network passes, greedy and warm. *Random* is the
# order in which the model was trained; *blocks* are filled one after the other, four places each,
# by low confidence.

# %%
ways |= {"random order": {"score": "random"}, "blocks of 4": {"block": 4}}
table = {}
for heat in (0.0, 0.5):
    print(f"temperature {heat:g}   share solved of {n} (in brackets: right at some step)")
    print(f"{'steps':<16}" + "".join(f"{steps:>14}" for steps in budgets))
    for name, way in ways.items():
        row = {
            steps: perform(base, some, Way(steps, heat, **way), generator=dice())
            for steps in budgets
            if steps >= 16 // way.get("block", 16)  # every block takes a step
        }
        table[heat, name] = row
        told = {
            steps: f"{d.solved.float().mean():.3f} ({d.once_right.float().mean():.3f})"
            for steps, d in row.items()
        }
        print(f"{name:<16}" + "".join(told.get(steps, "").rjust(14) for steps in budgets))

# %%
long = some.ends(some.rows).sum(1).float().mean().item()
points = [
    Point(name, long / steps, share, (share * (1 - share) / n) ** 0.5)
    for name in ways
    for steps, d in table[0.0, name].items()
    for share in [float(d.solved.float().mean())]
]
show.frontier(
    points,
    quality="share of problems solved",
    caption="Tokens of an answer, its end counted, per network pass. Greedy; the base model.",
)

# %% [markdown]
# How often does re-masking happen at all, and who wins where? Problem by problem, on more of them:

# %%
for name, done in running.items():
    stood = (~done.film.hidden & ~sheet.given.to(device)).sum()
    share = done.film.taken_back.sum() / stood
    print(f"RCR, {name:<8} takes back {share:.1%} of what stands, against LCR:", end=" ")
    print(paired(done.solved, plain.solved))

# %% [markdown]
# Where do the drafts go wrong? An answer is shorter than its places, the rest are ends, and ends
# are what the model is surest of. Low confidence keeps them first, so the early steps are spent on
# padding, and the digits, which depend on each other, are left to a few crowded steps at the end.
# Random order and blocks do not fall for that.

# %%
ends = some.rows[:, answer] == ALPHABET.index("\n")
for name in ("LCR", "RCR, latest", "random order", "blocks of 4"):
    done = table[0.0, name][T]
    shown = ~done.film.hidden[..., answer].cpu()
    early = shown[T // 2] & ends
    print(f"{name:<14} halfway, {early.sum() / shown[T // 2].sum():.0%} of what stands are ends")

# %% [markdown]
# ### With training: marks for every draft
#
# Share of test problems solved greedily in the same number of steps, a dot for each seed.


# %%
# behind the test problems on which settings were tried
watched = course.base.sheet("test", course.watched, skip=course.watched)


def judge(policy, **way):
    """Test problems, greedily."""
    return perform(policy, watched, Way(T, **way))


before = judge(base)
results = {
    "MDPO": [judge(arm.policy) for arm in arms["mdpo"]],
    "MDPO, end's mark only": [judge(arm.policy) for arm in arms["end-reward"]],
    "one look (diffu-GRPO)": [judge(arm.policy) for arm in arms["one-step"]],
    "random masks (SFT)": [judge(policy) for policy in masks],
}
solved = {name: [float(d.solved.float().mean()) for d in row] for name, row in results.items()}
show.spread(
    {"before": [float(before.solved.float().mean())], **solved},
    label="share of test problems solved",
    caption=f"{len(watched)} problems, {T} steps, low-confidence remasking.",
)

# %%
for name, row in results.items():
    over = metrics.mean_spread([float(d.over_denoised.float().mean()) for d in row])
    once = metrics.mean_spread([float(d.once_right.float().mean()) for d in row])
    right = metrics.mean_spread(solved[name])
    print(
        f"{name:<24}solved {right.mean:.3f} ± {right.deviation:.3f}   "
        f"right at some step {once.mean:.3f}   spoiled {over.mean:.3f} ± {over.deviation:.3f}"
    )
print(f"{'before':<24}solved {before.solved.float().mean():.3f}        ", end="   ")
print(f"right at some step {before.once_right.float().mean():.3f}", end="   ")
print(f"spoiled {before.over_denoised.float().mean():.3f}")
if len(seeds) > 1:
    for name in list(solved)[1:]:
        print(f"MDPO less {name:<24}{metrics.compare(solved['MDPO'], solved[name])}")

# %% [markdown]
# An update of MDPO costs more passes than one of its rivals. Both ways to count:

# %%
curves, costs = {}, {}
for kind, made in arms.items():
    runs = torch.stack([arm.solved for arm in made]).cpu()
    middle, wide = runs.mean(0).tolist(), runs.std(0, correction=0).tolist()
    curves[kind] = (course.kept, middle, wide)
    whole = float(made[0].passes) / 1000
    costs[kind] = ([whole * update / course.updates for update in course.kept], middle, wide)
show.curves(
    curves,
    x="updates",
    y="share of problems solved",
    caption=f"Greedy, the {course.watched} problems of the trials; mean and deviation over seeds.",
)

# %%
show.curves(
    costs,
    x="rows that went through a network (thousands)",
    y="share of problems solved",
    caption="The same against what it cost.",
)

# %% [markdown]
# ### Both together
#
# Does running confidence still help a policy that has learned by low confidence?

# %%
stacked = [judge(arm.policy, remask="last") for arm in arms["mdpo"]]
stacked_max = [judge(arm.policy, remask="max") for arm in arms["mdpo"]]
shares = {
    name: [float(d.solved.float().mean()) for d in row]
    for name, row in (("latest", stacked), ("largest", stacked_max))
}
for name, row in (("latest", stacked), ("largest", stacked_max)):
    for seed, with_it, without in zip(seeds, row, results["MDPO"], strict=True):
        found = paired(with_it.solved, without.solved)
        print(f"MDPO, seed {seed}, RCR {name:<8} less LCR: {found}")

# %% [markdown]
# ### The verdict
#
# The parts were named in the catalog before anything was measured.


# %%
def against(name, other):
    """Solved shares of two arms over the seeds."""
    a, b = (metrics.mean_spread(solved[arm]) for arm in (name, other))
    return {"method": a.mean, "baseline": b.mean, "spread": (a.deviation, b.deviation)}


def reached(share):
    """After how many updates of MDPO the mean over the seeds first solves so much, interpolated."""
    updates, middle, _ = curves["mdpo"]
    for i in range(1, len(middle)):
        if middle[i] >= share > middle[i - 1]:
            part = (share - middle[i - 1]) / (middle[i] - middle[i - 1])
            return updates[i - 1] + part * (updates[i] - updates[i - 1])
    return None


rcr = paired(running["largest"].solved, plain.solved)
rcr_latest = paired(running["latest"].solved, plain.solved)
over = [float(d.over_denoised.float().mean()) for d in results["MDPO"]]
both = [paired(a.solved, b.solved) for a, b in zip(stacked_max, results["MDPO"], strict=True)]
counted = f"{len(watched)} problems, {T} steps, greedy, {len(seeds)} seeds"
rival = curves["one-step"][1]
best = max(range(len(rival)), key=rival.__getitem__)
no_rise = "one look never rises above where both began, so there is nothing to catch up with"
arlearn.claim(
    "mdpo",
    {
        "remasking": arlearn.Measured(
            float(running["largest"].solved.float().mean()),
            float(plain.solved.float().mean()),
            spread=rcr.half,
            reason="by the largest confidence, as in the paper, the gain is within the interval; "
            f"by the latest, its code's, {rcr_latest.difference:+.1%} ± {rcr_latest.half:.1%}",
            note=f"{judged} problems, {T} steps; largest {rcr}; latest {rcr_latest}; the spread is "
            "half a 95% interval",
        ),
        "reward": arlearn.Measured(
            **against("MDPO", "one look (diffu-GRPO)"),
            reason="no better beyond the spread over the seeds",
            note=f"{counted}; random masks reach "
            f"{metrics.mean_spread(solved['random masks (SFT)']).mean:.3f}",
        ),
        "updates": arlearn.Measured(
            reached(rival[best]) if best else None,
            float(course.kept[best]),
            reason="it does not get so far, or needs as many" if best else no_rise,
            note=f"to the {rival[best]:.3f} that one look has after {course.kept[best]}",
        ),
        "over-denoising": arlearn.Measured(
            sum(over) / len(over),
            float(before.over_denoised.float().mean()),
            spread=metrics.mean_spread(over).deviation,
            reason="drafts that were right are spoiled as often as before",
            note=counted,
        ),
        "steps": arlearn.Measured(
            **against("MDPO", "MDPO, end's mark only"),
            reason="the end's mark teaches as much",
            note=f"{counted}; the arm without step rewards learns at random steps",
        ),
        "together": arlearn.Measured(
            sum(shares["largest"]) / len(seeds),
            sum(solved["MDPO"]) / len(seeds),
            spread=sum(p.half for p in both) / len(both),
            reason="the gain is within the interval of so many problems",
            note=f"{counted}; latest confidence {sum(shares['latest']) / len(seeds):.3f}; half a "
            "95% interval of one seed",
        ),
    },
    equal="base model, problems and their order, answers drawn, updates, decoder",
    seeds=seeds,
    frontier=points,
    quality="share of problems solved",
)

# %% [markdown]
# ## Play
#
# Fewer steps or more, words kept for ever or taken back: move the slider through the answers to one
# problem. The frames were drawn before, so it works without a kernel too.

# %%
frames, words = [], []
for steps in budgets:
    for name in ("LCR", "RCR, latest"):
        done = perform(base, sheet, Way(steps, **ways[name]), which=torch.tensor([most]))
        title = sheet.tasks.prompts[most]
        frames.append(show.unmasking(done.film, done.marks, letters, columns=answer, title=title))
        words.append(f"{name}, {steps} steps: {'solved' if done.solved[0] else 'not solved'}")
show.scrub(frames, words, label="one problem under two ways and four budgets of steps")

# %% [markdown]
# ## Where it breaks
#
# **Much of the damage is done by padding.** Answers here are shorter than their places, and the
# ends behind them are what the model is surest of. Ranking by confidence fills them in first, as
# the table of halves shows, so that the digits crowd into the last steps, where two are drawn at
# once that depend on each other. Running confidence repairs some of that; an order that ignores
# confidence, or blocks, avoid it, as the table above shows. In the paper's answers of hundreds of
# words padding is a smaller share. Chapter 47 damps it on purpose.
#
# **At one place a step there is little to repair.** There every guess sees all that stands, and a
# word that is taken back can only be guessed again. Look at the rightmost column before you expect
# running confidence to help everywhere.
#
# **The learning is first of all a sharpening.** Set what is right at the end beside what is right
# at some step: training moves the first towards the second, more than it moves the second. The
# policy learns to keep what it could write already, and only then to write what it could not.
#
# **It hangs on choices that few trials made.** They had 60 updates and one or two seeds, and were
# judged on test problems of their own, not on those of the verdict. In so few updates no setting
# gained beyond the noise on every seed; then all shipped arms got twice as many. The temperature of
# the answers decided whether anything was learned, at 0.4, near the paper's own; at 1 nobody
# learned in so few updates. In its first updates the policy gets no better, rather worse, as the
# curves show, so that a shorter run would have had another verdict.
#
# **Why the rival gains nothing here.** A likelihood of all places at once is that of the first
# step, the one in which almost no draft is right, and in a prompt of three numbers and a target 15%
# of hidden signs hide the problem itself; its best trial left the prompts whole, at a lower rate,
# and gained a little. On longer prompts, and with a dozen inner updates a rollout, it does learn in
# its own paper. A rival that never rises leaves *updates to its final reward* without meaning, and
# the claim says so.
#
# **What this miniature leaves out.** Block lengths drawn for each update are there
# (`Lesson.blocks`) and not used: answers have 16 places. One inner update per rollout, as in the
# release, so the clip never acts. Random steps instead of chosen ones are an option
# (`Steps(by_signal=False)`) that is not compared here over seeds. Confidence is computed under the
# temperature that guesses are drawn at; greedily, under the model's own law. The GPU tier takes the
# same models with more problems and a longer look, not larger ones.
#
# Read on: [CJ-GRPO](https://arxiv.org/abs/2509.23924) (chapter 47) learns on the trajectory with
# the end's reward, [DiffuCoder](https://arxiv.org/abs/2506.20639) (chapter 38) on complementary
# random masks, chapter 48 builds an engine that could host running confidence, chapter 53 places
# re-masking among its rivals, and chapter 27 knows mask-predict, which took words back in 2019.
#
# ## Exercises
#
# **54.1** (five minutes) What is each step of a rollout worth, given the marks
# $r_0 \dots r_{T-1}$ of its drafts?


# %% tags=["exercise"]
def value(marks):
    """Marks `[T]` to values `[T]`."""
    raise NotImplementedError("What the step improved, and the mean of the marks that follow it.")


arlearn.check("54.1", value)


# %% tags=["solution", "hide-input"]
def value(marks):
    """Two terms; the last step has nothing after it and counts its own mark."""
    gained = torch.cat([marks[:1], marks[1:] - marks[:-1]])
    ahead = [marks[t + 1 :].mean() for t in range(len(marks) - 1)] + [marks[-1]]
    return gained + torch.stack(ahead)


arlearn.check("54.1", value)

# %% [markdown]
# **54.2** (ten minutes) Build two rollouts of three steps or more that end equally, so that a
# reward at the end alone cannot tell them apart; the first should be ahead at some step, lose its
# right draft at a later one, and have a negative advantage where it does.


# %% tags=["exercise"]
def rollouts():
    """Marks, `[steps, 2]`, of 0 and 1."""
    raise NotImplementedError("Early success that is spoiled, against none until the end.")


arlearn.check("54.2", rollouts)


# %% tags=["solution", "hide-input"]
def rollouts():
    """Right, spoiled and right again, against right at the last moment."""
    return torch.tensor([[0, 0], [1, 0], [0, 0], [1, 1]])


arlearn.check("54.2", rollouts)
worth = mdpo.step_value(rollouts().float())
told = [f"{a:+.2f}" for a in reward.advantages(worth)[:, 0].tolist()]
print("advantages of the first:", *told)
end = reward.advantages(mdpo.end_value(rollouts().float()))
print("from the end alone:     ", *[f"{a:+.2f}" for a in end[:, 0].tolist()])

# %% [markdown]
# **54.3** (a small project) Write the choice of running confidence: given $\bar c$ of all places,
# which of them are the prompt's, and how many must be hidden, say which. Then measure your own
# rule with it: hide what was written *longest ago*, say, and count what that solves.


# %% tags=["exercise"]
def hide(running, given, number):
    """Confidences `[b t]`, prompt `[b t]`, how many; True where a place is hidden again."""
    raise NotImplementedError("The lowest ones; places of the prompt never compete.")


arlearn.check("54.3", hide)


# %% tags=["solution", "hide-input"]
def hide(running, given, number):
    """The ranks of all places, those of the prompt last."""
    rank = running.masked_fill(given, torch.inf).argsort(1).argsort(1)
    return rank < number


arlearn.check("54.3", hide)
