"""All randomness of a generation, by position: samplers on the same dice can be compared."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from arlearn.nets.vectors import VectorModel


@dataclass(frozen=True)
class Dice:
    """What a draw of every position uses, and what a test of it uses.

    A position keeps its dice until it is settled: drafts behind one that fell were never looked at,
    so what stands does not depend on their noise, and a new draft there may use it again.

    Attributes:
        noise: of the target's chain at each position (`DiffusionHead.noise`); the last row is that
            of the last step.
        draft: of the draft model's chain; the same tensor where the two are aligned.
        chance: uniform numbers, one for the test of each position.
    """

    noise: Float[Tensor, "s b t c"]
    draft: Float[Tensor, "s b t c"]
    chance: Float[Tensor, "b t"]

    @classmethod
    def roll(
        cls,
        model: VectorModel,
        batch: int,
        *,
        aligned: bool = True,
        generator: Generator | None = None,
    ) -> "Dice":
        """Dice for `batch` samples of a model; unless `aligned`, the draft has noise of its own.

        The target's noise and the tests are the same with and without alignment.

        Raises:
            ValueError: a batch below 1.
        """
        if batch < 1:
            raise ValueError(f"dice for {batch} samples; ask for at least 1")
        shape, device = (batch, len(model.step)), model.place.device
        noise = model.head.noise(shape, generator=generator, device=device)
        chance = torch.rand(shape, generator=generator, device=device)
        if aligned:
            return cls(noise, noise, chance)
        return cls(noise, model.head.noise(shape, generator=generator, device=device), chance)

    def take(self, rows: Int[Tensor, "n"]) -> "Dice":
        """The dice of some samples."""
        noise = self.noise[:, rows]
        draft = noise if self.draft is self.noise else self.draft[:, rows]
        return Dice(noise, draft, self.chance[rows])


def at(noise: Float[Tensor, "s b t c"], where: Int[Tensor, "b n"]) -> Float[Tensor, "s b n c"]:
    """The noise of other positions in each row; those behind the last get the last one's."""
    where = where.clamp(max=noise.shape[2] - 1)
    return noise.gather(2, where[None, ..., None].expand(len(noise), -1, -1, noise.shape[-1]))
