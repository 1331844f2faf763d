"""What learning by reward shares over all papers on masked language models, and the usual rivals.

A model answers problems of a `Sheet` by unmasking, an exact checker marks what it wrote, and a
policy gradient makes marked answers likelier. The papers (38 DiffuCoder, 47 CJ-GRPO, 54 MDPO)
differ in one method, `objective`. Here are the rivals: `Continued` fine-tuning on right answers
with random masks, and `OneStep`, diffu-GRPO of d1 (Zhao et al. 2025, arXiv 2504.12216).
"""

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn import reward
from arlearn.data.sheet import Sheet
from arlearn.decode.film import Film
from arlearn.decode.perform import Way, perform
from arlearn.nets.prompted import PromptedDenoiser


def log_probs(
    model: PromptedDenoiser,
    x: Int[Tensor, "b t"],
    units: Int[Tensor, "b t"],
    temperature: float = 1.0,
) -> Float[Tensor, "b t"]:
    """log p(unit_i | x) at every place, under the law that is drawn from at this temperature."""
    log_p = (model(x).float() / temperature).log_softmax(-1)
    return log_p.gather(-1, units[..., None])[..., 0]


@dataclass(frozen=True)
class Lesson:
    """How a policy learns; everything here is the same for all methods that are compared.

    Attributes:
        way: how it answers while it learns; its temperature must be above 0.
        group: answers to each problem.
        blocks: block lengths of which each update draws one; () takes the way's own.
        beta: weight of the distance to the model it began as.
        clip: ε of the clipped ratio.
    """

    way: Way = field(default_factory=lambda: Way(temperature=1.0))
    group: int = 6
    blocks: tuple[int, ...] = ()
    beta: float = 0.02
    clip: float = 0.2

    def __post_init__(self):
        if self.group < 2 or self.way.temperature <= 0:
            raise ValueError(
                f"group={self.group} answers at temperature {self.way.temperature}: rewards are "
                "compared within a group of 2 or more answers that differ"
            )


class Learner(nn.Module):
    """A policy that `fit` improves: a step answers some problems and returns a loss.

    Args:
        policy: learns in place; a frozen copy is kept as its reference.
        sheet: the problems; `fit` is given batches of their numbers.
        keep: after how many updates the policy's weights are kept in `snapshots`.

    Attributes:
        earned: mean mark of the final answers of each update so far.
        passes: rows that went through a network, in all.
        snapshots: number of updates -> weights.
    """

    def __init__(
        self,
        policy: PromptedDenoiser,
        sheet: Sheet,
        lesson: Lesson | None = None,
        *,
        keep: Iterable[int] = (),
    ):
        super().__init__()
        self.policy, self.sheet, self.lesson = policy, sheet, lesson or Lesson()
        self.reference = copy.deepcopy(policy).requires_grad_(False).eval()
        self.keep, self.snapshots = frozenset(keep), {}
        self.earned, self.passes = [], 0

    def loss(self, which: Int[Tensor, "b"]) -> Float[Tensor, ""]:
        """Rolls out a group of answers to each problem, marks every draft, and asks `objective`."""
        self.policy.eval()  # no dropout while answers are drawn or scored
        if len(self.earned) in self.keep:
            kept = {name: x.detach().clone() for name, x in self.policy.state_dict().items()}
            self.snapshots[len(self.earned)] = kept
        way, blocks = self.lesson.way, self.lesson.blocks
        if blocks:
            way = replace(way, block=blocks[int(torch.randint(len(blocks), ()))])
        many = which.repeat_interleave(self.lesson.group)
        done = perform(self.policy, self.sheet, way, which=many)
        self.earned.append(float(done.marks[-1].mean()))
        self.passes += done.marks.numel()
        return self.objective(done.film, done.marks.unflatten(1, (len(which), -1)), which)

    def objective(
        self, seen: Film, marks: Float[Tensor, "s p g"], which: Int[Tensor, "p"]
    ) -> Float[Tensor, ""]:
        """The loss, from the films of p problems with g answers each."""
        raise NotImplementedError

    def both(self, x: Int[Tensor, "b t"], units: Int[Tensor, "b t"]) -> tuple[Tensor, Tensor]:
        """log p of units given x under the policy and under its reference, `b t` each."""
        self.passes += 2 * len(x)
        heat = self.lesson.way.temperature
        with torch.no_grad():
            before = log_probs(self.reference, x, units, heat)
        return log_probs(self.policy, x, units, heat), before


class OneStep(Learner):
    """diffu-GRPO: the end's reward, and likelihoods from one look at the fully masked answer.

    Every place of the answer up to its first end is scored as if it were guessed at once, with
    each unit of the prompt masked by chance.

    Args:
        drop: that chance.

    Source: Zhao et al. 2025 (d1, arXiv 2504.12216), section 3.
    """

    def __init__(self, *args, drop: float = 0.15, **options):
        super().__init__(*args, **options)
        self.drop = drop

    def objective(
        self, seen: Film, marks: Float[Tensor, "s p g"], which: Int[Tensor, "p"]
    ) -> Float[Tensor, ""]:
        """-min(ρA, clip(ρ)A) + β k3 over the answers' units, all of them counting the same."""
        answers, given = seen.guesses[-1], self.policy.given
        hidden = (torch.rand(answers.shape, device=answers.device) < self.drop) | ~given
        x = answers.masked_fill(hidden, self.policy.mask)
        now, before = self.both(x, answers)
        better = reward.advantages(marks[-1]).flatten()[:, None].expand_as(now)
        loss = reward.clipped(now, now.detach(), better, clip=self.lesson.clip)
        loss = loss + self.lesson.beta * reward.divergence(now, before, "k3")
        return reward.unit_mean(loss, self.sheet.ends(answers))


class Continued(Learner):
    """Fine-tuning goes on: right answers under random masks, as many rows as a group has."""

    def loss(self, which: Int[Tensor, "b"]) -> Float[Tensor, ""]:
        """`PromptedDenoiser.loss`; no answer is drawn, so nothing is earned."""
        rows = self.sheet.rows[which.cpu()].to(which.device)
        self.earned.append(0.0)
        return self.policy.loss(rows.repeat_interleave(self.lesson.group, 0))
