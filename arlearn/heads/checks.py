"""What continuous and guided heads ask of their arguments before they work on them."""

from jaxtyping import Float
from torch import Tensor

from arlearn.heads.law import Law


def has_channels(units: Float[Tensor, "*b c"], channels: int) -> None:
    """Refuse continuous units of another size than the head draws.

    Raises:
        ValueError: the last axis is not `channels` long.
    """
    if units.shape[-1] != channels:
        raise ValueError(
            f"units have {units.shape[-1]} channels, the head draws {channels}; "
            f"make the head with channels={units.shape[-1]}"
        )


def untruncated(law: Law) -> None:
    """Refuse `top_k` and `top_p` where the law is a density.

    Raises:
        ValueError: the law truncates.
    """
    if law.top_k is not None or law.top_p is not None:
        raise ValueError(
            f"top_k={law.top_k}, top_p={law.top_p} truncate a categorical law; this head's law is "
            "continuous: lower its temperature instead"
        )


def guidable(null: Tensor | None, guidance: float) -> None:
    """Refuse guidance where there is nothing to guide away from.

    Raises:
        ValueError: `guidance` is not 0 and `null` is missing.
    """
    if null is None and guidance != 0:
        raise ValueError(
            f"guidance {guidance} needs null, the states of the network without its condition; "
            "pass null=… or guidance=0"
        )
