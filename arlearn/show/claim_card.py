"""The card that ends a chapter: each part of the claim, the paper's figure beside the one here."""

import sys
from dataclasses import dataclass
from html import escape
from typing import Any

# Signs beside the words, so that nothing hangs on a colour.
SIGNS = {
    "reproduced": "●",
    "in part": "◐",
    "direction only": "◐",
    "not at this scale": "○",
    "smoke": "·",
}
COLUMNS = ("part", "paper", "here", "verdict")
# A grey line and text at 80% are legible on a light and on a dark page.
CELL = "padding:.3em .8em;text-align:left;vertical-align:top;border-bottom:1px solid #8886"
FAINT = '<span style="opacity:.8">{}</span>'


def number(value: float) -> str:
    """Four digits; thousands set apart, very small and very large ones with an exponent."""
    if value and not 1e-3 <= abs(value) < 1e7:
        return f"{value:.3g}"
    whole = abs(value) >= 1000 or float(value).is_integer()
    return f"{value:,.0f}" if whole else f"{value:.4g}"


def here(part: dict[str, Any]) -> str:
    """What was measured: `6 against 64 evaluations`, `66 ± 2 against 39 ± 3 Fréchet distance`."""
    if part["method"] is None:
        return "not measured"
    method, baseline, spread = number(part["method"]), part["baseline"], part["spread"]
    if isinstance(spread, list):
        method += f" ± {number(spread[0])}"
    text = method if baseline is None else f"{method} against {number(baseline)}"
    if isinstance(spread, list) and baseline is not None:
        text += f" ± {number(spread[1])}"
    text += f" {part['unit']}"
    return f"{text} (± {number(spread)})" if isinstance(spread, float) else text


def rule(part: dict[str, Any]) -> str:
    """How much better or worse that is, and what the part is held to, where it is held to more."""
    ratio, told = part["ratio"], []
    if ratio:
        told += [f"{ratio:.3g}x better" if ratio >= 1 else f"{1 / ratio:.3g}x worse"]
    if part["target"] is not None:
        told += [f"to reach {'≤' if part['better'] == 'lower' else '≥'} {number(part['target'])}"]
    if part["margin"] is not None:
        told += [f"{100 * part['margin']:.3g}% worse allowed"]
    if part["factor"] is not None:
        told += [f"{part['factor']:g}x expected"]
    return ", ".join(told)


@dataclass(frozen=True, repr=False)
class ClaimCard:
    """A claim as measured, `row` as it stands in the results; shows itself as HTML or text."""

    row: dict[str, Any]

    @property
    def verdict(self) -> str:
        """The verdict on the whole claim."""
        return self.row["verdict"]

    def told(self) -> str:
        """What was equal, on which device, in which time."""
        row, equal = self.row, self.row["equal"]
        if isinstance(equal, dict):
            equal = ", ".join(f"{name} {value}" for name, value in equal.items())
        seeds = ", ".join(map(str, row["seeds"])) or "none"
        run = f"{row['tier']} tier, {row['device']}, {row['seconds']:.0f} s so far"
        return f"Held equal: {equal}. Seeds: {seeds}. {run}."

    def __repr__(self) -> str:
        lines = [f"{self.row['slug']}: {self.verdict}"]
        for part in self.row["parts"]:
            lines.append(f"{SIGNS[part['verdict']]} {part['name']}: {part['verdict']}")
            compared = f" ({rule(part)})" if rule(part) else ""
            lines.append(f"    {here(part)}{compared}; paper: {part['paper']}")
            lines += [f"    {text}" for text in (part["reason"], part["note"]) if text]
        return "\n".join([*lines, self.told()])

    def _repr_html_(self) -> str:
        head = "".join(f'<th style="{CELL}">{name}</th>' for name in COLUMNS)
        body = "".join(map(self._line, self.row["parts"]))
        title = f"{SIGNS[self.verdict]} {escape(self.row['slug'])}: {self.verdict}"
        return (
            '<div class="claim-card" style="overflow-x:auto">'
            f'<div style="font-weight:600;font-size:1.1em">{title}</div>'
            '<table class="stacked" style="border-collapse:collapse;margin:.5em 0">'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f"<div>{FAINT.format(escape(self.told()))}</div></div>"
        )

    def _line(self, part: dict[str, Any]) -> str:
        def below(*texts: str) -> str:
            return "".join(f"<br>{FAINT.format(escape(text))}" for text in texts if text)

        verdict = f"{SIGNS[part['verdict']]} {part['verdict']}"
        cells = (
            f"<strong>{escape(part['name'])}</strong>{below(part['what'])}",
            escape(part["paper"]),
            escape(here(part)) + below(rule(part)),
            f'<span style="white-space:nowrap">{verdict}</span>'
            + below(part["reason"], part["note"]),
        )
        told = zip(COLUMNS, cells, strict=True)
        return "<tr>" + "".join(
            f'<td data-label="{name}" style="{CELL}">{cell}</td>' for name, cell in told
        ) + "</tr>"  # fmt: skip


def shown(card: ClaimCard, always: bool) -> None:
    """Show the card where nothing else will: in a script, and before an error (`always`)."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None:
        print(card)
    elif always:
        from IPython.display import display

        display(card)
