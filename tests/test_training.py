"""`fit`: the loop equals one written by hand, repeats itself, and stops with a sentence."""

import io
import itertools
import math
import signal
import sys

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from arlearn import precision
from arlearn.recipe import adamw
from arlearn.training import Batches, Recipe, fit

STEPS = 12


class Toy(nn.Module):
    """Predicts (5x + 3) mod 11; has an embedding, a norm, dropout, a buffer, a bare parameter."""

    def __init__(self, dropout=0.0, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.embed = nn.Embedding(11, 16)
        self.norm = nn.LayerNorm(16)
        self.start = nn.Parameter(torch.randn(1, 16))
        self.hidden = nn.Linear(16, 16)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(16, 11)
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))

    def loss(self, x, y):
        self.seen += len(x)
        h = self.dropout(torch.tanh(self.hidden(self.norm(self.embed(x) + self.start))))
        return nn.functional.cross_entropy(self.out(h), y)


def examples(n=40):
    x = torch.arange(n) % 11
    return x, (5 * x + 3) % 11


def batches(seed=0):
    return Batches(*examples(), size=8, seed=seed)


def quiet(model, draw=None, steps=STEPS, **options):
    recipe = Recipe(**options.pop("recipe", {}))
    return fit(
        model, batches() if draw is None else draw, steps, recipe=recipe, progress=False, **options
    )


def weights(model):
    return {name: x.detach().clone() for name, x in model.state_dict().items()}


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


def test_it_learns_and_says_what_it_did():
    model = Toy(dropout=0.1)
    history = quiet(model, steps=150, recipe={"lr": 1e-2, "precision": "fp32"})
    assert history.losses[0] > 2.0 and history.curve()[-1] < 0.3
    assert len(history.losses) == history.steps == 150 and model.seen == 150 * 8
    assert history.precision == "fp32" and history.resumed_from == 0
    assert not history.interrupted and not history.averaged
    assert not model.training and all(x.grad is None for x in model.parameters())
    assert history.items_per_second == pytest.approx(150 * 8 / history.seconds)
    assert history.curve(2)[:3] == pytest.approx(
        [history.losses[0], sum(history.losses[:2]) / 2, sum(history.losses[1:3]) / 2]
    )


def test_the_loop_is_the_one_written_by_hand():
    """AdamW, clipping, cosine and average against the same steps spelt out, to float rounding."""
    recipe = Recipe(lr=3e-3, clip=0.5, ema=0.6, weight_decay=0.3)
    model, by_hand = Toy(), Toy()
    history = fit(model, batches(), STEPS, recipe=recipe, progress=False)

    matrices = [by_hand.hidden.weight, by_hand.out.weight]
    others = [x for x in by_hand.parameters() if all(x is not m for m in matrices)]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.3}, {"params": others}])
    optimizer.param_groups[1]["weight_decay"] = 0.0
    losses, average = [], None
    for step in range(STEPS):
        for group in optimizer.param_groups:
            turn = math.pi * (step - 1) / (STEPS - 2)
            group["lr"] = 3e-3 * (1 if step < 1 else 0.1 + 0.9 * (1 + math.cos(turn)) / 2)
            group["betas"] = (0.9, 0.95)
        loss = by_hand.loss(*batches()(step))
        optimizer.zero_grad()
        loss.backward()
        length = torch.sqrt(sum((x.grad**2).sum() for x in by_hand.parameters()))
        for x in by_hand.parameters():
            x.grad *= min(1.0, 0.5 / float(length))
        optimizer.step()
        losses.append(loss.item())
        now, n = [x.detach().clone() for x in by_hand.parameters()], step - STEPS // 2
        if n == 0:
            average = now
        elif n > 0:
            d = min(0.6, (1 + n) / (10 + n))
            average = [d * a + (1 - d) * x for a, x in zip(average, now, strict=True)]
    assert history.losses == pytest.approx(losses, abs=1e-5) and history.averaged
    for found, expected in zip(model.parameters(), average, strict=True):
        assert torch.allclose(found, expected, atol=1e-5)


def test_rate_warms_up_and_ends_at_a_tenth():
    recipe = Recipe(lr=2.0, warmup=0.1, final=0.1)
    rates = [recipe.rate(step, 100) for step in range(100)]
    assert rates[:10] == pytest.approx([0.2 * (s + 1) for s in range(10)])
    assert max(rates) == 2.0 and rates[-1] == pytest.approx(0.2)
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))
    assert Recipe(lr=2.0).rate(0, 1) == 2.0


def test_decay_spares_norms_biases_embeddings_and_bare_parameters():
    model = Toy()
    model.head = nn.Linear(16, 11)
    model.head.weight = model.embed.weight  # a tied weight is an embedding
    model.out.weight.requires_grad_(False)
    decayed, spared = adamw(model, Recipe(weight_decay=0.3)).param_groups
    names = {id(x): name for name, x in model.named_parameters()}
    assert [names[id(x)] for x in decayed["params"]] == ["hidden.weight"]
    assert {names[id(x)] for x in spared["params"]} == {
        "start", "embed.weight", "norm.weight", "norm.bias", "hidden.bias", "out.bias", "head.bias"
    }  # fmt: skip
    assert decayed["weight_decay"] == 0.3 and spared["weight_decay"] == 0.0
    assert decayed["fused"]


def test_a_run_depends_on_its_seed_alone_and_gives_the_random_state_back():
    ends = []
    for caller, seed in [(1, 0), (2, 0), (1, 7)]:
        model = Toy(dropout=0.5)
        torch.manual_seed(caller)
        before = torch.get_rng_state()
        quiet(model, recipe={"seed": seed})
        assert torch.equal(torch.get_rng_state(), before)
        ends.append(weights(model))
    assert_same(ends[0], ends[1])
    assert not torch.equal(ends[0]["out.weight"], ends[2]["out.weight"])


def test_batches_may_be_drawn_from_the_global_generator():
    x, y = examples()

    def draw(step):
        index = torch.randint(len(x), (8,))
        return x[index], y[index]

    ends = []
    for caller in (1, 2):
        model = Toy()
        torch.manual_seed(caller)
        quiet(model, draw)
        ends.append(weights(model))
    assert_same(*ends)


def test_frozen_parts_stay_still():
    model = Toy()
    model.tokens = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).requires_grad_(False)
    modes = []
    model.loss = lambda x, y: (
        modes.append((model.tokens[1].training, model.dropout.training)) or Toy.loss(model, x, y)
    )
    before = weights(model.tokens)
    quiet(model, steps=2)
    assert modes == [(False, True)] * 2
    assert_same(weights(model.tokens), before)


class Clock:
    """Stands for the module `time`: only a slow pass moves it."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        self.now += 1e-6
        return self.now


class Paced(Toy):
    """A model that is slower in one precision, with batch statistics a trial would move."""

    def __init__(self, monkeypatch, fp32=1.0, bf16=1.0):
        super().__init__()
        self.clock, self.pace, self.in_bf16 = Clock(), {False: fp32, True: bf16}, []
        self.statistics = nn.BatchNorm1d(16)
        monkeypatch.setattr(precision, "time", self.clock)

    def loss(self, x, y):
        self.in_bf16.append(torch.is_autocast_enabled("cpu"))
        self.clock.now += self.pace[self.in_bf16[-1]]
        return super().loss(x, y) + self.statistics(self.embed(x)).pow(2).mean()


def test_precision_is_measured_and_the_trial_changes_nothing(monkeypatch):
    steps = 100
    model = Paced(monkeypatch, fp32=1.05)
    assert quiet(model, steps=steps).precision == "fp32"  # 1.05 times as fast is not worth it
    assert model.in_bf16 == [False, True] * 2 + [False] * steps
    pinned = Paced(monkeypatch)
    quiet(pinned, steps=steps, recipe={"precision": "fp32"})
    assert pinned.in_bf16 == [False] * steps
    assert_same(weights(model), weights(pinned))

    model = Paced(monkeypatch, fp32=1.2)
    assert quiet(model, steps=steps).precision == "bf16"
    assert model.in_bf16[4:] == [True] * steps


def test_short_runs_are_not_measured_and_a_named_precision_is_kept(monkeypatch):
    model = Paced(monkeypatch, fp32=9.0)
    assert quiet(model, steps=99).precision == "fp32" and model.in_bf16 == [False] * 99
    model = Paced(monkeypatch, bf16=9.0)
    assert quiet(model, recipe={"precision": "bf16"}).precision == "bf16" and all(model.in_bf16)


@pytest.mark.parametrize("what, said", [("loss", "the loss is nan"), ("gradient", "norm is inf")])
def test_a_number_that_is_not_finite_stops_the_run(tmp_path, what, said):
    path = tmp_path / "run.safetensors"

    class Breaks(Toy):
        def loss(self, x, y):
            loss = super().loss(x, y)
            if self.seen != 6 * 8:
                return loss
            if what == "loss":
                return loss * math.nan
            zero = self.start[0, 0] - self.start[0, 0].detach()
            return loss + torch.sqrt(zero)  # 0, with an infinite slope

    model = Breaks()
    with pytest.raises(FloatingPointError, match=f"step 5: .*{said}.*{path.name}, after 4 steps"):
        quiet(model, checkpoint=path, every=2, recipe={"clip": None})
    assert all(x.isfinite().all() for x in model.parameters())
    again = quiet(Toy(), checkpoint=path, every=2, recipe={"clip": None})
    assert again.resumed_from == 4 and len(again.losses) == STEPS
    with pytest.raises(FloatingPointError, match="step 5: .*pass checkpoint="):
        quiet(Breaks(), recipe={"clip": None})


def pressing(at, times=1):
    """Batches during which Ctrl-C is pressed."""
    draw = batches()

    def drawn(step):
        for _ in range(times if step == at else 0):
            signal.raise_signal(signal.SIGINT)
        return draw(step)

    return drawn


@pytest.fixture
def listening():
    """Ctrl-C is heard; a shell starts what runs in the background deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listening")
def test_ctrl_c_keeps_the_state_and_says_how_to_go_on(tmp_path, capsys):
    path, recipe = tmp_path / "run.safetensors", {"ema": 0.9}
    handler = signal.getsignal(signal.SIGINT)
    whole, model = Toy(dropout=0.3), Toy(dropout=0.3)
    quiet(whole, recipe=recipe)
    history = quiet(model, pressing(8), recipe=recipe, checkpoint=path, label="VAR")
    assert history.interrupted and len(history.losses) == 9 and history.averaged
    assert capsys.readouterr().out == (
        f"VAR: stopped after 9 of {STEPS} steps; call fit again to go on from {path}\n"
    )
    assert signal.getsignal(signal.SIGINT) is handler
    assert not torch.equal(model.out.weight, Toy().out.weight)

    again = quiet(model, pressing(-1), recipe=recipe, checkpoint=path)
    assert again.resumed_from == 9 and not again.interrupted and len(again.losses) == STEPS
    assert_same(weights(model), weights(whole))


@pytest.mark.usefixtures("listening")
def test_ctrl_c_without_a_checkpoint_and_ctrl_c_twice(capsys):
    assert quiet(Toy(), pressing(2)).interrupted
    assert "pass checkpoint= to go on later" in capsys.readouterr().out
    with pytest.raises(KeyboardInterrupt):
        quiet(Toy(), pressing(2, times=2))


def test_progress_is_a_few_plain_lines(capsys):
    fit(Toy(), batches(), 95, label="VAR")
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert 5 <= len(lines) <= 10 and "\r" not in out
    assert all(line.startswith("VAR: step ") for line in lines)
    for part in ("step 95/95", "loss ", "items/s", "00:00 left"):
        assert part in lines[-1]
    fit(Toy(), batches(), 95, progress=False)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_progress_on_a_terminal_is_one_line(monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    fit(Toy(), batches(), 30, label="VAR")
    shown = sys.stderr.getvalue()
    assert shown.count("\n") == 1 and shown.endswith("\n")
    last = shown.split("\r")[-1]
    assert "VAR: 100%" in last and "30/30" in last and "loss " in last and "items/s" in last
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "wrong, named",
    [
        (iter([1]), "an iterator"),
        ((x for x in [1]), "an iterator"),
        (DataLoader(torch.arange(4)), "a DataLoader"),
        (examples(), "a tuple"),
        (torch.zeros(3), "a Tensor"),
    ],
)
def test_what_is_no_function_of_the_step_is_refused(wrong, named):
    with pytest.raises(TypeError, match=rf"batches is {named}, .*wrap the tensors as Batches\("):
        quiet(Toy(), wrong)


def test_bad_arguments_get_a_sentence():
    with pytest.raises(TypeError, match=r"returned Tensor; return a tuple of tensors, .*\(x,\)"):
        quiet(Toy(), lambda step: torch.zeros(8))
    for loss, said in [(torch.zeros(3), r"shape \(3,\)"), (0.5, "float")]:
        model = Toy()
        model.loss = lambda x, y, loss=loss: loss
        with pytest.raises(TypeError, match=rf"model.loss returned {said}; .*loss.mean\(\)"):
            quiet(model)
    with pytest.raises(TypeError, match=r"Linear has no loss\(\*batch\)"):
        quiet(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="Toy has no parameter to train"):
        quiet(Toy().requires_grad_(False))
    with pytest.raises(ValueError, match="steps and every must be at least 1, not 0 and 200"):
        quiet(Toy(), steps=0)
    with pytest.raises(ValueError, match=r"checkpoint=run.pt must be a file .* \.safetensors"):
        quiet(Toy(), checkpoint="run.pt")


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"precision": "fp16"}, "'fp16' is unknown; choose one of auto, fp32, bf16"),
        ({"lr": 0.0}, "lr must be above 0, not 0.0"),
        ({"clip": -1.0}, "clip must be above 0, not -1.0"),
        ({"ema": 1.5}, "ema is a share between 0 and 1, not 1.5"),
        ({"warmup": -0.1}, "warmup is a share"),
    ],
)
def test_bad_recipes_get_a_sentence(wrong, said):
    with pytest.raises(ValueError, match=said):
        Recipe(**wrong)


@pytest.mark.parametrize("n, size", [(10, 3), (10, 5), (4, 11), (1, 3)])
def test_batches_are_shuffled_epochs_without_gaps(n, size):
    draw = Batches(torch.arange(n), torch.arange(n) * 2, size=size, seed=3)
    steps = [draw(step) for step in range(4 * n)]
    assert all(len(x) == size and torch.equal(y, 2 * x) for x, y in steps)
    epochs = torch.cat([x for x, _ in steps])[: 4 * n].view(4, n)
    assert torch.equal(epochs.sort(dim=1).values, torch.arange(n).expand(4, n))
    if n == 10:
        assert not torch.equal(epochs[0], epochs[1])
        assert not torch.equal(epochs[0], torch.arange(n))
    assert torch.equal(draw(7)[0], Batches([torch.arange(n)], size=size, seed=3)(7)[0])


def test_batches_of_other_seeds_differ():
    first, other = (Batches(torch.arange(99), size=50, seed=seed) for seed in (0, 1))
    assert not torch.equal(first(0)[0], other(0)[0])


def test_slices_make_up_the_batch():
    draw = Batches(torch.arange(10), size=6)
    for step in range(5):
        parts = [draw.shard(rank, 3)(step)[0] for rank in range(3)]
        assert torch.equal(torch.cat(parts), draw(step)[0])


def test_bad_batches_get_a_sentence():
    x = torch.zeros(4)
    with pytest.raises(TypeError, match=r"takes tensors, not int; write Batches\("):
        Batches(x, 64)
    with pytest.raises(TypeError, match="not nothing"):
        Batches()
    with pytest.raises(ValueError, match=r"hold \[4, 3\] examples"):
        Batches(x, torch.zeros(3))
    with pytest.raises(ValueError, match="no examples"):
        Batches(torch.zeros(0, 3))
    with pytest.raises(ValueError, match="not size=0"):
        Batches(x, size=0)
    with pytest.raises(ValueError, match="size 3 does not divide among 2 processes"):
        Batches(x, size=3).shard(0, 2)
    with pytest.raises(ValueError, match="slice 0 of 2 already"):
        Batches(x, size=4).shard(0, 2).shard(1, 2)
