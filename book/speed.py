"""The page of the bench: book/results/bench.json as tables and one figure."""

import json
from html import escape
from pathlib import Path

import pages

RESULTS = Path(__file__).resolve().parent / "results" / "bench.json"
GROUPS = {
    "training": "Training",
    "decoding": "Sampling with a cache",
    "tokens": "Tokenizers",
    "import": "Import",
    "accelerator": "On an accelerator",
    "changes": "What each change bought",
}
SAID = {
    "training": "One step: forward, backward, clipping, fused AdamW; 128 positions, 256 tokens, "
    "the same batch, optimizer and precision for all. The yardstick is a plain GPT of some 60 "
    "lines in nanoGPT's style, which stands in tests/bench/yardstick.py.",
    "decoding": "A model of 0.8M parameters continues a prompt of 8 tokens, token by token.",
    "changes": "Parts of a step as torch composes them, beside the same parts as they are now. "
    "They were chosen with a profiler: outside matrix products a step spent most in attention's "
    "way back (in bf16), in norms, and in gradients that were cut and joined again; a token in "
    "the bookkeeping of layers.",
}


# Said of a group only where one of its rows misses its goal.
MISSED = {
    "training": "**Training.** In fp32 matrix products and attention are most of a step, and every "
    "rival takes them from the same library. Our block also turns queries and keys and gates its "
    "feed-forward, which the plain GPT does not. With all else for free the goal would hardly be "
    "reached. In bf16 the way back of attention was worth replacing.",
    "decoding": "**Sampling.** A token of so small a model costs what its calls cost, not its "
    "arithmetic. Half of them are numpy's now; head, draw and checks are still torch's. A compiler "
    "would fuse them, and takes longer to do so than a chapter runs.",
}


def bench_page(found: dict | None = None) -> str:
    """Every row with its goal, how ours compares, and the cost of a token against length."""
    if found is None:
        if not RESULTS.exists():
            return (
                "# Speed\n\nNothing has been measured yet. `make bench` measures the library "
                "against its peers and writes book/results/bench.json, from which this page is "
                "made.\n"
            )
        found = json.loads(RESULTS.read_text(encoding="utf-8"))
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    text = f"""\
# Speed

Ratios of two measurements in one run, rivals taking turns; a row counts its best round, as other
work on a machine only ever slows a round. `make bench` measures again. A ratio above 1 means that
ours is faster; the slowest of a row's ratios is held against the goal.

Measured on: {found["device"]}; {versions}.
"""
    for group, title in GROUPS.items():
        rows = [row for row in found["rows"] if row["group"] == group]
        if rows:
            said = f"{SAID[group]}\n\n" if group in SAID else ""
            text += f"\n## {title}\n\n{said}{_table(rows)}"
        if group == "decoding":
            text += "".join(_curve(curve) for curve in found["curves"])
    missed = [group for group in MISSED if any(_missed(r) for r in found["rows"]
              if r["group"] == group)]  # fmt: skip
    if missed:
        told = "\n".join(f"- {MISSED[group]}" for group in missed)
        text += f"\n## Where a goal is missed, and why\n\n{told}\n"
    return text


def _missed(row: dict) -> bool:
    """Is the slowest ratio of a row below its goal?"""
    return bool(row.get("goal")) and row.get("met") is False


def _table(rows: list[dict]) -> str:
    body = "".join(map(_row, rows))
    head = "".join(f'<th scope="col">{name}</th>' for name in ("", "ours", "against", "goal"))
    return pages.raw(
        f'<table class="rows stacked wide"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}</tbody></table>"
    )


def _row(row: dict) -> str:
    against = "<br>".join(
        f"{escape(peer['name'])} {peer['value']:.3g} (<strong>{peer['ratio']:.2f}</strong>)"
        for peer in row["peers"]
    )
    if row["group"] == "import":
        against, goal = "–", "below 2 s"
    else:
        against, goal = against or "no peer installed", f"{row['goal']:g}"
    sign = {True: "●", False: "○", None: "–"}[row["met"]]
    return (
        f'<tr><th scope="row">{escape(row["name"])}</th>'
        f'<td class="number" data-label="ours">{row["ours"]:.3g} {escape(row["unit"])}</td>'
        f'<td data-label="against">{against}</td>'
        f'<td data-label="goal">{sign} {goal}</td></tr>\n'
    )


def _curve(curve: dict) -> str:
    """Lines over a logarithmic axis, drawn as SVG, with the numbers below for who cannot see it."""
    at, names = curve["at"], [key for key in curve if key not in ("name", "x", "y", "at")]
    top = max(max(curve[name]) for name in names)
    places = [40 + 400 * i / max(len(at) - 1, 1) for i in range(len(at))]
    marks = "".join(
        f'<text x="{x:.0f}" y="215" text-anchor="middle">{n}</text>'
        for x, n in zip(places, at, strict=True)
    )
    lines = ""
    for i, name in enumerate(names):
        heights = [195 - 175 * value / top for value in curve[name]]
        points = " ".join(f"{x:.0f},{y:.0f}" for x, y in zip(places, heights, strict=True))
        dash = f' stroke-dasharray="{6 * i} 4"' if i else ""
        lines += f'<polyline points="{points}"{dash} fill="none" stroke="currentColor"></polyline>'
        lines += f'<text x="450" y="{heights[-1] + 4:.0f}">{escape(name)}</text>'
    told = "; ".join(
        f"{name}: " + ", ".join(f"{value:.2f}" for value in curve[name]) for name in names
    )
    label = f"{curve['name']}, {curve['y']} against {curve['x']}"
    return "\n" + pages.raw(
        f'<svg viewBox="0 0 560 235" role="img" aria-label="{escape(label, quote=True)}" '
        'style="max-width:40rem;fill:currentColor;font-size:11px">'
        f'<text x="2" y="24">{top:.2g} {escape(curve["y"])}</text>{lines}{marks}'
        f'<text x="240" y="231" text-anchor="middle">{escape(curve["x"])}</text></svg>'
        f"<p>{escape(label)}, at {', '.join(map(str, at))}: {escape(told)}.</p>"
    )
