"""Texts that are looked at: samples side by side, and a speculation with what fell and stood."""

import html
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

from arlearn.show.picture import COLOURS, captioned
from arlearn.trace import Trace

PROMPT, STANDING, DRAFTED = "prompt", "standing", "drafted"
FALLEN, ADDED = "fallen", "added"
# A sign and a colour for each kind; the tints are half transparent, for light and dark pages.
TAGS = {
    PROMPT: ("span", "opacity:.7"),
    STANDING: ("span", ""),
    DRAFTED: ("u", f"text-decoration:underline 2px {COLOURS[0]};background:{COLOURS[0]}2b"),
    FALLEN: ("del", f"text-decoration:line-through 2px;background:{COLOURS[1]}4d;font-size:.85em"),
    ADDED: ("b", f"outline:1px solid {COLOURS[2]};background:{COLOURS[2]}2b"),
}
PLAIN = {
    PROMPT: ("", ""),
    STANDING: ("", ""),
    DRAFTED: ("", ""),
    FALLEN: ("[-", "-]"),
    ADDED: ("<", ">"),
}
LEGEND = {
    DRAFTED: "drafted and kept",
    FALLEN: "drafted and refused",
    ADDED: "from the target's own pass",
}
BOX = (
    "white-space:pre-wrap;overflow-wrap:anywhere;font-family:monospace;line-height:1.5;"
    "background:transparent;color:inherit;border:1px solid #8886;border-radius:6px;"
    "padding:.5em .7em;margin:.2em 0"
)


@dataclass(frozen=True)
class Text:
    """A text in pieces of five kinds; shows itself as HTML, else with brackets for the signs.

    Attributes:
        pieces: (kind, text) from left to right; kinds are the keys of TAGS.
        caption: what to see, shown below; may be empty.
    """

    pieces: tuple[tuple[str, str], ...]
    caption: str = ""

    def __repr__(self) -> str:
        return "\n".join(filter(None, (_plain(self.pieces), self._legend(_plain), self.caption)))

    def _repr_html_(self) -> str:
        return (
            '<figure class="arlearn-text" style="margin:0.6em 0;text-align:left">'
            f'<pre style="{BOX}">{_marked(self.pieces)}</pre>'
            f'<div style="font-family:monospace">{self._legend(_marked)}</div>'
            f"{captioned(self.caption)}</figure>"
        )

    def _legend(self, written: Callable[[Iterable[tuple[str, str]]], str]) -> str:
        there = {kind for kind, _ in self.pieces}
        told = [
            written([(kind, words.replace(" ", "\N{NO-BREAK SPACE}"))])  # no signs for its blanks
            for kind, words in LEGEND.items()
            if kind in there
        ]
        return " · ".join(told)


@dataclass(frozen=True)
class Passages:
    """Named texts side by side; shows itself as HTML or, below each other, as plain text."""

    texts: Mapping[str, str]
    caption: str = ""

    def __repr__(self) -> str:
        told = [f"{name}\n{_indented(text)}" for name, text in self.texts.items()]
        return "\n\n".join([*told, *filter(None, [self.caption])])

    def _repr_html_(self) -> str:
        columns = "".join(
            f'<div style="min-width:0"><strong>{html.escape(name)}</strong>'
            f'<pre style="{BOX};font-size:.85em">{html.escape(text)}</pre></div>'
            for name, text in self.texts.items()
        )
        # as many columns as the page has room for, one on a phone
        grid = "display:grid;grid-template-columns:repeat(auto-fit,minmax(17em,1fr));gap:.6em"
        return (
            '<figure class="arlearn-texts" style="margin:0.6em 0;text-align:left">'
            f'<div style="{grid}">{columns}</div>{captioned(self.caption)}</figure>'
        )


def passages(texts: Mapping[str, str], *, caption: str = "") -> Passages:
    """Several texts under their names, side by side.

    Raises:
        ValueError: there are none.
    """
    if not texts:
        raise ValueError("passages needs at least one text: {name: text}")
    return Passages(dict(texts), caption)


def text(
    trace: Trace,
    decode: Callable[[Tensor], str],
    *,
    prompt: str = "",
    sample: int = 0,
    caption: str = "",
) -> Text:
    """A text as a speculation wrote it: drafts that stand, drafts that fell, tokens of the target.

    Drafts are the entries of the trace that cost the target nothing. Of a text that was written
    token by token, everything comes from the target.

    Args:
        trace: what `decode.speculative` or `decode.write` returned.
        decode: turns units into text, as a tokenizer's `decode` does.
        sample: which text of the batch.

    Raises:
        ValueError: the trace has no such text, or was not written from left to right.
    """
    if not trace.steps or not 0 <= sample < len(trace.steps[0].units):
        there = len(trace.steps[0].units) if trace.steps else 0
        raise ValueError(f"sample={sample}, but the trace holds {there} texts")
    pieces, stands = [(PROMPT, prompt)] if prompt else [], 0
    for step in trace.steps:
        units = step.units[sample]
        if step.positions.tolist() != list(range(stands, stands + len(units))):
            raise ValueError(
                f"position {step.positions.tolist()[0]} follows {stands} tokens; a trace that was "
                "not written from left to right has no such view"
            )
        kept = len(units) if step.kept is None else int(step.kept[sample].sum())
        good = DRAFTED if step.evaluations == 0 else ADDED
        parts = (good, units[:kept]), (FALLEN, units[kept:])
        pieces += [(kind, decode(part)) for kind, part in parts if len(part)]
        stands += kept
    return Text(tuple(pieces), caption)


def _marked(pieces: Iterable[tuple[str, str]]) -> str:
    told = []
    for kind, piece in pieces:
        tag, style = TAGS[kind]
        told.append(f'<{tag} style="{style}">{html.escape(_visible(kind, piece))}</{tag}>')
    return "".join(told)


def _plain(pieces: Iterable[tuple[str, str]]) -> str:
    told = []
    for kind, piece in pieces:
        left, right = PLAIN[kind]
        told.append(f"{left}{_visible(kind, piece)}{right}")
    return "".join(told)


def _visible(kind: str, piece: str) -> str:
    """Line breaks and blanks of a piece that a sign must be seen on."""
    if kind in (PROMPT, STANDING):
        return piece
    if kind == FALLEN:
        return piece.replace("\n", "↵").replace(" ", "␣")
    return piece.replace("\n", "↵\n")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))
