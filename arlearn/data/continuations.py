"""What the tracker says of drawn continuations: is the object still there, whole, and lawful?"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from arlearn.data.motion import Body, advance
from arlearn.data.moving import WAYS, Moving, drawn, simulate
from arlearn.data.tracker import lawful, track

Frames = Int[Tensor, "n f h w"] | UInt8[Tensor, "n f h w"]


@dataclass(frozen=True, eq=False)
class Verdict:
    """Of each frame of films that show one object, told nothing on its way.

    Attributes:
        present: something in the object's own colour is there.
        clean: no other object's colour is.
        whole: the frame shows the object alone, exactly as it is drawn.
        lawful: it is whole, and so are all frames before, and each may follow on those before it.
        places: x and y of the best drawing in the object's colour, in pixels; -1 without one.
    """

    present: Bool[Tensor, "n f"]
    clean: Bool[Tensor, "n f"]
    whole: Bool[Tensor, "n f"]
    lawful: Bool[Tensor, "n f"]
    places: Int[Tensor, "n f 2"]

    def apart(self, truth: Int[Tensor, "n f 2"]) -> Float[Tensor, "n f"]:
        """Pixels from the true place, the larger of both axes; NaN where nothing is present."""
        distance = (self.places - truth).abs().amax(-1).float()
        return torch.where(self.present, distance, torch.nan)


def verdict(frames: Frames, kinds: Int[Tensor, "k"], colours: Int[Tensor, "c"]) -> Verdict:
    """What is seen in films of one object each; kinds and colours are those it should have.

    Raises:
        ValueError: not one kind and one colour for each film.
    """
    n, f, _, side = frames.shape
    if kinds.shape != (n,) or colours.shape != (n,):
        raise ValueError(
            f"kinds {list(kinds.shape)} and colours {list(colours.shape)} for {n} films; give one "
            "of each for every film"
        )
    seen, rows = track(frames), torch.arange(n)
    there = seen.kinds >= 0
    present = there[rows, :, colours]
    clean = there.sum(-1) == present.long()
    exact = (seen.kinds[rows, :, colours] == kinds[:, None]) & (seen.scores[rows, :, colours] >= 1)
    whole = exact & clean
    told = torch.zeros(n, f, 1, dtype=torch.long)
    follows = lawful(seen, side, told, colours[:, None], threshold=1.0)
    so_far = (whole & follows).long().cummin(1).values.bool()
    return Verdict(present, clean, whole, so_far, seen.places[rows, :, colours])


def choices(places: Int[Tensor, "n f 2"], side: int) -> Int[Tensor, "n f"]:
    """How many places the law of random bounces allows in each frame, after the two before it.

    1 is no choice; the first two frames count 0. Two frames tell an object's direction and speed,
    as it moves in every frame.

    Raises:
        ValueError: an object stands still, so that its speed is not told.
    """
    unit = side // 16
    moves = (places[:, 1:] - places[:, :-1]) // unit
    if not (moves != 0).any(-1).all():
        raise ValueError("an object stands still; choices are told for films in which all move")
    found = torch.zeros(places.shape[:2], dtype=torch.long)
    for i in range(len(places)):
        for j in range(2, places.shape[1]):
            body = _body(places[i, j - 2 : j], unit)
            after = {(one.x, one.y) for (one,) in advance([body], ["keep"], 16, True)}
            found[i, j] = len(after)
    return found


def resampled(films: Moving, given: int, seed: int = 0) -> UInt8[Tensor, "n f h w"]:
    """The films again from frame `given` on, with other luck: what a perfect sampler would draw.

    For films of one object on a plain ground that was told nothing; two given frames or more.
    """
    unit, places = films.frames.shape[-1] // 16, films.places.clone()
    for i in range(len(films)):
        body = _body(places[i, given - 2 : given, 0], unit)
        random = np.random.default_rng([seed, i])
        states, _ = simulate([body], places.shape[1] - given + 1, random, 0.0, True, False)
        for j, (one,) in enumerate(states[1:], given):
            places[i, j, 0] = torch.tensor([one.x, one.y]) * unit
    frames = drawn(torch.zeros_like(films.frames[:, 0]), films.kinds, films.colours, places)
    return torch.cat([films.frames[:, :given], frames[:, given:]], 1)


def _body(places: Int[Tensor, "2 2"], unit: int) -> Body:
    """An object as two frames show it."""
    move, (x, y) = (places[1] - places[0]) // unit, (places[1] // unit).tolist()
    right, down = move.sign().tolist()
    return Body(x, y, right, down, int(move.abs().max()))


def directions(places: Int[Tensor, "n f 2"]) -> Int[Tensor, "n f"]:
    """The direction of the move to each frame, a place in `CLASSES`; -1 for none and the first."""
    moves = (places[:, 1:] - places[:, :-1]).sign()
    ways = torch.full((3, 3), -1)
    for k, (right, down) in enumerate(WAYS):
        ways[right + 1, down + 1] = k
    found = ways[moves[..., 0] + 1, moves[..., 1] + 1]
    return torch.cat([torch.full_like(found[:, :1], -1), found], 1)
