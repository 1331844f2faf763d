"""Films of moving shapes and glyphs in palette colours, with the actions that move them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from arlearn.data.images import split_number
from arlearn.data.motion import ACTIONS, SPEEDS, Body, advance, touch
from arlearn.data.sprites import CELLS, COLOURS, FIRST, KINDS, SHAPES, masks, painted

DEFAULT_N = {"train": 2000, "test": 400}
WAYS = {
    **{(-1, 0): "left", (1, 0): "right", (0, -1): "up", (0, 1): "down"},
    **{(-1, -1): "left and up", (1, -1): "right and up"},
    **{(-1, 1): "left and down", (1, 1): "right and down"},
}
CLASSES = tuple(WAYS.values())
_TRIES = 50  # places drawn for the objects before they count as too many for the side


@dataclass(frozen=True, eq=False)
class Moving:
    """Films and the truth behind them; o objects of different colours in each.

    Attributes:
        frames: palette indices, see `sprites.palette`.
        actions: what each object was told on the way to each frame, a place in `ACTIONS`;
            0, "keep", for the first.
        places: x and y of each object's box in each frame in pixels; -1 where it has vanished.
        kinds: of each object, a place in `KINDS`.
        colours: of each object, a place in `COLOURS`.
        labels: how the first object sets off, a place in `CLASSES`.
        captions: "a red circle starts top left and moves right and down quickly", and the next.
    """

    frames: UInt8[Tensor, "n f h w"]
    actions: Int[Tensor, "n f o"]
    places: Int[Tensor, "n f o 2"]
    kinds: Int[Tensor, "n o"]
    colours: Int[Tensor, "n o"]
    labels: Int[Tensor, "n"]
    captions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.frames)

    def first(self, n: int) -> "Moving":
        """The first n films (all of them if there are fewer)."""
        return self.only(torch.arange(min(n, len(self))))

    def only(self, films: Int[Tensor, "m"]) -> "Moving":
        """Films by their numbers."""
        tensors = (self.frames, self.actions, self.places, self.kinds, self.colours, self.labels)
        return Moving(*(one[films] for one in tensors), tuple(self.captions[i] for i in films))

    def rgb(self) -> Float[Tensor, "n f 3 h w"]:
        """The films in red, green and blue, 0..1."""
        return painted(self.frames)


def moving(
    split: str = "train",
    side: int = 16,
    n: int | None = None,
    seed: int = 0,
    *,
    frames: int = 8,
    objects: int = 1,
    change: float = 0.15,
    random_bounce: bool = True,
    vanish: bool = True,
    glyphs: bool = False,
    dots: bool = False,
) -> Moving:
    """Films of objects that move by the law of `motion.advance`, `n f side side` palette indices.

    A frame of 16 pixels is 16 cells wide, an object 5; larger sides have larger cells. Objects set
    off in one of 8 directions at 1 or 2 cells a frame, bounce off the border (with a chance of a
    new direction, unless `random_bounce` is off) and off each other. On the way to each frame an
    object gets with probability `change` a new action, which the labels tell; "appear" follows
    "vanish" some frames later. With change=0 and random_bounce=False the first two frames (three
    where objects met) decide all others.

    Args:
        split: "train" (2,000 by default) or "test" (400), from separate random streams.
        side: 16, 32, 48 or 64 pixels.
        n: how many films; a smaller n gives the first of them.
        seed: another seed, other films.
        frames: of each film, 2 or more.
        objects: 1 to 3, of different colours.
        change: 0..1, the chance of a new action for an object and frame.
        random_bounce: whether bounces are random.
        vanish: whether objects may be told to vanish (and to appear again).
        glyphs: six letters as well as the four shapes.
        dots: the ground is a texture of dots, another in each film, still within it.

    Raises:
        ValueError: an argument is outside its range.
    """
    stream = split_number(split)
    n = DEFAULT_N[split] if n is None else n
    _check(side, n, frames, objects, change)
    unit, kinds = side // 16, len(KINDS) if glyphs else len(SHAPES)
    films = []
    for i in range(n):
        random = np.random.default_rng([seed, stream, i])
        looks = [(int(random.integers(kinds)), int(k)) for k in random.permutation(6)[:objects]]
        ground = random.random((16, 16)) < 0.12 * dots
        begin = _begin(random, objects)
        states, actions = simulate(begin, frames, random, change, random_bounce, vanish)
        films.append((looks, ground, states, actions))
    return _gathered(films, unit)


def _check(side: int, n: int, frames: int, objects: int, change: float) -> None:
    if side not in (16, 32, 48, 64):
        raise ValueError(f"side {side} is not offered; choose 16, 32, 48 or 64")
    if n < 1:
        raise ValueError(f"n={n} films cannot be drawn; ask for at least 1")
    if frames < 2:
        raise ValueError(f"frames={frames} is no film; ask for at least 2")
    if objects not in (1, 2, 3):
        raise ValueError(f"a film holds 1 to 3 objects, not {objects}")
    if not 0 <= change <= 1:
        raise ValueError(f"change={change} is no probability; choose 0 to 1")


def _begin(random: np.random.Generator, objects: int) -> tuple[Body, ...]:
    """Objects that do not touch, each with a direction and a speed."""
    bodies: list[Body] = []
    while len(bodies) < objects:
        x, y = (int(at) for at in random.integers(0, 16 - CELLS + 1, 2))
        right, down = list(WAYS)[int(random.integers(len(WAYS)))]
        body = Body(x, y, right, down, SPEEDS[int(random.integers(len(SPEEDS)))])
        if not any(touch(body, other) for other in bodies):
            bodies.append(body)
        elif random.random() < 1 / _TRIES:  # three can stand so that no fourth place is left
            bodies.clear()
    return tuple(bodies)


def simulate(
    begin: Sequence[Body],
    frames: int,
    random: np.random.Generator,
    change: float = 0.15,
    random_bounce: bool = True,
    vanish: bool = True,
) -> tuple[list[tuple[Body, ...]], list[tuple[str, ...]]]:
    """The states of a film's frames, and the actions that led to each ("keep" to the first)."""
    states, actions = [tuple(begin)], [("keep",) * len(begin)]
    for _ in range(frames - 1):
        told: list[str] = []
        for i, body in enumerate(states[-1]):
            new = random.random() < change
            told.append(_action(body, states[-1], i, told, random, vanish) if new else "keep")
        following = list(advance(states[-1], told, 16, random_bounce))
        states.append(following[int(random.integers(len(following)))])
        actions.append(tuple(told))
    return states, actions


def _action(
    body: Body,
    bodies: Sequence[Body],
    i: int,
    told: Sequence[str],
    random: np.random.Generator,
    vanish: bool,
) -> str:
    """A new action that the object can follow."""
    if body.there:
        return ACTIONS[int(random.integers(1, ACTIONS.index("vanish") + vanish))]
    here = Body(body.x, body.y, 0, 0, 1)
    taken = any(touch(here, other) for k, other in enumerate(bodies) if k != i)
    returning = any(
        action == "appear" and touch(here, Body(other.x, other.y, 0, 0, 1))
        for action, other in zip(told, bodies, strict=False)
    )
    return "keep" if taken or returning else "appear"


def _gathered(films: Sequence[tuple], unit: int) -> Moving:
    """Films as tensors."""
    looks = torch.tensor([film[0] for film in films])
    places = torch.tensor([
        [[(b.x * unit, b.y * unit) if b.there else (-1, -1) for b in state] for state in film[2]]
        for film in films
    ])  # fmt: skip
    actions = torch.tensor([
        [[ACTIONS.index(action) for action in told] for told in film[3]] for film in films
    ])  # fmt: skip
    grounds = torch.from_numpy(np.stack([film[1] for film in films])).byte()
    grounds = grounds.repeat_interleave(unit, 1).repeat_interleave(unit, 2)
    frames = drawn(grounds, looks[..., 0], looks[..., 1], places)
    begins = [film[2][0] for film in films]
    labels = torch.tensor([CLASSES.index(WAYS[one[0].right, one[0].down]) for one in begins])
    captions = tuple(
        ", ".join(_told(look, body) for look, body in zip(film[0], begin, strict=True))
        for film, begin in zip(films, begins, strict=True)
    )
    return Moving(frames, actions, places, looks[..., 0], looks[..., 1], labels, captions)


def drawn(
    grounds: UInt8[Tensor, "n h w"],
    kinds: Int[Tensor, "n o"],
    colours: Int[Tensor, "n o"],
    places: Int[Tensor, "n f o 2"],
) -> UInt8[Tensor, "n f h w"]:
    """Objects at their places over grounds; one at -1 is left out."""
    n, f = places.shape[:2]
    side = grounds.shape[-1]
    frames = grounds[:, None].repeat(1, f, 1, 1)
    shapes = masks(side // 16).bool()
    size = shapes.shape[-1]
    for i in range(n):
        for k, (kind, colour) in enumerate(
            zip(kinds[i].tolist(), colours[i].tolist(), strict=True)
        ):
            for frame, (x, y) in zip(frames[i], places[i, :, k].tolist(), strict=True):
                if x >= 0:
                    frame[y : y + size, x : x + size][shapes[kind]] = FIRST + colour
    return frames


def _told(look: tuple[int, int], body: Body) -> str:
    """An object, where it starts and how it sets off."""
    rows, columns = ("top", "middle", "bottom"), ("left", "centre", "right")
    row, column = rows[body.y * 3 // (17 - CELLS)], columns[body.x * 3 // (17 - CELLS)]
    kind = KINDS[look[0]]
    pace = "slowly" if body.speed == SPEEDS[0] else "quickly"
    way = WAYS[body.right, body.down]
    name = f"{COLOURS[look[1]]} {kind}"
    return f"a {name} starts {row} {column} and moves {way} {pace}"
