"""The book's page of datasets: of each its card, who uses it, and samples made as it is built."""

from functools import cache

import pages
import torch

from arlearn import catalog, data, show
from arlearn.catalog import Lesson, Paper
from arlearn.data import DatasetCard, cards
from arlearn.show.picture import Picture

# Kinds of tasks and options, from easy to hard.
TASKS = (
    ("arithmetic", {}),
    ("arithmetic", {"terms": 3, "operators": "+-", "steps": True}),
    ("arithmetic", {"operators": "*", "reverse": True}),
    ("countdown", {}),
    ("countdown", {"numbers": 5}),
    ("sudoku", {"fewest": 10, "most": 12}),
    ("sudoku", {"fewest": 4, "most": 5}),
    ("number-words", {}),
    ("number-words", {"largest": 3999, "styles": ("british", "roman"), "named": True}),
)


INTRO = """\
# The data

Everything runs without a network. Data are real where a package ships them, and otherwise
simulated by a law that is known, so that samples can be judged exactly. Public datasets of a
paper's field are downloaded on request, checked by their hash, and never needed. Each has a page;
the pictures and texts there were made when it was built, each the first of its test split where
nothing else is said.

"""


def data_pages() -> dict[str, str]:
    """The list of the datasets that have a card, `data`, and a page for each, by file name."""
    users: dict[str, list[Paper | Lesson]] = {}
    for entry in (*catalog.lessons(), *catalog.papers()):
        for name in entry.dataset:
            users.setdefault(name, []).append(entry)
    text, made = INTRO, {}
    for card in map(cards.card, cards.names()):
        used = ", ".join(entry.short for entry in users.get(card.name, ()))
        told = f"{pages.plain(card.title)}. {pages.plain(card.what)}"
        made[f"data/{card.name}"] = (
            f"# {card.name}\n\n{told}\n\n{_samples(card)}\n{_facts(card, used)}\n"
        )
        text += f"- [{card.name}](data/{card.name}.md): {pages.plain(card.title)}\n"
    coming = ", ".join(f"{n} ({len(users[n])})" for n in users if n not in cards.names())
    if coming:
        text += f"\n## To come\n\nWith the number of chapters that use them: {coming}.\n"
    return {"data": text, **made}


def _facts(card: DatasetCard, used: str) -> str:
    """A card as a list."""
    splits = "; ".join(f"{split}: {what}" for split, what in card.splits.items())
    facts = {"source": card.source, "licence": card.licence, "splits": splits}
    facts |= {"simulated": card.simulated, "size": card.size, "used by": used}
    return "\n".join(f"- *{key}*: {pages.plain(value)}" for key, value in facts.items() if value)


def _samples(card: DatasetCard) -> str:
    """Samples of a dataset as Markdown, or how to get one that is downloaded."""
    if card.files:
        hosts = ", ".join(sorted({file.url.split("/")[2] for file in card.files}))
        return (
            f'Not shown, since it is not downloaded here. `data.load("{card.name}")` fetches it '
            f"once from {hosts} and checks its hash; where there is no network, set "
            "`ARLEARN_DATA_MIRROR` to a folder that holds "
            f"{', '.join(f'`{file.path}`' for file in card.files)}.\n"
        )
    made = {"digits": _digits, "glyphs": _glyphs, "scenes": _scenes}
    made |= {"pytext": _pytext, "tasks": _tasks}
    return made[card.name]()


@cache
def _digits() -> str:
    some = data.digits("test").first(30)
    return _shown(show.grid(some.images, columns=15, alt="Thirty handwritten digits."))


@cache
def _glyphs() -> str:
    some = data.glyphs("test", side=32)
    each = torch.arange(len(some.classes)) * (len(some) // len(some.classes))
    typefaces = (5 * torch.arange(len(each))) % 21 * 2  # two jitters of each typeface, in a row
    return _shown(
        show.grid(
            some.images[each + typefaces],
            columns=9,
            scale=2,
            alt="The letters A to Z and the digits 0 to 9, each in another typeface.",
            caption="Each class once; the typeface changes from one to the next.",
        )
    )


@cache
def _scenes() -> str:
    one, two = data.scenes("test", 32, 10), data.scenes("test", 64, 6, objects=2)
    counted, maps = data.counted_scenes("test", 32, 8), data.scene_maps(two)
    rows = {"picture": two.images, "edges": maps.edges.expand(-1, 3, -1, -1)}
    rows["depth"] = maps.depth.expand(-1, 3, -1, -1)
    rows["segments"] = maps.segments[:, None].expand(-1, 3, -1, -1) / len(two.classes)
    return _shown(
        show.grid(one.images, captions=one.captions, caption="One object, 32 pixels: scenes()."),
        show.compare(
            rows,
            captions=two.captions,
            caption="Two objects, 64 pixels, scenes(objects=2), with their exact maps, "
            "scene_maps: outlines; distance from the viewer, near is dark; class of each pixel.",
        ),
        show.grid(
            counted.images,
            captions=counted.captions,
            caption="One to four equal objects: counted_scenes().",
        ),
    )


@cache
def _pytext() -> str:
    lines = data.pytext("test").splitlines()
    middle = len(lines) // 2
    excerpt = _quoted(lines[middle : middle + 20])
    return f"Twenty lines from the middle of the test split:\n\n{excerpt}"


@cache
def _tasks() -> str:
    text = ""
    for kind, options in TASKS:
        made = data.tasks("test", kind, n=3, **options)
        told = "".join(f", {name}={value!r}" for name, value in options.items())
        text += f"`tasks(kind={kind!r}{told})`\n\n{_quoted(made.texts)}\n"
    return f"Prompts, each ending with `=`, and answers:\n\n{text}"


def _quoted(lines: list[str]) -> str:
    """Lines as they stand; the fence is longer than any that stands in them."""
    return "\n".join(["``````text", *lines, "``````\n"])


def _shown(*pictures: Picture) -> str:
    """Pictures in the page itself, so that it needs no other file."""
    return "\n".join(pages.raw(one._repr_mimebundle_()["text/html"]) for one in pictures)
