"""A list of vectors that follows the data: nearest neighbour, moving averages, no dead codes."""

import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.tokens.codes import check_width, inside


class Codebook(nn.Module):
    """`size` vectors of `width` channels, learned by moving averages or by gradient.

    With `ema` (van den Oord et al. 2017, arXiv 1711.00937, appendix A.1) a code is the mean of the
    vectors that chose it: N <- a N + (1 - a) n,  S <- a S + (1 - a) sum z,  e = S / N. With
    `gradient` it is a parameter, and a loss has to pull it.

    A code chosen less than `floor` times as often as an even share restarts at a random vector of
    the batch (`revive`; Dhariwal et al. 2020, arXiv 2005.00341). Counts start at zero, so the first
    batch in training places the whole codebook on data. The draw uses torch's global generator.

    Raises:
        ValueError: `size`, `width` or `decay` is out of range, or `method` unknown.
    """

    def __init__(
        self,
        size: int,
        width: int,
        *,
        method: str = "ema",
        decay: float = 0.99,
        revive: bool = True,
        floor: float = 0.1,
    ):
        super().__init__()
        if size < 1 or width < 1:
            raise ValueError(f"a codebook of {size} codes of {width} channels holds nothing")
        if method not in ("ema", "gradient"):
            raise ValueError(f'method "{method}" is unknown; choose "ema" or "gradient"')
        if not 0 <= decay < 1:
            raise ValueError(f"decay {decay} must lie in [0, 1); 0.99 averages over 100 batches")
        self.size, self.width, self.method = size, width, method
        self.decay, self.revive, self.floor = decay, revive, floor
        start = torch.randn(size, width) / width**0.5
        self.register_buffer("counts", torch.zeros(size))
        if method == "ema":
            self.register_buffer("codes", start)
            self.register_buffer("sums", torch.zeros(size, width))
        else:
            self.codes = nn.Parameter(start)

    @torch.no_grad()
    def nearest(self, z: Float[Tensor, "*n c"]) -> Int[Tensor, "*n"]:
        """argmin_k ||z - e_k||², always in full precision: bf16 distances swap near codes.

        Raises:
            ValueError: vectors of another width.
        """
        check_width(z, self.width)
        with torch.autocast(z.device.type, enabled=False):
            flat, codes = z.reshape(-1, self.width).float(), self.codes.float()
            # ||z||² is the same for every code
            distance = torch.addmm(codes.square().sum(1), flat, codes.T, alpha=-2)
            return distance.argmin(1).view(z.shape[:-1])

    def lookup(self, indices: Int[Tensor, "*n"]) -> Float[Tensor, "*n c"]:
        """The vectors of given codes.

        Raises:
            IndexError: a code is outside the codebook.
        """
        return nn.functional.embedding(inside(indices, self.size), self.codes)

    @torch.no_grad()
    def observe(self, z: Float[Tensor, "n c"], indices: Int[Tensor, "n"]) -> None:
        """Learn from vectors and the codes they chose: counts, averages, revival."""
        z = z.detach().float()
        hits = z.new_zeros(self.size).index_add_(0, indices, torch.ones_like(z[:, 0]))
        even = _over_ranks(z.new_tensor(float(len(z)))) / self.size
        self.counts.lerp_(_over_ranks(hits), 1 - self.decay)
        if self.method == "ema":
            total = torch.zeros_like(self.codes).index_add_(0, indices, z)
            self.sums.lerp_(_over_ranks(total), 1 - self.decay)
            # S and N fade together, so a code nobody chooses stays where it is
            chosen = (self.counts > 1e-6)[:, None]
            mean = self.sums / self.counts.clamp(min=1e-6)[:, None]
            self.codes.copy_(torch.where(chosen, mean, self.codes))
        if self.revive:
            self._restart(z, even)

    def usage(self) -> float:
        """Share of the codes that are chosen at least `floor` times as often as an even share."""
        even = self.counts.sum() / self.size
        return float((self.counts > 0).logical_and(self.counts >= self.floor * even).float().mean())

    def _restart(self, z: Tensor, even: Tensor) -> None:
        # every batch draws as many numbers, whatever dies: a resumed run draws the same ones
        order = torch.randperm(len(z), device=z.device)
        fresh = z[order[torch.arange(self.size, device=z.device) % len(z)]]
        if _ranks() > 1:
            dist.broadcast(fresh, 0)
        dead = self.counts < self.floor * even
        self.counts.copy_(torch.where(dead, even, self.counts))
        self.codes.data.copy_(torch.where(dead[:, None], fresh, self.codes))
        if self.method == "ema":
            self.sums.copy_(torch.where(dead[:, None], fresh * even, self.sums))


def _ranks() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def _over_ranks(x: Tensor) -> Tensor:
    if _ranks() > 1:
        dist.all_reduce(x)
    return x
