"""A small teacher: a classifier that has one vector for each patch of a picture."""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.nets.conv import Encoder


class PatchClassifier(nn.Module):
    """Convolutions to a vector per patch; their mean over all patches tells the class, linearly.

    So every patch's vector speaks of what the picture shows, and where: stands in for the patch
    features of a large frozen encoder (DINOv2 and its like). `conv.Classifier`, which judges
    samples in this course, flattens its map instead and is another network.

    Args:
        channels_in: channels of a picture.
        classes: number of classes.
        channels: of a patch's vector.
        width, factor: of the convolutions, a patch being factor x factor pixels.
    """

    def __init__(
        self, channels_in: int, classes: int, channels: int, width: int = 32, factor: int = 4
    ):
        super().__init__()
        self.channels = channels
        self.encoder = Encoder(channels_in, channels, width, factor)
        self.head = nn.Linear(channels, classes)

    def patches(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k y x"]:
        """The vector of every patch."""
        return self.encoder(images)

    def features(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k"]:
        """The mean over all patches, one vector a picture."""
        return self.patches(images).mean((2, 3))

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b v"]:
        """Logits over the classes."""
        return self.head(self.features(images))

    def loss(self, images: Float[Tensor, "b c h w"], labels: Int[Tensor, "b"]) -> Float[Tensor, ""]:
        """Cross-entropy in nats, mean over the batch."""
        return F.cross_entropy(self(images), labels)
