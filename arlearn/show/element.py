"""One form for all that answers to the reader: a script that works from its traits alone.

A widget is an ES module of this package, `widgets/NAME.mjs`, in the form anywidget reads (a default
export with `render({model, el})`). The same module and traits are shown in two ways: as a page that
holds everything it needs, which is what notebooks and the book keep, and as a live widget.
"""

import hashlib
import html
import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from arlearn.show.picture import Picture, captioned

WIDGETS = Path(__file__).with_name("widgets")
IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.mjs";\n', re.MULTILINE)
COMMENT = re.compile(r"^ *//[^\n]*\n|^ */\*\*.*?\*/\n|^\s+", re.MULTILINE | re.DOTALL)
FILES = re.compile(r'src="(data:image/png;base64,[^"]+)"')
# Stands in for a kernel: the traits are read, and what the reader chooses is kept on the page. A
# frame that the still part shows already is not sent twice. Without a script (GitHub, a notebook
# not trusted yet, a printer) the still part is what is seen.
SHIM = """\
for (const root of document.querySelectorAll('[data-element="KEY"]:not([data-ready])')) {
root.setAttribute("data-ready", "");
const traits = JSON.parse(root.querySelector("script[type='application/json']").textContent);
const still = root.querySelector(".still");
const files = [...still.querySelectorAll("img")].map((image) => image.src);
if (traits.frames) traits.frames = traits.frames.map((it) => (isNaN(it) ? it : files[it]));
const model = { get: (name) => traits[name], set: (name, value) => { traits[name] = value; },
save_changes() {}, on() {}, off() {} };
const el = document.createElement("div");
still.after(el);
WIDGET.render({ model, el });
still.style.display = "none";
}"""


@dataclass(frozen=True, eq=False)
class Element:
    """A widget with its traits, and what stands for it where no script runs.

    Attributes:
        name: of the module in `widgets`.
        label: what it is, in a few words, for screen readers.
        traits: what the module reads; lists, numbers, texts.
        caption: what to see, shown below; may be empty.
        still: the HTML that stands where no script runs.
        plain: the same as text.
        picture: the same as a picture, where there is one, drawn when it is asked for.

    Raises:
        ValueError: an empty label, or a trait that holds a number JSON has not (infinity, NaN).
    """

    name: str
    label: str
    traits: Mapping[str, Any]
    caption: str = ""
    still: str = ""
    plain: str = ""
    picture: Callable[[], Picture] | None = None
    texts: tuple[str, str] = field(init=False, repr=False)  # the module's and the traits'

    def __post_init__(self):
        if not self.label.strip():
            raise ValueError("label is empty; say in a few words what is shown")
        traits = {"label": self.label, **self.traits}
        if "frames" in traits:
            shown = {file: i for i, file in enumerate(FILES.findall(self.still))}
            traits["frames"] = [shown.get(frame, frame) for frame in traits["frames"]]
        try:
            told = json.dumps(traits, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except ValueError:
            raise ValueError(
                f"{self.label}: a value to be shown is infinite or no number"
            ) from None
        object.__setattr__(self, "texts", (module(self.name)[0], told))

    def __repr__(self) -> str:
        return "\n".join(filter(None, (f"[{self.label}]", self.plain, self.caption)))

    def _repr_html_(self) -> str:
        script, traits = self.texts
        # made of the content: the same run writes the same notebook
        key = hashlib.sha256(f"{self.name}{traits}{self.still}".encode()).hexdigest()[:12]
        shim = SHIM.replace("KEY", key)
        return (
            f'<figure class="arlearn-interactive" data-element="{key}" role="group"'
            f' aria-label="{html.escape(self.label)}" style="margin:0.6em 0;text-align:left">'
            f'<style>{module(self.name)[1]}</style><div class="still">{self.still}</div>'
            f"{captioned(self.caption)}"
            f'<script type="application/json">{traits.replace("<", chr(92) + "u003c")}</script>'
            f'<script type="module">{script.replace("export default", "const WIDGET =")}\n{shim}'
            "</script></figure>"
        )

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        bundle = {"text/html": self._repr_html_(), "text/plain": repr(self)}
        if self.picture is not None and "<img" not in self.still:  # else it is there already
            bundle["image/png"] = b64encode(self.picture().png).decode("ascii")
        return bundle

    def widget(self) -> Any:
        """The same as a live anywidget, whose traits Python can read and set.

        Its view needs the kernel; a saved notebook keeps nothing of it, so show the element itself
        where a reader without one should see it.
        """
        import anywidget
        import traitlets

        script, style = module(self.name)
        traits = {"label": self.label, **self.traits}
        held = {name: traitlets.Any().tag(sync=True) for name in traits}
        body = {"_esm": script, "_css": style, **held}
        return type("Element", (anywidget.AnyWidget,), body)(**traits)


def drawn(
    name: str, label: str, traits: Mapping[str, Any], caption: str, figure: Picture, plain: str
) -> Element:
    """A widget with one picture where no script runs."""
    still = figure._repr_mimebundle_()["text/html"]
    return Element(name, label, traits, caption, still, plain, lambda: figure)


@cache
def module(name: str) -> tuple[str, str]:
    """A widget's module with all it imports put in front of it, and their style sheets.

    Comments and indentation are left out: a notebook holds the text once for every output.
    """
    scripts, styles = [], []
    for part in _parts(name, ()):
        text = IMPORT.sub("", (WIDGETS / f"{part}.mjs").read_text(encoding="utf-8"))
        text = text if part == name else re.sub(r"^export ", "", text, flags=re.MULTILINE)
        scripts.append(COMMENT.sub("", text))
        if (style := WIDGETS / f"{part}.css").exists():
            styles.append(style.read_text(encoding="utf-8").replace("\n", ""))
    return "".join(scripts), "".join(styles)


def _parts(name: str, known: Sequence[str]) -> tuple[str, ...]:
    """The modules a module needs, itself last, each once and after what it imports."""
    for needed in IMPORT.findall((WIDGETS / f"{name}.mjs").read_text(encoding="utf-8")):
        known = _parts(needed, known)
    return tuple(known) if name in known else (*known, name)
