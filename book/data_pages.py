"""The book's page of datasets: of each its card, who uses it, and samples made as it is built."""

from functools import cache

import pages
import torch

from arlearn import catalog, data, show
from arlearn.catalog import Lesson, Paper
from arlearn.data import DatasetCard, cards
from arlearn.data.health import health_indicator
from arlearn.data.motion import ACTIONS
from arlearn.data.sprites import COLOURS, KINDS
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
    made |= {"pytext": _pytext, "tasks": _tasks, "speech": _speech, "moving": _moving}
    made |= {"turbofan": _turbofan}
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


@cache
def _speech() -> str:
    """Sounds are rendered here: a book that is built needs espeak-ng."""
    voices = data.speech("test", "digits", n=16, parallel=True)
    some = [voices.voices.index(name) for name in ("m1", "m3", "f1", "f5")]
    kinds = {kind: data.speech("test", kind, n=1) for kind in ("numbers", "sentences")}
    kinds["homophones"] = data.speech("test", "homophones", n=1)
    named = {f"{kind}: {one.texts[0]}": one.wave(0) for kind, one in kinds.items()}
    return _shown(
        show.audio(
            {f"voice {voices.voices[i]}": voices.wave(i) for i in some},
            voices.rate,
            label=f"{voices.texts[0]}, in four voices",
            caption=f"speech(kind='digits', parallel=True): {voices.texts[0]!r}, in four of the "
            "16 voices. The pictures are log-mel: time to the right, low frequencies below.",
        ),
        show.audio(named, 8000, label="Other kinds of texts", caption="The other kinds of texts."),
    )


@cache
def _moving() -> str:
    one = data.moving("test", n=6, frames=16)
    two = data.moving("test", 32, n=1, frames=16, objects=2, glyphs=True, dots=True, change=0.25)
    names = [f"{COLOURS[c]} {KINDS[k]}" for c, k in zip(two.colours[0], two.kinds[0], strict=True)]
    words = [
        "; ".join(f"{name}: {ACTIONS[a]}" for name, a in zip(names, told, strict=True))
        for told in two.actions[0]
    ]
    digits = data.moving_digits("test", n=5, frames=16)
    return _shown(
        show.video(
            one.frames,
            label="Six films of one object",
            names=[f"{COLOURS[c]} {KINDS[k]}" for c, k in zip(one.colours, one.kinds, strict=True)],
            caption="moving(): one object, 16 pixels. Nothing runs until it is started.",
        ),
        show.video(
            two.frames,
            label="A film of two objects and what they are told",
            words=words,
            width=256,
            caption="moving(side=32, objects=2, glyphs=True, dots=True): the words are the labels.",
        ),
        show.video(
            digits.videos,
            label="Five films of two digits each",
            caption="moving_digits(): the digits of scikit-learn, by the rule of Moving MNIST.",
        ),
    )


@cache
def _turbofan() -> str:
    """An engine until its failure: four sensors, the indicator, the true phases."""
    run, read = data.turbofan("test", 1, whole=True), health_indicator(data.turbofan("train", 30))
    sensors = {4: "turbine (°R)", 7: "pressure (psi)", 9: "core (rpm)", 12: "fuel flow"}
    columns = [run.sensors[0, :, [number - 1 for number in sensors]], read(run)[0]]
    columns += [run.regimes[0, :, None].double(), run.life()[0, :, None].double()]
    panels = [
        *(
            show.Panel(f"{number}: {name}", lines={"sensor": i}, height=80)
            for i, (number, name) in enumerate(sensors.items())
        ),
        show.Panel("health indicator", lines={"indicator": 4}, segments=5),
        show.Panel("remaining life (cycles)", lines={"life": 6}, height=90),
    ]
    return _shown(
        show.tracks(
            torch.cat(columns, 1),
            panels,
            x="cycle",
            first=1,
            caption="Four of 21 sensors of one engine from its first cycle to its failure, the "
            "indicator made of all that follow its age, its true phases (colours) and its true "
            "remaining life.",
        )
    )


def _quoted(lines: list[str]) -> str:
    """Lines as they stand; the fence is longer than any that stands in them."""
    return "\n".join(["``````text", *lines, "``````\n"])


def _shown(*shown: Picture | show.Element | show.Sounds) -> str:
    """Pictures, films and sounds in the page itself, so that it needs no other file."""
    return "\n".join(pages.raw(_html(one)) for one in shown)


def _html(shown: Picture | show.Element | show.Sounds) -> str:
    if isinstance(shown, Picture):
        return shown._repr_mimebundle_()["text/html"]
    return shown._repr_html_()
