"""One training loop for everything: `fit` learns, saves, resumes, and stops when it goes wrong."""

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from arlearn.batches import Batches, Draw, check_batches, drawer, fingerprint
from arlearn.checkpoint import FIRST, State, held, read, same_run, save
from arlearn.distributed import Team, join
from arlearn.precision import autocast, choose
from arlearn.progress import Progress, interruptible
from arlearn.recipe import Recipe, adamw, average_in, settle

__all__ = ["Batches", "History", "Recipe", "fit"]


@dataclass(frozen=True)
class History:
    """What a run did.

    Attributes:
        losses: one per step done, before that step's update, the mean over all processes.
        steps: how many were asked for; fewer losses than that mean the run was interrupted.
        seconds: time spent training, over all the starts it took.
        items_per_second: examples learned from per second in this call; 0 if nothing was left.
        precision: "fp32" or "bf16".
        resumed_from: the step at which this call began.
        interrupted: did Ctrl-C end it early?
        averaged: does the model hold the average of the weights (ema) instead of the last ones?
    """

    losses: list[float]
    steps: int
    seconds: float
    items_per_second: float
    precision: str
    resumed_from: int = 0
    interrupted: bool = False
    averaged: bool = False

    def curve(self, window: int = 50) -> list[float]:
        """The losses, each the mean of the last `window`."""
        total = [0.0]
        for loss in self.losses:
            total.append(total[-1] + loss)
        ends = range(1, len(total))
        return [(total[e] - total[max(0, e - window)]) / min(e, window) for e in ends]


def fit(
    model: nn.Module,
    batches: Draw | Any,
    steps: int,
    *,
    recipe: Recipe | None = None,
    checkpoint: Path | str | None = None,
    every: int = 200,
    parallel: str | None = None,
    label: str = "training",
    progress: bool = True,
) -> History:
    """Minimise `model.loss(*batches(step))`, a scalar, over `steps` steps; the model comes back
    in eval mode, ready to sample.

    `batches` is `Batches(...)` or any function from a step to a tuple of tensors that gives the
    same batch whenever it is asked for the same step; fit moves them to the model's device. It
    may draw from torch's global generator: fit seeds that for each step from (seed, step), also
    for the model's dropout and noise, and gives the caller's random state back. So a run that was
    killed and is started again with the same arguments and `checkpoint` ends with the same
    weights, bit for bit on a CPU. What lasts from step to step must be a parameter or a buffer.

    Ctrl-C ends the run after the step at hand: the state is saved, the model keeps what it has
    learned, and the history says `interrupted`. Frozen parts (a tokenizer) stay in eval mode.

    Args:
        checkpoint: a .safetensors file, written every `every` steps and at the end. A finished
            run's file gives its weights back at once.
        parallel: None finds out: alone, or DDP under torchrun, where every process asks for the
            same batches and learns from its slice. "fsdp" shards the model over GPUs (FSDP2) and
            leaves it sharded; the checkpoint holds whole weights, and the same call in one
            process reads them.
        label, progress: what the progress lines begin with, and whether there are any.

    Raises:
        TypeError: `batches` is no function of the step, or the loss is no scalar.
        ValueError: the checkpoint is damaged, another model's or another run's.
        BlockingIOError: another run is using the checkpoint.
        OSError: the checkpoint cannot be written.
        FloatingPointError: the loss or the gradient is not finite; the last checkpoint stays.
    """
    recipe, path = recipe or Recipe(), _checked(model, batches, steps, checkpoint, every)
    team = join(parallel, model)
    with ExitStack() as stack:
        if path and team.first:
            stack.enter_context(held(path))
        cuda = [team.device] if team.device.type == "cuda" else []
        stack.enter_context(torch.random.fork_rng(devices=cuda))
        run = _start(model, batches, steps, recipe, team, path, every)
        begun, before = len(run.state.losses), run.state.seconds
        bar = Progress(label, begun, steps, progress and team.first)
        stack.callback(bar.close)
        _learn(run, bar, stack.enter_context(interruptible()))
        team.wait()
    settle(run.state.average, model)
    done = len(run.state.losses)
    if done < steps and team.first:
        how = f"call fit again to go on from {path}" if path else "pass checkpoint= to go on later"
        print(f"{label}: stopped after {done} of {steps} steps; {how}")
    return History(
        losses=run.state.losses,
        steps=steps,
        seconds=run.state.seconds,
        items_per_second=bar.items / (run.state.seconds - before) if bar.items else 0.0,
        precision=run.precision,
        resumed_from=begun,
        interrupted=done < steps,
        averaged=bool(run.state.average),
    )


@dataclass
class _Run:
    """One call of fit: what stays the same while `state` moves."""

    loss: Callable[..., Tensor]
    draw: Draw
    state: State
    steps: int
    recipe: Recipe
    team: Team
    path: Path | None
    every: int
    facts: dict
    precision: str

    def save(self) -> None:
        """All processes gather, the first one writes."""
        if self.path:
            tensors = self.state.tensors()
            if self.team.first:
                save(self.path, tensors, self.facts | {"seconds": self.state.seconds})


def _start(model, batches, steps, recipe, team, path, every) -> _Run:
    """The model, its optimizer and its batches, where the checkpoint left them if there is one."""
    _train_mode(model)
    draw, loss = drawer(batches, recipe.seed, team), team.wrap(model)
    state = State(model, adamw(model, recipe))
    facts, chosen = {}, recipe.precision
    if path:
        first = fingerprint(batches, recipe.seed, team)
        facts = {"steps": steps, **asdict(recipe), "betas": list(recipe.betas), FIRST: first}
    if path and path.exists():
        tensors, saved = read(path)
        same_run(path, saved, facts)
        state.restore(path, tensors)
        state.seconds, chosen = saved["seconds"], saved["chosen"]
    if chosen == "auto":
        chosen = choose(model, draw, steps, team)
    facts["chosen"] = chosen
    return _Run(loss, draw, state, steps, recipe, team, path, every, facts, chosen)


def _learn(run: _Run, bar: Progress, interrupted: Callable[[], bool]) -> None:
    """The loop: draw, loss, gradient, update; until the steps are done or Ctrl-C is pressed."""
    model, optimizer, losses = run.state.model, run.state.optimizer, run.state.losses
    trained = {name: x for name, x in model.named_parameters() if x.requires_grad}
    recipe, team, half = run.recipe, run.team, run.steps // 2
    began, saved = time.perf_counter() - run.state.seconds, len(losses)
    for step in range(len(losses), run.steps):
        batch = run.draw(step)
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate(step, run.steps)

        with autocast(team.device, run.precision):
            loss = _scalar(run.loss(*batch))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = clip_grad_norm_(trained.values(), recipe.clip or math.inf)
        value, length, stop = team.mean(loss, norm, interrupted())
        _finite(value, length, step, run.path, saved)
        optimizer.step()
        if recipe.ema and step >= half:
            average_in(run.state.average, trained, recipe.ema, step - half)

        losses.append(value)
        run.state.seconds = time.perf_counter() - began
        bar.step(losses, batch[0].shape[:1].numel() * team.world)
        if stop or len(losses) % run.every == 0 or len(losses) == run.steps:
            run.save()
            saved = len(losses)
        if stop:
            return


def _train_mode(model: nn.Module) -> None:
    """Train mode, except for parts whose parameters are all frozen, such as a tokenizer."""
    model.train()
    for part in model.modules():
        weights = list(part.parameters())
        if weights and not any(x.requires_grad for x in weights):
            part.eval()


def _scalar(loss) -> Tensor:
    if isinstance(loss, Tensor) and loss.ndim == 0:
        return loss
    shape = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
    raise TypeError(f"model.loss returned {shape}; it must return one number, such as loss.mean()")


def _finite(loss: float, norm: float, step: int, path: Path | None, saved: int) -> None:
    if math.isfinite(loss) and math.isfinite(norm):
        return
    what = "the loss" if not math.isfinite(loss) else f"the gradient's norm is {norm}, the loss"
    where = "no checkpoint was written; pass checkpoint= to keep one"
    if path:
        where = (
            f"the last good checkpoint is {path}, after {saved} steps"
            if saved
            else (f"no checkpoint was written to {path} yet")
        )
    raise FloatingPointError(
        f"step {step}: {what} is {loss}, so training stopped before that update; {where}; "
        f"lower Recipe.lr, or look at what batches({step}) returns"
    )


def _checked(model, batches, steps, checkpoint, every) -> Path | None:
    """The checkpoint's path, after a sentence for each argument that cannot work."""
    check_batches(batches)
    if not callable(getattr(model, "loss", None)):
        raise TypeError(f"{type(model).__name__} has no loss(*batch); give it one that fit calls")
    if not any(x.requires_grad for x in model.parameters()):
        raise ValueError(f"{type(model).__name__} has no parameter to train; all are frozen")
    if steps < 1 or every < 1:
        raise ValueError(f"steps and every must be at least 1, not {steps} and {every}")
    path = None if checkpoint is None else Path(checkpoint)
    if path and path.suffix != ".safetensors":
        raise ValueError(f"checkpoint={path} must be a file that ends in .safetensors")
    return path
