"""A player that needs no kernel: precomputed frames behind a slider, in any page."""

import hashlib
import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import Template

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from arlearn.show.picture import Picture, captioned, decode, encode, image_tag, pixels, size
from arlearn.show.pictures import moments, nfe, trace_shots
from arlearn.show.sheet import lines, sheet
from arlearn.trace import Trace

# Without its script (GitHub, a notebook not trusted yet) the frames that are not hidden stand below
# each other; the script turns the same frames into the player. They are hidden by inline style, as
# JupyterLab takes `hidden` and <style> out of notebooks it does not trust.
PAGE = Template("""\
<div class="arlearn-scrub" data-scrub="$key" role="group" aria-label="$label"
 style="margin:0.6em 0">
<style>
.arlearn-scrub{color:inherit;max-width:100%}
.arlearn-scrub .frames{display:flex;flex-wrap:wrap;gap:.6em}
.arlearn-scrub .frames figure{margin:0;max-width:100%;text-align:left}
.arlearn-scrub .bar{display:flex;gap:.4em;align-items:center;max-width:32em;margin-top:.4em}
.arlearn-scrub .bar input{flex:1;min-width:4em;accent-color:currentColor}
.arlearn-scrub .bar button{font:inherit;color:inherit;background:transparent;cursor:pointer;
 border:1px solid currentColor;border-radius:6px;min-width:2.4em;min-height:2.2em;padding:0 .5em}
.arlearn-scrub figcaption{font-variant-numeric:tabular-nums}
</style>
<div class="frames">
$frames
</div>
<div class="bar" style="display:none">
<button type="button" $keys class="play" aria-label="play">▶</button>
<button type="button" $keys class="back" aria-label="one step back">‹</button>
<input type="range" $keys min="0" max="$last" value="$last" aria-label="$label: step">
<button type="button" $keys class="next" aria-label="one step forward">›</button>
</div>
$caption
<script>
for (const box of document.querySelectorAll('[data-scrub="$key"]:not([data-ready])')) {
  box.setAttribute("data-ready", "");
  const frames = [...box.querySelectorAll(".frames figure")];
  const slider = box.querySelector("input"), play = box.querySelector(".play");
  let timer = null;
  const show = (i) => {
    frames.forEach((frame, j) => { frame.style.display = i === j ? "" : "none"; });
    slider.value = i;
    slider.setAttribute("aria-valuetext", frames[i].querySelector("figcaption").textContent);
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "▶";
    play.setAttribute("aria-label", "play");
  };
  const move = (by) => { show(Math.min(Math.max(+slider.value + by, 0), $last)); };
  const start = () => {
    if (+slider.value === $last) show(0);
    play.textContent = "❚❚";
    play.setAttribute("aria-label", "pause");
    timer = setInterval(() => {
      move(1);
      if (+slider.value === $last || !box.isConnected) stop();
    }, $pause);
  };
  play.addEventListener("click", () => { timer === null ? start() : stop(); });
  box.querySelector(".back").addEventListener("click", () => { stop(); move(-1); });
  box.querySelector(".next").addEventListener("click", () => { stop(); move(1); });
  slider.addEventListener("input", () => { stop(); show(+slider.value); });
  // on a click, JupyterLab gives the focus to the cell
  slider.addEventListener("click", () => { setTimeout(() => slider.focus()); });
  box.querySelector(".bar").style.display = "";
  show($last);
}
</script>
</div>""")
STILL, STRIP = 4, 8  # frames that show where no script runs, and in the filmstrip
COLOURS = 128  # of a frame; keeps 33 frames of eight 32-pixel pictures under 150 KB


@dataclass(frozen=True, eq=False)
class Player:
    """Frames behind a slider with a play button; a filmstrip where no script runs.

    The slider answers to the arrow keys, Home and End; the colours are the page's own.

    Attributes:
        frames: one PNG file per frame.
        captions: one per frame, shown below it.
        label: what is played, for screen readers and as the name of the slider.
        caption: what to see, below the player; may be empty.
        width: how wide a frame is drawn, in CSS pixels; smaller files are enlarged, unblurred.
        seconds: how long a frame stays while playing.
    """

    frames: tuple[bytes, ...]
    captions: tuple[str, ...]
    label: str
    caption: str
    width: int
    seconds: float

    def __repr__(self) -> str:
        return f"[player: {self.label}, {len(self.frames)} frames] {self.caption}".strip()

    def _repr_html_(self) -> str:
        # a key made of the content: the same run writes the same notebook, and two players on one
        # page differ unless they are the same
        told = "".join([*self.captions, self.label, self.caption]).encode()
        key = hashlib.sha256(b"".join(self.frames) + told).hexdigest()[:12]
        shown = moments(None, 0, len(self.frames) - 1, STILL)
        return PAGE.substitute(
            key=key,
            label=html.escape(self.label),
            frames="\n".join(self._figure(i, i in shown) for i in range(len(self.frames))),
            last=len(self.frames) - 1,
            caption=f"<p>{html.escape(self.caption)}</p>" if self.caption else "",
            pause=round(self.seconds * 1000),
            keys='data-lm-suppress-shortcuts="true"',  # or JupyterLab takes the arrow keys
        )

    def _figure(self, i: int, shown: bool) -> str:
        frame, words = self.frames[i], self.captions[i]
        sharp = "image-rendering:pixelated;" * (size(frame)[0] < self.width)
        style = f"{sharp}outline:1px solid #8886"
        image = image_tag(frame, f"{self.label}: {words}", f'width="{self.width}"', style)
        hidden = "" if shown else ' style="display:none"'
        return f"<figure{hidden}>{image}{captioned(words)}</figure>"

    def strip(self) -> Picture:
        """Up to 4 of the frames as one picture, for pages and printers without HTML."""
        at = moments(None, 0, len(self.frames) - 1, 4)
        tiles = [_thinned(decode(self.frames[i]), 160) for i in at]
        page = lines(tiles, 4, captions=[str(i) for i in at])
        scale = max(1, 160 // tiles[0].shape[1])
        alt = f"{self.label}: {len(at)} of its {len(self.frames)} frames"
        return sheet(page, alt=alt, scale=scale, caption=self.caption)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return {
            "text/html": self._repr_html_(),
            "image/png": self.strip().png,
            "text/plain": repr(self),
        }


def scrub(
    frames: Float[Tensor, "n c h w"] | Sequence[Picture | Float[Tensor, "c h w"]],
    captions: Sequence[str],
    *,
    label: str,
    caption: str = "",
    width: int | None = None,
    seconds: float = 0.4,
) -> Player:
    """A player over given frames: pictures of a dataset or model, or `Picture`s (plots, masks).

    Raises:
        ValueError: no frame, not one caption per frame, or an empty label (screen readers say it).
    """
    files = [frame.png if isinstance(frame, Picture) else encode(pixels(frame)) for frame in frames]
    if not files or len(captions) != len(files):
        raise ValueError(f"{len(captions)} captions for {len(files)} frames; give one for each")
    if not label.strip():
        raise ValueError("label is empty; say in a few words what the frames show")
    widest = max(size(file)[0] for file in files)
    width = width or (widest if widest > 160 else widest * max(1, 320 // widest))
    return Player(tuple(files), tuple(captions), label, caption, width, seconds)


def play(
    trace: Trace,
    picture: Callable[[Tensor, int], Tensor],
    *,
    label: str,
    samples: int = 8,
    at: Sequence[int] | None = None,
    caption: str = "",
    seconds: float = 0.4,
) -> Player:
    """A player over the steps of one generation, with its network evaluations counted.

    Args:
        trace: what the sampler returned.
        picture: `picture(units, step) -> n c h w` draws the units as they stand after `step` steps
            (-1 where there is none yet).
        label: what is played, as "VAR drawing eight digits".
        samples: how many of the samples are shown, side by side.
        at: which steps; None takes all, or 33 evenly spread ones of a longer trace (a page stays
            small).

    Raises:
        ValueError: the trace has no steps, a step it has not, or samples below 1.
    """
    if samples < 1:
        raise ValueError(f"samples must be at least 1, not {samples}")
    shots = trace_shots(trace, picture, moments(at, 1, trace.n_steps, 33))
    files = tuple(encode(_side_by_side(shot[:samples]), COLOURS) for _, shot in shots)
    captions = tuple(_count(trace, step) for step, _ in shots)
    width = size(files[-1])[0]
    return Player(files, captions, label, caption, width * max(1, 640 // width), seconds)


def _count(trace: Trace, step: int) -> str:
    calls, units = nfe(trace, step), _standing(trace, step)
    return (
        f"step {step} of {trace.n_steps}: {calls} network evaluation{'s' * (calls != 1)}, "
        f"{units:g} unit{'s' * (units != 1)}, {units / max(calls, 1):.3g} per evaluation"
    )


def _standing(trace: Trace, step: int) -> float:
    """Units that stand after `step` steps, mean over the batch; rejected ones do not count."""
    here = torch.zeros(len(trace.steps[0].units), trace.length)
    for done in trace.steps[:step]:
        here[:, done.positions] = 1.0 if done.kept is None else done.kept.float()
    return round(float(here.sum(1).mean()), 1)


def _side_by_side(pictures: np.ndarray) -> np.ndarray:
    """`n h w 3` as one picture, a line of one grey pixel between neighbours."""
    line = np.full((pictures.shape[1], 1, 3), 128, np.uint8)
    columns = [part for picture in pictures for part in (line, picture)]
    return np.concatenate(columns[1:], axis=1)


def _thinned(picture: np.ndarray, widest: int) -> np.ndarray:
    """A picture no wider than `widest`, by averaging."""
    from PIL import Image

    if picture.shape[1] <= widest:
        return picture
    height = max(1, round(picture.shape[0] * widest / picture.shape[1]))
    return np.asarray(Image.fromarray(picture).resize((widest, height), Image.Resampling.BOX))
