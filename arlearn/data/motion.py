"""The law by which objects of the moving films move: one frame to the next, in whole cells."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from arlearn.data.sprites import CELLS

ACTIONS = ("keep", "left", "right", "up", "down", "stop", "vanish", "appear")
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1), "stop": (0, 0)}
SPEEDS = (1, 2)  # cells a frame


@dataclass(frozen=True)
class Body:
    """An object at one moment; all lengths in cells, y grows downwards.

    Attributes:
        x, y: the top left cell of its box of 5 x 5.
        right, down: its direction, -1, 0 or 1 along each axis.
        speed: cells a frame along each axis in which it moves.
        there: whether it is seen; what has vanished keeps its place and touches nobody.
    """

    x: int
    y: int
    right: int
    down: int
    speed: int
    there: bool = True

    def turned(self) -> "Body":
        """The same, its direction reversed."""
        return replace(self, right=-self.right, down=-self.down)


def touch(one: Body, other: Body) -> bool:
    """Whether two boxes share a cell."""
    near = abs(one.x - other.x) < CELLS and abs(one.y - other.y) < CELLS
    return near and one.there and other.there


def advance(
    bodies: Sequence[Body], actions: Sequence[str], side: int, random_bounce: bool = False
) -> Iterator[tuple[Body, ...]]:
    """The states that may follow: exactly one, or several where bounces are random.

    1. An action gives an object its direction, takes it away ("stop", "vanish") or brings it back
       where it vanished, on its old course ("appear").
    2. A direction that leads out of the picture of `side` cells is reversed along that axis. With
       `random_bounce`, the direction along the other axis is drawn anew among those that stay
       inside.
    3. Objects move, speed x direction. Those whose boxes would share a cell stay where they are
       for this frame instead, and are reversed; so are those that would move onto them.

    Raises:
        ValueError: an action there is not, not one for each object, or one that an object cannot
            follow: only what has vanished appears, where nothing stands, and it does nothing else.
    """
    if len(actions) != len(bodies):
        raise ValueError(f"{len(actions)} actions for {len(bodies)} objects; give one for each")
    bodies = [steered(body, action) for body, action in zip(bodies, actions, strict=True)]
    if any(touch(one, other) for one, other in itertools.combinations(bodies, 2)):
        raise ValueError("an object cannot appear where another one stands")
    for courses in itertools.product(*(_courses(body, side, random_bounce) for body in bodies)):
        yield _moved(courses)


def steered(body: Body, action: str) -> Body:
    """An object once it has its action, before it moves.

    Raises:
        ValueError: an action there is not, or one that it cannot follow.
    """
    if action not in ACTIONS:
        raise ValueError(f"action {action!r} does not exist; choose one of {', '.join(ACTIONS)}")
    if action == "keep":
        return body
    if body.there == (action == "appear"):
        told = "is there" if body.there else "has vanished"
        raise ValueError(f"action {action!r} cannot be followed: the object {told}")
    if action in DIRECTIONS:
        right, down = DIRECTIONS[action]
        return replace(body, right=right, down=down)
    return replace(body, there=action == "appear")


def _courses(body: Body, side: int, random_bounce: bool) -> list[Body]:
    """The directions an object may take: its own, or what the border makes of it."""
    if not body.there:
        return [body]
    right, down = _bounced(body.x, body.right, body, side), _bounced(body.y, body.down, body, side)
    hits = right != body.right, down != body.down
    rights, downs = [right], [down]
    if random_bounce and hits == (True, False):
        downs = [way for way in (-1, 0, 1) if _bounced(body.y, way, body, side) == way]
    if random_bounce and hits == (False, True):
        rights = [way for way in (-1, 0, 1) if _bounced(body.x, way, body, side) == way]
    return [replace(body, right=right, down=down) for right in rights for down in downs]


def _bounced(at: int, way: int, body: Body, side: int) -> int:
    """A direction along one axis, reversed if it leads out of the picture."""
    return way if 0 <= at + body.speed * way <= side - CELLS else -way


def _moved(bodies: Sequence[Body]) -> tuple[Body, ...]:
    stays = [not body.there for body in bodies]
    while True:
        after = [
            body if still else replace(
                body, x=body.x + body.speed * body.right, y=body.y + body.speed * body.down
            )
            for body, still in zip(bodies, stays, strict=True)
        ]  # fmt: skip
        met = {
            i
            for pair in itertools.combinations(range(len(after)), 2)
            if touch(after[pair[0]], after[pair[1]])
            for i in pair
        }
        if not met:
            break
        stays = [still or i in met for i, still in enumerate(stays)]
    return tuple(
        body.turned() if still and body.there else moved
        for body, still, moved in zip(bodies, stays, after, strict=True)
    )
