"""Sequences of frames to fewer, wider vectors and back: causal convolutions with free shortcuts."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn


def to_channels(x: Float[Tensor, "b c t"], stride: int) -> Float[Tensor, "b k n"]:
    """`stride` neighbours in time become channels beside each other, k = c stride: no number is
    lost.

    Raises:
        ValueError: `stride` does not divide the length.
    """
    if x.shape[2] % stride:
        raise ValueError(
            f"{x.shape[2]} frames are no multiple of a stride of {stride}; "
            "pad the sequence first (tokens.sound.whole)"
        )
    return rearrange(x, "b c (n s) -> b (c s) n", s=stride)


def to_time(x: Float[Tensor, "b k n"], stride: int) -> Float[Tensor, "b c t"]:
    """Undoes `to_channels`: channels become time again, c = k / stride.

    Raises:
        ValueError: `stride` does not divide the channels.
    """
    if x.shape[1] % stride:
        raise ValueError(f"{x.shape[1]} channels are no multiple of a stride of {stride}")
    return rearrange(x, "b (c s) n -> b c (n s)", s=stride)


def down_shortcut(x: Float[Tensor, "b c t"], stride: int, channels: int) -> Float[Tensor, "b k n"]:
    """Time into channels, then the mean of each group of neighbouring ones: no parameter.

    Every number of x counts once, so the mean over all of them stays.

    Raises:
        ValueError: c stride channels do not fall into `channels` equal groups.
    """
    wide = to_channels(x, stride)
    if wide.shape[1] % channels:
        raise ValueError(
            f"{x.shape[1]} channels times stride {stride} do not fall into {channels} equal groups"
        )
    return rearrange(wide, "b (k g) n -> b k g n", k=channels).mean(2)


def up_shortcut(x: Float[Tensor, "b k n"], stride: int, channels: int) -> Float[Tensor, "b c t"]:
    """The mirror: channels repeated until they are enough, then into time; the mean stays too.

    Raises:
        ValueError: the channels of x do not divide `channels` stride.
    """
    if channels * stride % x.shape[1]:
        raise ValueError(
            f"{x.shape[1]} channels cannot be repeated to {channels} channels times stride {stride}"
        )
    return to_time(x.repeat_interleave(channels * stride // x.shape[1], 1), stride)


class Snake(nn.Module):
    """x + sin²(a x) / a, a slope with ripples, a > 0 learned per channel (arXiv 2006.08195)."""

    def __init__(self, channels: int):
        super().__init__()
        self.rate = nn.Parameter(torch.ones(channels, 1))

    def forward(self, x: Float[Tensor, "b c t"]) -> Float[Tensor, "b c t"]:
        """Every number on its own."""
        rate = self.rate.abs() + 1e-3
        return x + (rate * x).sin().square() / rate


class Causal(nn.Conv1d):
    """A convolution that looks back only: the output for a stride ends with the stride's frames."""

    def forward(self, x: Float[Tensor, "b c t"]) -> Float[Tensor, "b k n"]:
        """Zeros stand before the beginning."""
        reach = (self.kernel_size[0] - 1) * self.dilation[0] + 1
        return super().forward(F.pad(x, (reach - self.stride[0], 0)))


class Residual(nn.Module):
    """x + mix(snake(conv(snake(x)))), the convolution over 5 frames, `dilation` apart."""

    def __init__(self, channels: int, dilation: int = 1):
        super().__init__()
        self.net = nn.Sequential(
            Snake(channels),
            Causal(channels, channels, 5, dilation=dilation),
            Snake(channels),
            nn.Conv1d(channels, channels, 1),
        )

    def forward(self, x: Float[Tensor, "b c t"]) -> Float[Tensor, "b c t"]:
        """As many frames as before."""
        return x + self.net(x)


class Down(nn.Module):
    """`stride` frames become one: a strided convolution, and the shortcut beside it."""

    def __init__(self, channels: int, out: int, stride: int, *, shortcut: bool = True):
        super().__init__()
        self.stride, self.out, self.shortcut = stride, out, shortcut
        self.conv = Causal(channels, out, 2 * stride, stride=stride)

    def forward(self, x: Float[Tensor, "b c t"]) -> Float[Tensor, "b k n"]:
        """n = t / stride."""
        y = self.conv(x)
        return y + down_shortcut(x, self.stride, self.out) if self.shortcut else y


class Up(nn.Module):
    """One frame becomes `stride`: a transposed convolution, and the shortcut beside it."""

    def __init__(self, channels: int, out: int, stride: int, *, shortcut: bool = True):
        super().__init__()
        self.stride, self.out, self.shortcut = stride, out, shortcut
        self.conv = nn.ConvTranspose1d(channels, out, 2 * stride, stride=stride)

    def forward(self, x: Float[Tensor, "b k n"]) -> Float[Tensor, "b c t"]:
        """t = n stride; the tail that would reach beyond the last frame is cut."""
        y = self.conv(x)[..., : x.shape[2] * self.stride]
        return y + up_shortcut(x, self.stride, self.out) if self.shortcut else y


def encoder(
    bins: int, latent: int, widths: tuple[int, ...], *, stride: int = 2, shortcut: bool = True
) -> nn.Sequential:
    """`b bins t` to `b latent t/stride^n`, n changes of rate between the n + 1 widths.

    Output k sees the frames of its own stride and earlier ones. The shortcuts are those of CLEAR
    (arXiv 2508.19098), section on the enhanced VAE.
    """
    layers: list[nn.Module] = [Causal(bins, widths[0], 3)]
    for i, (a, b) in enumerate(pairwise(widths)):
        layers += [Residual(a, 1 + 2 * (i % 2)), Down(a, b, stride, shortcut=shortcut)]
    return nn.Sequential(*layers, Snake(widths[-1]), nn.Conv1d(widths[-1], latent, 1))


def decoder(
    latent: int, bins: int, widths: tuple[int, ...], *, stride: int = 2, shortcut: bool = True
) -> nn.Sequential:
    """The mirror of `encoder`, causal as well: frames of latent k see latents up to k."""
    back = widths[::-1]
    layers: list[nn.Module] = [Causal(latent, back[0], 3)]
    for i, (a, b) in enumerate(pairwise(back)):
        layers += [Up(a, b, stride, shortcut=shortcut), Residual(b, 1 + 2 * (i % 2))]
    return nn.Sequential(*layers, Snake(back[-1]), Causal(back[-1], bins, 3))
