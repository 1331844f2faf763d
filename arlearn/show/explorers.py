"""Explorers of laws, of speculation and of the course: dials over what the library gives."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from jaxtyping import Float
from torch import Tensor

from arlearn import catalog
from arlearn.catalog import Paper
from arlearn.decode.speculative import expected_tokens
from arlearn.heads.law import Law, guided
from arlearn.show import periodic
from arlearn.show.element import Element, drawn
from arlearn.show.plots import bars, curves


def explore_law(
    logits: Float[Tensor, "v"],
    names: Sequence[str] | None = None,
    *,
    unconditional: Float[Tensor, "_"] | None = None,
    law: Law = Law(),
    most: int = 16,
    label: str = "the law explorer",
    caption: str = "",
) -> Element:
    """Turn temperature, top-k, top-p, min-p and guidance; see what is left of a model's law.

    Args:
        logits: of one position, as the model gives them.
        names: what the units are, characters for example; their numbers unless given.
        unconditional: the same without the condition, which guidance leads away from.
        law: where the dials stand at first.
        most: how many units are shown, the likeliest first; the others are summed.

    Raises:
        ValueError: not one name per unit, logits that are not finite, two vectors of different
            lengths, or a guided law without an unconditional vector.
    """
    v = len(logits)
    names = [str(i) for i in range(v)] if names is None else list(names)
    if len(names) != v:
        raise ValueError(f"{len(names)} names for {v} units; give one for each")
    if unconditional is not None and len(unconditional) != v:
        raise ValueError(f"{len(unconditional)} unconditional logits beside {v} conditional ones")
    left = law.filter(guided(logits, unconditional, law.guidance)).softmax(-1)
    dials = {name: value for name, value in asdict(law).items() if name != "ramp"}
    traits = {
        "logits": logits.double().tolist(),
        "unconditional": [] if unconditional is None else unconditional.double().tolist(),
        "names": [_visible(name) for name in names],
        "law": dials,
        "most": most,
    }
    first = logits.argsort(descending=True)[:most].tolist()
    told = {"the law": logits.softmax(-1)[first].tolist(), "drawn from": left[first].tolist()}
    shown = [traits["names"][i] for i in first]
    figure = bars(shown[:8], {k: p[:8] for k, p in told.items()}, x="unit", y="probability")
    plain = "\n".join(
        f"{name}: {before:.3f} -> {after:.3f}"
        for name, before, after in zip(shown, *told.values(), strict=True)
    )
    return drawn("law", label, traits, caption, figure, plain)


def explore_speculation(
    alpha: float = 0.7,
    length: int = 4,
    price: float = 0.1,
    *,
    measured: Sequence[tuple[float, int, float]] = (),
    label: str = "the speculation simulator",
    caption: str = "",
) -> Element:
    """Turn a draft's quality, length and price; see what speculation buys, exactly and simulated.

    Tokens per target pass are (1 - alpha^(k+1)) / (1 - alpha), the speed-up is that over
    k c + 1 (Leviathan et al. 2023, arXiv 2211.17192, theorem 3.8).

    Args:
        alpha: the probability that a draft stands.
        length: drafts a round, k, at most 16.
        price: what a draft costs, in passes of the target, c.
        measured: (alpha, k, tokens per target pass) of real speculations, set beside the curve.

    Raises:
        ValueError: alpha or price outside 0..1, or a length outside 0..16.
    """
    for name, value, top in (("alpha", alpha, 1), ("length", length, 16), ("price", price, 1)):
        if not 0 <= value <= top:
            raise ValueError(f"{name} {value} must lie in 0 .. {top}")
    traits = {
        "chosen": {"alpha": alpha, "k": length, "c": price},
        "measured": [list(point) for point in measured],
    }
    lengths = range(17)
    gains = {
        f"quality {a:g}": (lengths, [expected_tokens(a, k) / (k * price + 1) for k in lengths])
        for a in sorted({0.5, alpha, 0.9})
    }
    figure = curves(gains, x="drafts a round", y=f"speed-up, a draft costing {price:g} passes")
    plain = f"{expected_tokens(alpha, length):.3g} tokens per target pass at quality {alpha:g}"
    return drawn("speculation", label, traits, caption, figure, f"{plain}, {length} drafts")


def explore_papers(
    papers: Iterable[Paper] | None = None,
    *,
    root: str = "../..",
    label: str = "the periodic table of the course",
    caption: str = "",
) -> Element:
    """The periodic table, to be filtered by plan, head and data; a cell leads to its chapters.

    Args:
        papers: all of the catalog unless given.
        root: the repository's folder as seen from the page, `../..` from a chapter.
    """
    still = periodic.periodic(papers, root=root)
    traits = {
        "papers": [
            {
                "short": paper.short,
                "title": paper.title,
                "year": paper.year,
                "claim": paper.claim,
                "plan": paper.plan,
                "head": paper.head,
                "data": list(paper.dataset),
                "page": paper.page if paper.in_book else "",
            }
            for paper in still.papers
        ],
        "plans": {plan: catalog.PLANS[plan] for plan in periodic.plans()},
        "heads": {head: catalog.HEADS[head] for head in periodic.heads()},
        "root": root,
        "chosen": {"plan": "", "head": "", "data": ""},
    }
    return Element("papers", label, traits, caption, still._repr_html_(), repr(still))


def _visible(name: str) -> str:
    """Blanks and line breaks as signs."""
    return name.replace("\n", "↵").replace(" ", "␣").replace("\t", "⇥") or "(nothing)"
