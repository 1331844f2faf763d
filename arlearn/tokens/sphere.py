"""Codes of length 1: a codebook on the unit sphere, the rotation trick, the entropy penalty."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.tokens.codebook import Codebook
from arlearn.tokens.codes import Quantized, check_width, inside, straight_through


class UnitCodebook(Codebook):
    """A `Codebook` whose vectors are read at length 1, so that nearest means smallest angle.

    ||z - e||² = 2 - 2 cos(z, e) on the sphere (Yu et al. 2021, arXiv 2110.04627). What is stored
    need not have length 1; what is looked up has.
    """

    def vectors(self) -> Float[Tensor, "k c"]:
        """All codes at length 1."""
        return F.normalize(self.codes, dim=-1)

    @torch.no_grad()
    def nearest(self, z: Float[Tensor, "*n c"]) -> Int[Tensor, "*n"]:
        """argmax_k cos(z, e_k), in full precision; the length of z does not matter.

        Raises:
            ValueError: vectors of another width.
        """
        check_width(z, self.width)
        with torch.autocast(z.device.type, enabled=False):
            return (z.float() @ self.vectors().float().T).argmax(-1)

    def lookup(self, indices: Int[Tensor, "*n"]) -> Float[Tensor, "*n c"]:
        """The vectors of given codes, each of length 1.

        Raises:
            IndexError: a code is outside the codebook.
        """
        return F.embedding(inside(indices, self.size), self.vectors())


class UnitQuantizer(nn.Module):
    """z / ||z|| becomes the code at the smallest angle.

    Loss: mean ||sg(z) - e||² + commitment * mean ||z - sg(e)||², z and e of length 1.

    Args:
        size: number of codes.
        width: channels of a vector.
        commitment: weight of the encoder's part.
        rotate: pass the gradient by `rotated`, else by `straight_through`.
        revive: restart codes that nearly nobody chooses at vectors of the batch.

    Raises:
        ValueError: a size is out of range.
    """

    def __init__(
        self,
        size: int,
        width: int,
        *,
        commitment: float = 0.25,
        rotate: bool = True,
        revive: bool = True,
    ):
        super().__init__()
        self.codebook = UnitCodebook(size, width, method="gradient", revive=revive)
        self.size, self.width = size, width
        self.commitment, self.rotate = commitment, rotate

    def forward(self, z: Float[Tensor, "b t c"]) -> Quantized:
        """Nearest codes; in training the codebook counts who is chosen.

        Raises:
            ValueError: vectors of another width.
        """
        z = F.normalize(z.float(), dim=-1)
        indices = self.codebook.nearest(z)
        codes = self.codebook.lookup(indices)
        loss = F.mse_loss(codes, z.detach()) + self.commitment * F.mse_loss(z, codes.detach())
        if self.training:
            self.codebook.observe(z.flatten(0, 1), indices.flatten())
        passed = rotated(z, codes) if self.rotate else straight_through(z, codes)
        return Quantized(passed, indices, loss)

    def encode(self, z: Float[Tensor, "b t c"]) -> Int[Tensor, "b t"]:
        """The nearest codes; nothing is learned."""
        return self.codebook.nearest(z)

    def lookup(self, indices: Int[Tensor, "*n"]) -> Float[Tensor, "*n c"]:
        """The vectors of given codes, each of length 1.

        Raises:
            IndexError: a code is outside the vocabulary.
        """
        return self.codebook.lookup(indices)

    def entropy_penalty(
        self, z: Float[Tensor, "b t c"], temperature: float = 0.01
    ) -> Float[Tensor, ""]:
        """`entropy_penalty` of some vectors against this codebook, all at length 1."""
        z = F.normalize(z.float(), dim=-1).flatten(0, 1)
        return entropy_penalty(z, self.codebook.vectors(), temperature)


def rotated(z: Float[Tensor, "*n c"], code: Float[Tensor, "*n c"]) -> Float[Tensor, "*n c"]:
    """The value of `code`, with the gradient of z turned and scaled as z is turned into it.

    sg[λ R] z with λ = ||e|| / ||z|| and R = 1 - 2 r rᵀ + 2 ê ẑᵀ, r = (ẑ + ê) / ||ẑ + ê||, the
    rotation of ẑ = z / ||z|| into ê = e / ||e||. Straight-through copies the gradient instead; here
    its angle to z is what it was to the code (Fifty et al. 2024, arXiv 2410.06424).
    """
    start, end = F.normalize(z, dim=-1).detach(), F.normalize(code, dim=-1).detach()
    mirror = F.normalize(start + end, dim=-1)
    scale = code.detach().norm(dim=-1, keepdim=True) / z.detach().norm(dim=-1, keepdim=True)

    def along(axis: Tensor) -> Tensor:
        return (z * axis).sum(-1, keepdim=True)

    return scale * (z - 2 * along(mirror) * mirror + 2 * along(start) * end)


def entropy_penalty(
    z: Float[Tensor, "n c"], codes: Float[Tensor, "k c"], temperature: float = 0.01
) -> Float[Tensor, ""]:
    """mean_i H(p_i) - H(mean_i p_i), p_i(k) = softmax_k(-||z_i - e_k||² / temperature), in nats.

    Low where each vector is sure of its code and all codes are used alike: -log k at best, 0 where
    all vectors choose one code (as in MAGVIT-v2, Yu et al. 2023, arXiv 2310.05737).

    Raises:
        ValueError: the temperature is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"temperature {temperature} must be above 0; the paper takes 0.01")
    # ||z||² is the same for every code, so the softmax does not see it
    distance = torch.addmm(codes.square().sum(1), z, codes.T, alpha=-2)
    log_p = (-distance / temperature).log_softmax(-1)
    each = -(log_p.exp() * log_p).sum(-1).mean()
    mean = log_p.exp().mean(0).clamp(min=torch.finfo(torch.float32).tiny)  # log 0 has no gradient
    return each + (mean * mean.log()).sum()
