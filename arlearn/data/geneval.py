"""Does a picture show what was asked for? Objects, colours, number, binding, position, all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from arlearn.data.oracle import VALID, Seen, parse_all
from arlearn.data.scene_counts import NUMBERS
from arlearn.data.scenes import COLOURS, SHAPES, SceneObject, Scenes, relation

RELATIONS = ("left of", "right of", "above", "below")
PARTS = ("objects", "colours", "count", "binding", "position", "overall")


@dataclass(frozen=True)
class Asked:
    """What a picture was asked to show.

    Attributes:
        things: colour and shape of each object; two equal ones stand twice.
        relation: how the first lies to the second, one of `RELATIONS`, or "" where nothing is said.
    """

    things: tuple[tuple[str, str], ...]
    relation: str = ""


@dataclass(frozen=True, eq=False)
class Answers:
    """One answer per picture and part, after GenEval (Ghosh et al. 2023, arXiv 2310.11513).

    Attributes:
        objects: each asked shape is seen as often as asked, whatever its colour.
        colours: each asked colour is seen as often as asked, whatever its shape.
        count: as many objects are seen as were asked for, no fewer and no more.
        binding: each asked pair of colour and shape is seen as often as asked.
        position: where a relation was asked, both objects are seen and lie so; else True.
        related: whether a relation was asked.
    """

    objects: Bool[Tensor, "n"]
    colours: Bool[Tensor, "n"]
    count: Bool[Tensor, "n"]
    binding: Bool[Tensor, "n"]
    position: Bool[Tensor, "n"]
    related: Bool[Tensor, "n"]

    @property
    def overall(self) -> Bool[Tensor, "n"]:
        """Everything that was asked, and nothing besides."""
        return self.count & self.binding & self.position  # binding holds objects and colours

    def shares(self) -> dict[str, float]:
        """The share of pictures that are right, by part; "position" of those asked for one.

        Where no relation was asked there is no "position".
        """
        parts = {part: getattr(self, part).float().mean().item() for part in PARTS}
        parts["position"] = self.position[self.related].float().mean().item()
        return {part: parts[part] for part in PARTS if part != "position" or self.related.any()}


def ask(what: str | Sequence[SceneObject]) -> Asked:
    """What a caption, or the objects of a scene, ask for.

    Captions are those of `scenes` and `counted_scenes`: "a red circle", "a red circle above a blue
    cross", "three red circles". Two objects of different kinds ask for their relation as well.

    Raises:
        ValueError: the caption is none of these, or there is no object.
    """
    if isinstance(what, str):
        return _read(what)
    if not what:
        raise ValueError("an empty scene asks for nothing; pass at least one object")
    things = tuple((item.colour, item.shape) for item in what)
    two = len(what) == 2 and things[0] != things[1]
    return Asked(things, relation(*what) if two else "")


def judge(
    images: Float[Tensor, "n 3 s s"],
    asked: Sequence[str] | Sequence[Sequence[SceneObject]],
    threshold: float = VALID,
) -> Answers:
    """Reads each picture with the oracle and compares it with what was asked.

    Args:
        images: pictures of any side; on clean scenes of 16, 32 and 64 pixels all answers are yes.
        asked: a caption, or the objects, for each picture.
        threshold: what an object must score to be seen, 0..1; lower than `VALID` forgives noise.

    Raises:
        ValueError: no picture, not one caption per picture, or a caption that cannot be read.
    """
    if not len(images):
        raise ValueError("no pictures to judge; pass at least one")
    if len(asked) != len(images):
        raise ValueError(f"{len(asked)} captions for {len(images)} pictures; give one for each")
    rows = [
        _judge(ask(what), seen)
        for what, seen in zip(asked, parse_all(images, threshold), strict=True)
    ]
    return Answers(*torch.tensor(rows, dtype=torch.bool).T)


def under_noise(
    made: Scenes, amounts: Iterable[float], seed: int = 0, threshold: float = VALID
) -> list[dict[str, float]]:
    """`judge` on scenes with Gaussian noise, one row of shares per amount: how far to trust it.

    Each picture's noise is the same field, `amount` (a standard deviation; pixels are 0..1) times
    as large, and the sum is clamped to 0..1 as a decoder's output is.

    Raises:
        ValueError: an amount is negative.
    """
    generator = torch.Generator().manual_seed(seed)
    field = torch.randn(made.images.shape, generator=generator)
    rows = []
    for amount in amounts:
        if amount < 0:
            raise ValueError(
                f"noise of {amount} is negative; give standard deviations of 0 or more"
            )
        noisy = (made.images + amount * field).clamp(0, 1)
        shares = judge(noisy, made.captions, threshold).shares()
        rows.append({"noise": float(amount), **shares})
    return rows


def _read(caption: str) -> Asked:
    said = next((words for words in RELATIONS if f" {words} a " in caption), "")
    halves = caption.split(f" {said} ") if said else [caption]
    things = [_phrase(half, caption) for half in halves]
    if said and (len(things) != 2 or any(len(same) > 1 for same in things)):
        raise ValueError(f"caption {caption!r} relates more than two objects; use two single ones")
    return Asked(tuple(thing for same in things for thing in same), said)


def _phrase(words: str, caption: str) -> list[tuple[str, str]]:
    """ "three red circles" as three pairs of colour and shape."""
    number, colour, shape = (*words.split(" "), "", "", "")[:3]
    if number in NUMBERS and colour in COLOURS and words.count(" ") == 2:
        count = NUMBERS.index(number) + 1
        for name in SHAPES:
            if shape == name + ("" if count == 1 else "es" if name == "cross" else "s"):
                return [(colour, name)] * count
    raise ValueError(
        f"caption {caption!r} cannot be read at {words!r}; write '{NUMBERS[0]} red circle', "
        f"'{NUMBERS[2]} red circles', or two single objects with one of {', '.join(RELATIONS)}"
    )


def _judge(asked: Asked, seen: Sequence[Seen]) -> tuple[bool, ...]:
    pairs = [(item.colour, item.shape) for item in seen]
    binding = _holds(pairs, asked.things)
    related, lies_so = bool(asked.relation), not asked.relation
    if related and binding:
        first, second = (seen[pairs.index(thing)] for thing in asked.things)
        lies_so = relation(first, second) == asked.relation
    return (
        _holds([shape for _, shape in pairs], [shape for _, shape in asked.things]),
        _holds([colour for colour, _ in pairs], [colour for colour, _ in asked.things]),
        len(seen) == len(asked.things),
        binding,
        lies_so,
        related,
    )


def _holds(seen: Sequence, asked: Sequence) -> bool:
    """Whether each thing is seen at least as often as it is asked for."""
    return all(seen.count(thing) >= asked.count(thing) for thing in set(asked))
