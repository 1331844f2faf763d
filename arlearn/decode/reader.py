"""A model over vectors while it is read from: each sample of a batch has been read so far."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from arlearn.decode.dice import at
from arlearn.nets.vectors import VectorModel


class Reader:
    """A model, what it was told, and how far it has read each sample."""

    def __init__(
        self,
        model: VectorModel,
        labels: Int[Tensor, "b"] | None,
        batch: int,
        spare: int,
        cached: bool = True,
    ):
        self.model, self.cached = model, cached
        self.cond = model.condition(labels, batch)
        self.cache = model.new_cache(batch, spare)

    def states(
        self,
        units: Float[Tensor, "b m c"],
        here: Int[Tensor, "b n"],
        known: Int[Tensor, "b"] | None = None,
    ) -> Float[Tensor, "b n d"]:
        """States of the positions `here`, after reading what is missing before them.

        Only the first `known` units are shown, where that is given. What was read stays until
        `keep`, up to the last of `here`.
        """
        if not self.cached:
            self.cache.crop(torch.zeros_like(self.cache.lengths))
        begin, upto = self.cache.lengths, here[:, -1] + 1
        n = int((upto - begin).max())
        hidden = self.model.read(units, n, self.cache, self.cond, known=known)
        self.cache.crop(upto)
        behind = (here - begin[:, None])[..., None].expand(-1, -1, hidden.shape[-1])
        return hidden.gather(1, behind)

    def keep(self, known: Int[Tensor, "b"]) -> None:
        """Roll back: inputs up to each row's place `known - 1` stay read, no more than that."""
        self.cache.crop(torch.minimum(self.cache.lengths, known))

    def drop(self, rows: Int[Tensor, "n"]) -> None:
        """Go on with some rows only."""
        self.cache.reindex(rows)
        self.cond = None if self.cond is None else self.cond[rows]

    def draw(
        self,
        units: Float[Tensor, "b m c"],
        here: Int[Tensor, "b k"],
        noise: Float[Tensor, "s b t c"],
    ) -> tuple[Float[Tensor, "b k c"], Float[Tensor, "b k c"]]:
        """Draw the units `here` one by one, writing each into `units` before the next is drawn.

        Returns: the units, and the means of the last Gaussians they were drawn from.
        """
        head, means = self.model.head, [units[:, :0]]
        wide = here[..., None].expand(-1, -1, units.shape[-1])
        for j in range(here.shape[1]):
            place = here[:, j : j + 1]
            dice = at(noise, place)
            means.append(head.chain(self.states(units, place), dice))
            units.scatter_(1, wide[:, j : j + 1], means[-1] + head.deviations[-1] * dice[-1])
        return units.gather(1, wide), torch.cat(means, 1)
