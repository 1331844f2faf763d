"""Sounds that are heard and seen: clips beside their spectra, and players that speak."""

import html
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from arlearn.data.mel import Mel
from arlearn.data.sound import resampled, wav
from arlearn.show.element import Element
from arlearn.show.picture import captioned, encode, image_tag
from arlearn.trace import Trace

BYTES = 150_000  # of all sounds of one output, as they stand in the page
SECOND, WIDEST = 230, 690  # pixels of a second of sound, and of the longest
SHADES = 48  # colours of a spectrum
QUIET = -6.0  # the lowest log magnitude that is told apart from silence


@dataclass(frozen=True, eq=False)
class Sound:
    """A sound in a page.

    Attributes:
        name: what it is, shown above; may be empty.
        file: a WAV file.
        picture: its log-mel or its waveform, a PNG file.
        width: how wide the picture is shown, in CSS pixels.
        alt: both in words.
    """

    name: str
    file: bytes
    picture: bytes
    width: int
    alt: str

    def _repr_html_(self) -> str:
        size = f'width="{self.width}" height="96"'
        name = f'<div style="font-size:.9em">{html.escape(self.name)}</div>' if self.name else ""
        return (
            f'<div style="margin:.4em 0;max-width:100%">{name}'
            f"{image_tag(self.picture, self.alt, size, 'display:block;height:96px')}"
            f'<audio controls preload="metadata" aria-label="{html.escape(self.alt)}"'
            ' data-lm-suppress-shortcuts="true" style="display:block;height:2.4em;width:100%;'
            f'max-width:{max(self.width, 230)}px" src="{held(self.file)}"></audio></div>'
        )


@dataclass(frozen=True, eq=False)
class Sounds:
    """Sounds below each other; a notebook and the book play them, without a script or a request.

    Attributes:
        sounds: in the order they were given.
        label: what they are, in a few words, for screen readers.
        caption: what to hear, shown below; may be empty.
    """

    sounds: tuple[Sound, ...]
    label: str
    caption: str = ""

    def __repr__(self) -> str:
        words = [f"[sounds: {self.label}]", *(one.alt for one in self.sounds), self.caption]
        return "\n".join(filter(None, words))

    def _repr_html_(self) -> str:
        inside = "".join(one._repr_html_() for one in self.sounds)
        return (
            '<figure class="arlearn-sounds" role="group" style="margin:0.6em 0;text-align:left"'
            f' aria-label="{html.escape(self.label)}"><div style="display:flex;flex-wrap:wrap;'
            f'gap:.2em 1em">{inside}</div>{captioned(self.caption)}</figure>'
        )


def audio(
    sounds: Float[Tensor, "*n t"] | Sequence[Tensor] | Mapping[str, Tensor],
    rate: int,
    *,
    label: str,
    names: Sequence[str] = (),
    caption: str = "",
    view: str = "mel",
    at: int = 8000,
) -> Sounds:
    """Sounds to be played, each below its log-mel picture or its waveform.

    A second takes 11 KB of the page: 8,000 samples of 8 bits on the mu-law of telephones, as text.
    Nothing plays by itself; the browser's own controls answer to keys. Where a page is only looked
    at (GitHub, a printer), the pictures stand. Equal lengths of picture are equal times.

    Args:
        sounds: one waveform, rows of them, a list, or waveforms by name; values -1..1.
        rate: their samples a second.
        label: what they are, in a few words.
        names: of each sound, where no mapping gives them.
        view: "mel" or "wave".
        at: samples a second in the page; faster sounds are resampled, slower ones stay.

    Raises:
        ValueError: no sound, not one name each, an unknown view, an empty label, sounds that are
            too much for a page, too short, or hold values that are not finite.
    """
    if not label.strip():
        raise ValueError("label is empty; say in a few words what is heard")
    if view not in ("mel", "wave"):
        raise ValueError(f"view {view!r} does not exist; choose mel or wave")
    if isinstance(sounds, Mapping):
        names, waves = list(sounds), list(sounds.values())
    else:
        whole = isinstance(sounds, Tensor)
        waves = list(sounds.reshape(-1, sounds.shape[-1]) if whole else sounds)
    if not waves or (names and len(names) != len(waves)):
        raise ValueError(f"{len(names)} names for {len(waves)} sounds; give one for each")
    kept = [resampled(wave.detach().float().cpu(), rate, min(rate, at)) for wave in waves]
    files = [wav(wave, min(rate, at), small=True) for wave in kept]
    _fits(files, sum(map(len, kept)) / min(rate, at))
    made = zip(names or [""] * len(kept), kept, files, strict=True)
    shown = (_sound(name, wave, file, min(rate, at), label, view) for name, wave, file in made)
    return Sounds(tuple(shown), label, caption)


def sounding(
    player: Element, trace: Trace, sound: Callable[[Tensor], Tensor], rate: int, at: int = 8000
) -> Element:
    """A player of `show.play` that also speaks: what stands after each step, as far as it is heard.

    The finished sound of each sample is held once. At an earlier step it stops where the first unit
    is missing, so that a sampler from left to right is heard as far as it has come.

    Args:
        player: what `show.play(trace, …)` returned, of any view.
        trace: the trace it plays.
        sound: turns the units of one sample, `1 n` or `1 n c`, into a waveform `t`.
        rate: samples a second of the waveforms.
        at: samples a second in the page, as in `audio`.

    Raises:
        ValueError: a player of no trace, or what `audio` refuses.
    """
    if "steps" not in player.traits:
        raise ValueError(f"{player.label}: this element plays no trace; pass one of show.play")
    samples = len(player.traits.get("samples", [0]))
    done = trace.units_after(trace.n_steps)
    waves = [sound(done[i : i + 1]).detach().float().cpu() for i in range(samples)]
    kept = [resampled(wave, rate, min(rate, at)) for wave in waves]
    files = [wav(wave, min(rate, at), small=True) for wave in kept]
    _fits(files, sum(map(len, kept)) / min(rate, at))
    heard = leading(trace, player.traits["steps"])[:, :samples].T.tolist()
    spoken = {"sounds": [held(file) for file in files], "heard": heard}
    return replace(player, traits={**player.traits, **spoken})


def leading(trace: Trace, steps: Sequence[int]) -> Float[Tensor, "s b"]:
    """After each of some steps: the share of a sample's units before the first that is missing."""
    here = torch.zeros(len(trace.steps[0].units), trace.length)
    shares = {}
    for i, step in enumerate(trace.steps, 1):
        here[:, step.positions] = 1.0 if step.kept is None else step.kept.float().cpu()
        shares[i] = here.cumprod(1).mean(1)
    return torch.stack([shares[step] for step in steps])


def held(file: bytes) -> str:
    """A WAV file as an address that holds it whole."""
    return f"data:audio/wav;base64,{b64encode(file).decode('ascii')}"


def _fits(files: Sequence[bytes], seconds: float) -> None:
    size = sum(map(len, files)) * 4 // 3
    if size > BYTES:
        raise ValueError(
            f"{seconds:.1f} seconds of sound are {size // 1000} KB, too much for a page of "
            f"{BYTES // 1000} KB; show fewer or shorter sounds, or pass a lower rate at="
        )


def _sound(name: str, wave: Tensor, file: bytes, rate: int, label: str, view: str) -> Sound:
    seconds = len(wave) / rate
    kind = "log-mel picture" if view == "mel" else "waveform"
    told = f"{label}: {name}" if name else label
    picture = spectrum(wave, rate) if view == "mel" else outline(wave)
    width = min(round(seconds * SECOND), WIDEST)
    return Sound(name, file, picture, width, f"{told}, {seconds:.2g} seconds; {kind}")


def spectrum(wave: Float[Tensor, "t"], rate: int) -> bytes:
    """The log-mel of a waveform as a PNG file: time to the right, low frequencies at the bottom."""
    from matplotlib import colormaps

    window = 2 ** round(np.log2(0.032 * rate))
    mel = Mel(rate, 40, window, min(round(0.0125 * rate), window // 2))
    values = mel.log_mel(wave).clamp(min=QUIET)
    scaled = (values - QUIET) / max(float(values.max()) - QUIET, 1e-6)
    colours = colormaps["cividis"](scaled.T.flip(0).numpy())[..., :3]
    return encode(np.ascontiguousarray((255 * colours).round().astype(np.uint8)), SHADES)


def outline(wave: Float[Tensor, "t"], columns: int = 400, rows: int = 64) -> bytes:
    """The lowest and highest sample of each short stretch as a PNG file; full height is -1..1."""
    parts = np.array_split(wave.numpy().clip(-1, 1), min(columns, len(wave)))
    ends = np.array([(part.min(), part.max()) for part in parts])
    low, high = ((1 - ends.T) / 2 * (rows - 1)).round().astype(int)
    row = np.arange(rows)[:, None]
    inked = (row >= high) & (row <= low)
    paper, ink, axis = np.array([[251, 250, 247], [0, 114, 178], [178, 176, 170]], np.uint8)
    page = np.where((row == rows // 2)[..., None], axis, paper)
    return encode(np.ascontiguousarray(np.where(inked[..., None], ink, page)))
