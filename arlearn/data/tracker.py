"""Reads moving films back: every object in every frame, and whether they obey the law of motion."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from torch.nn import functional as F

from arlearn.data.motion import ACTIONS, SPEEDS, Body, advance, steered, touch
from arlearn.data.sprites import CELLS, COLOURS, FIRST, KINDS, masks

VALID = 0.7  # overlap from which something is the object it resembles; other kinds reach 0.84
_AT_ONCE = 2048  # masks that are compared at a time; bounds the memory
_Seen = dict[int, tuple[int, int] | None]  # of each colour its cell; None where it has vanished
_State = dict[int, list[Body]]  # of each colour the bodies it may be


@dataclass(frozen=True, eq=False)
class Tracks:
    """What is seen of each colour in each frame.

    Attributes:
        kinds: the drawing that fits best, a place in `KINDS`; -1 where the colour is not there.
        places: x and y of its box in pixels; -1 where it is not there.
        scores: intersection over union of the drawing and the pixels of that colour; 1 is exact.
        ground: whether the frame's ground is that of the frames before, where both show it.
    """

    kinds: Int[Tensor, "n f c"]
    places: Int[Tensor, "n f c 2"]
    scores: Float[Tensor, "n f c"]
    ground: Bool[Tensor, "n f"]

    def sound(self, threshold: float = 1.0) -> Bool[Tensor, "n f"]:
        """Frames in which every colour is one whole object, of the kind it mostly is in the film.

        The ground has to stand still, and at least one object must be seen anywhere in the film.
        """
        there = self.kinds >= 0
        counts = F.one_hot(self.kinds.clamp(min=0), len(KINDS)) * there[..., None]
        usual = counts.sum(1).argmax(-1)[:, None]
        right = ~there | ((self.kinds == usual) & (self.scores >= threshold))
        return right.all(-1) & self.ground & there.flatten(1).any(1)[:, None]


def track(frames: Int[Tensor, "n f h w"] | UInt8[Tensor, "n f h w"]) -> Tracks:
    """Finds, in each frame and for each colour, the drawing and the place that overlap most.

    Raises:
        ValueError: a side that is no multiple of 16 cells, or not square.
    """
    height, width = frames.shape[2:]
    if height != width or height % 16 or height == 0:
        raise ValueError(f"frames of {height} x {width} pixels have no cells; 16, 32, 48 or 64")
    frames = frames.cpu().long()
    held = torch.stack([frames == FIRST + k for k in range(len(COLOURS))], 2)
    there = held.flatten(3).any(3)
    kinds = torch.full(there.shape, -1)
    places, scores = torch.full((*there.shape, 2), -1), torch.zeros(there.shape)
    if there.any():
        found = [_fitted(part) for part in held[there].split(_AT_ONCE)]
        kinds[there], places[there], scores[there] = map(torch.cat, zip(*found, strict=True))
    return Tracks(kinds, places, scores, _still(frames))


def _fitted(
    held: Bool[Tensor, "m s s"],
) -> tuple[Int[Tensor, "m"], Int[Tensor, "m 2"], Float[Tensor, "m"]]:
    """Of each mask the best drawing, its place, and their overlap."""
    unit = held.shape[-1] // 16
    shapes = masks(unit)
    both = F.conv2d(held[:, None].float(), shapes[:, None])
    size = held.flatten(1).sum(1).float()[:, None, None, None]
    overlap = both / (size + shapes.sum((1, 2))[:, None, None] - both)
    score, at = overlap.flatten(1).max(1)
    across = both.shape[-1]
    kind, place = at // across**2, at % across**2
    return kind, torch.stack([place % across, place // across], 1), score


def _still(frames: Int[Tensor, "n f h w"]) -> Bool[Tensor, "n f"]:
    """Whether no pixel of the ground has another value than where it was last seen."""
    known = torch.full_like(frames[:, 0], -1)
    right = []
    for frame in frames.unbind(1):
        ground = frame < FIRST
        right.append(~(ground & (known >= 0) & (known != frame)).flatten(1).any(1))
        known = torch.where(ground, frame, known)
    return torch.stack(right, 1)


def lawful(
    tracks: Tracks,
    side: int,
    actions: Int[Tensor, "n f o"] | None = None,
    colours: Int[Tensor, "n o"] | None = None,
    *,
    random_bounce: bool = True,
    threshold: float = VALID,
) -> Bool[Tensor, "n f"]:
    """Whether each frame may follow on those before it, by `motion.advance`; the first always does.

    Directions and speeds are not seen, so all that agree with the frames so far are kept in mind;
    where none is left the frame breaks the law, and what is seen in it is a new beginning.

    Args:
        side: of the frames, in pixels.
        actions: what the objects were told; None: anything an object can follow may have been.
        colours: of the objects that the actions are for.
        random_bounce: whether the films may bounce at random.
        threshold: below this score an object does not count as seen.

    Raises:
        ValueError: actions without colours, or not for each film and frame.
    """
    n, f = tracks.kinds.shape[:2]
    if actions is not None and (colours is None or actions.shape[:2] != (n, f)):
        raise ValueError(
            f"actions are {list(actions.shape)} for {n} films of {f} frames; "
            "give n f o, and the colours n o of the objects they are for"
        )
    right = torch.ones(n, f, dtype=torch.bool)
    for i in range(n):
        own = None if colours is None else colours[i].tolist()
        seen = [_seen(tracks, i, j, side, threshold, own) for j in range(f)]
        told = (
            None if actions is None else [[ACTIONS[a] for a in row] for row in actions[i].tolist()]
        )
        for j, kept in enumerate(_followed(seen, told, random_bounce)):
            right[i, j] = kept
    return right


def _seen(
    tracks: Tracks, i: int, j: int, side: int, threshold: float, own: list[int] | None
) -> _Seen | None:
    """The cells of the objects in frame j; None if one is off the grid or has a strange colour."""
    unit, found = side // 16, {}
    for colour in range(len(COLOURS)):
        x, y = tracks.places[i, j, colour].tolist()
        if tracks.scores[i, j, colour] >= threshold:
            if x % unit or y % unit or (own is not None and colour not in own):
                return None
            found[colour] = x // unit, y // unit
    return {colour: found.get(colour) for colour in own or sorted(found)}


def _followed(
    seen: Sequence[_Seen | None], told: list[list[str]] | None, random_bounce: bool
) -> Iterator[bool]:
    """Frame by frame, whether it may follow."""
    states: list[_State] = []
    gone: set[int] = set()
    for j, now in enumerate(seen):
        following: dict[tuple, _State] = {}
        actions = None if told is None or now is None else dict(zip(now, told[j], strict=True))
        possible = now is not None
        if actions:
            gone -= {colour for colour, action in actions.items() if action == "appear"}
            gone |= {colour for colour, action in actions.items() if action == "vanish"}
            possible = gone == {colour for colour, cell in now.items() if cell is None}
        for state in states if possible else ():
            for after in _after(state, now, actions, random_bounce):
                following[tuple(after.items())] = {c: [body] for c, body in after.items()}
        yield bool(following) or j == 0
        states = list(following.values()) or [_anything(now or {})]


def _anything(now: _Seen) -> _State:
    """Every direction and speed of what is seen; nothing is known of what is not."""
    moves = [(x, y, speed) for x in (-1, 0, 1) for y in (-1, 0, 1) for speed in SPEEDS]
    return {c: [Body(*cell, *move) for move in moves] for c, cell in now.items() if cell}


def _after(
    state: _State, now: _Seen, actions: dict[int, str] | None, random_bounce: bool
) -> Iterator[dict[int, Body]]:
    """The states that follow, one body of each colour, and look like what is seen now."""
    if any(cell and colour not in state for colour, cell in now.items()):
        return
    options = {
        colour: _options(
            tuple(bodies),
            now.get(colour),
            (actions or {}).get(colour),
            _company(colour, state),
            random_bounce,
        )
        for colour, bodies in state.items()
    }
    for bodies in itertools.product(*options.values()):
        if any(touch(one, other) for one, other in itertools.combinations(bodies, 2)):
            continue
        for after in _following(bodies, random_bounce):
            made = dict(zip(options, after, strict=True))
            if all(_cell(body) == now.get(colour) for colour, body in made.items()):
                yield made


def _company(colour: int, state: _State) -> bool:
    """Whether another object is near enough to be met in the next frame."""
    reach, own = CELLS + 2 * max(SPEEDS), state[colour][0]
    others = [bodies[0] for other, bodies in state.items() if other != colour]
    return any(abs(own.x - one.x) < reach and abs(own.y - one.y) < reach for one in others)


@lru_cache(maxsize=100_000)
def _following(bodies: tuple[Body, ...], random_bounce: bool) -> tuple[tuple[Body, ...], ...]:
    """What may follow on objects that have their actions."""
    return tuple(advance(bodies, ["keep"] * len(bodies), 16, random_bounce))


@lru_cache(maxsize=100_000)
def _options(
    bodies: tuple[Body, ...],
    cell: tuple[int, int] | None,
    action: str | None,
    company: bool,
    random_bounce: bool,
) -> tuple[Body, ...]:
    """An object with its action, where it could be in `cell` next; in company it may have to stay.

    There is none for an action that it cannot follow.
    """
    found: dict[Body, None] = {}
    for body in bodies:
        for name in ACTIONS if action is None else (action,):
            if name != "keep" and body.there == (name == "appear"):
                continue
            told = steered(body, name)
            if told.there == (cell is not None):
                alone = (_cell(one) for (one,) in _following((told,), random_bounce))
                if cell in alone or (company and _cell(told) == cell):
                    found[told] = None
    return tuple(found)


def _cell(body: Body) -> tuple[int, int] | None:
    return (body.x, body.y) if body.there else None
