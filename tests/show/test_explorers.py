"""The explorers: what they are given is the library's, and their scripts compute the same."""

import json
import re
import shutil
import subprocess
from dataclasses import asdict

import pytest
import torch
from reader import Reader

from arlearn import catalog, plans, show
from arlearn.decode.speculative import expected_tokens
from arlearn.heads.law import Law, guided
from arlearn.show.element import WIDGETS

ALL = {
    "plans": lambda: show.explore_plans(),
    "masks": lambda: show.explore_masks(masks(), sections={"streams": {"clean": 8, "noisy": 8}}),
    "law": lambda: show.explore_law(torch.arange(6.0), list("abc\n e")),
    "speculation": lambda: show.explore_speculation(measured=[(0.6, 4, 2.2)]),
    "papers": lambda: show.explore_papers(),
}


def masks() -> dict:
    """A plan, a mask of two streams, and one that is neither square nor a multiple of four wide."""
    blocks = plans.blocks(8, 2)
    oblong = torch.rand(3, 7, generator=torch.Generator().manual_seed(0)) < 0.5
    return {
        "VAR": plans.scales([1, 2]),
        "streams": plans.two_streams(blocks, blocks),
        "oblong": oblong,
    }


def ran(name: str, body: str, given: object = None) -> object:
    """The value of `answer` after JavaScript ran beside a widget's module; floats are exact."""
    if shutil.which("node") is None:
        pytest.skip("node runs the widgets' scripts; it is not here")
    program = f"""
import * as widget from "{(WIDGETS / f"{name}.mjs").as_uri()}";
const given = {json.dumps(given)};
{body}
console.log(JSON.stringify(answer));
"""
    command = ["node", "--input-type=module", "-e", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", ALL)
def test_every_explorer_is_a_small_sound_page_with_something_still(name):
    shown = ALL[name]()
    page = shown._repr_html_()
    assert shown.name == name and Reader(page).faults == []
    assert len(page) < 150_000
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)
    images = re.findall(r"<img [^>]*>", page)
    assert all(re.search('alt="[^"]', image) for image in images)
    assert images or "<table" in shown.still
    assert len(repr(shown)) > 40


def test_the_plan_explorer_offers_every_plan_as_the_library_makes_it():
    families = {one["name"]: one for one in show.explore_plans(4).traits["families"]}
    assert set(families) == {
        *("raster", "scan", "shuffled", "blocks", "cells", "windows", "scales", "frames", "whole")
    }

    def steps(name):
        return {one["name"]: one["step"] for one in families[name]["options"]}

    assert steps("raster") == {"1": plans.raster(16).step.tolist()}
    assert steps("blocks") == {str(n): plans.blocks(16, n).step.tolist() for n in (1, 2, 4, 8, 16)}
    assert steps("cells")["2 x 2"] == plans.cells(4, 4, 2).step.tolist()
    assert steps("windows") == {"doubling": plans.windows([1, 1, 2, 4, 8]).step.tolist()}
    assert steps("scales") == {
        "1, 2, 4": plans.scales([1, 2, 4]).step.tolist(),
        "2, 4": plans.scales([2, 4]).step.tolist(),
    }
    assert steps("scan")["diagonal"] == plans.scan(4, 4, "diagonal").step.tolist()
    scales = families["scales"]["options"][0]["grids"]
    assert scales == [(1, 1), (2, 2), (4, 4)]
    for one in families.values():
        for option in one["options"]:
            assert sum(h * w for h, w in option["grids"]) == len(option["step"])


def test_the_scripts_mask_is_the_plans_mask():
    given = [plan.step.tolist() for plan in (plans.scales([1, 2]), plans.shuffled(9))]
    body = """
const answer = given.map((step) => ({
  mask: step.map((_, q) => step.map((_, k) => widget.sees(step, q, k))),
  facts: widget.facts(step),
}));"""
    for step, seen in zip(given, ran("plans", body, given), strict=True):
        plan = plans.Plan(torch.tensor(step))
        assert seen["mask"] == plan.mask().tolist()
        assert seen["facts"]["steps"] == plan.n_steps
        share = float(plan.mask().double().mean())
        assert seen["facts"]["share"] == pytest.approx(share, abs=1e-12)


def test_arrow_keys_stay_within_their_grid():
    body = """
const grids = [[2, 2], [3, 3]];
const keys = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "Tab"];
const answer = [0, 3, 4, 8].map((p) => keys.map((key) => widget.neighbour(grids, p, key)));"""
    told = ran("plans", body)
    assert told[0] == [0, 2, 0, 1, 0, None]
    assert told[1] == [1, 3, 2, 4, 0, None]
    assert told[2] == [4, 7, 3, 5, 0, None]
    assert told[3] == [5, 11, 7, 9, 0, None]


def test_the_scripts_masks_are_those_that_were_given():
    shown = ALL["masks"]()
    body = """
const answer = given.map((mask) => {
  const allowed = widget.unpacked(mask.bits);
  return mask.bits.map((_, i) => Array.from({ length: mask.columns }, (_, j) => allowed(i, j)));
});"""
    told = ran("masks", body, shown.traits["masks"])
    for seen, given in zip(told, masks().values(), strict=True):
        assert seen == (given.mask() if isinstance(given, plans.Plan) else given).tolist()


def test_the_gallery_says_who_sees_whom():
    shown = ALL["masks"]()
    told = ran("masks", "const answer = widget.told(given, 13, 4);", shown.traits["masks"][1])
    assert told == [
        "Noisy 5 may not look at clean 4.",
        "In all, noisy 5 sees clean 0–3; noisy 4, 5 (6 of 16).",
        "Clean 4 is seen by clean 4–7; noisy 6, 7 (6).",
    ]
    words = show.explore_masks({"x": plans.raster(3)}, labels={"x": ["the", "cat", "sat"]})
    told = ran("masks", "const answer = widget.told(given, 1, 2);", words.traits["masks"][0])
    assert told[0] == "Cat (1) may not look at sat (2)."


LAWS = [
    Law(),
    Law(temperature=0.0),
    Law(temperature=0.3, top_k=5),
    Law(temperature=1.7, top_p=0.6),
    Law(top_k=9, top_p=0.8, min_p=0.1),
    Law(min_p=0.3),
    Law(top_k=20),
    Law(temperature=0.9, top_p=0.95, guidance=1.5),
]


def test_the_scripts_law_is_the_librarys():
    generator = torch.Generator().manual_seed(0)
    vectors = 2 * torch.randn(6, 20, generator=generator, dtype=torch.double)
    other = torch.randn(20, generator=generator, dtype=torch.double)
    given = {
        "logits": vectors.tolist(),
        "other": other.tolist(),
        "laws": [asdict(law) for law in LAWS],
    }
    body = """
const answer = given.laws.map((law) => given.logits.map((logits) =>
  widget.softmax(widget.filter(widget.guided(logits, given.other, law.guidance), law))));"""
    told = torch.tensor(ran("law", body, given), dtype=torch.double)
    for law, seen in zip(LAWS, told, strict=True):
        mine = law.filter(guided(vectors, other, law.guidance)).softmax(-1)
        assert torch.equal(seen == 0, mine == 0), law
        assert (seen - mine).abs().max() < 1e-12, law


def test_the_dials_begin_where_they_are_told():
    law = Law(temperature=0.7, top_k=3, min_p=0.05)
    shown = show.explore_law(torch.arange(5.0), law=law)
    assert shown.traits["law"] == {k: v for k, v in asdict(law).items() if k != "ramp"}
    assert shown.traits["logits"] == [0, 1, 2, 3, 4] and shown.traits["unconditional"] == []
    left = law.filter(torch.arange(5.0)).softmax(-1)[4]
    assert shown.plain.startswith(f"4: 0.636 -> {left:.3f}\n")


def test_ties_are_kept_as_the_library_keeps_them():
    logits = torch.tensor([1.0, 3.0, 2.0, 2.0, 0.0])
    given = {"logits": logits.tolist(), "law": asdict(Law(top_k=2))}
    body = "const answer = widget.filter(given.logits, given.law);"
    seen = ran("law", body, given)  # JSON writes -Infinity as null
    mine = Law(top_k=2).filter(logits).tolist()
    assert seen == [None if x == -float("inf") else x for x in mine]


def test_the_scripts_draws_follow_the_law_and_never_what_was_cut():
    body = "const answer = widget.draws([0.5, 0, 0.3, 0.2], 20000, 1).map((n) => n / 20000);"
    seen = ran("law", body)
    # four standard deviations of a frequency over 20,000 draws
    assert seen[1] == 0 and seen == pytest.approx([0.5, 0, 0.3, 0.2], abs=4 * 0.5 / 20000**0.5)


def test_the_scripts_curve_is_the_exact_one():
    body = """
const answer = [];
for (let a = 0; a <= 10; a++) for (let k = 0; k <= 16; k++)
  answer.push([a / 10, k, widget.expectedTokens(a / 10, k), widget.speedUp(a / 10, k, 0.2)]);"""
    for alpha, k, tokens, gain in ran("speculation", body):
        assert tokens == pytest.approx(expected_tokens(alpha, k), rel=1e-12)
        assert gain == pytest.approx(expected_tokens(alpha, k) / (0.2 * k + 1), rel=1e-12)


def test_simulated_rounds_agree_with_the_curve():
    body = """
const answer = [0, 0.3, 0.8, 1].map((alpha) => {
  const stood = widget.rounds(alpha, 5, 20000, 7);
  return [Math.min(...stood), Math.max(...stood), stood.reduce((a, b) => a + b, 0) / 20000];
});"""
    for alpha, (low, high, mean) in zip((0, 0.3, 0.8, 1), ran("speculation", body), strict=True):
        assert low >= 0 and high <= 5
        # a round's tokens vary by less than 2.1; four standard errors over 20,000 rounds
        assert mean + 1 == pytest.approx(expected_tokens(alpha, 5), abs=4 * 2.1 / 20000**0.5)


def test_drafting_does_not_pay_where_drafts_are_bad_or_dear():
    body = "const answer = [[0, 0.1], [0.7, 0.1], [0.5, 0.6], [1, 0]].map(([a, c]) => "
    body += "widget.bestLength(a, c, 16));"
    gains = [expected_tokens(0.7, k) / (0.1 * k + 1) for k in range(17)]
    assert ran("speculation", body) == [0, gains.index(max(gains)), 0, 16]


def test_the_table_has_every_paper_and_filters_it():
    shown = show.explore_papers()
    papers = catalog.papers()
    assert [one["short"] for one in shown.traits["papers"]] == [paper.short for paper in papers]
    pages = {one["short"]: one["page"] for one in shown.traits["papers"]}
    assert pages == {paper.short: paper.page if paper.in_book else "" for paper in papers}
    body = """
const names = (wish) => widget.chosen(given.papers, wish).map((paper) => paper.short);
const answer = [names({}), names({ plan: "scales" }), names({ plan: "scales", head: "flow" }),
  names({ data: "scenes" }), widget.means(given.plans, given.heads, "blocks", "point")];"""
    every, plan, both, data, words = ran("papers", body, shown.traits)
    assert every == [paper.short for paper in papers]
    assert plan == [paper.short for paper in papers if paper.plan == "scales"] and "VAR" in plan
    assert both == [p.short for p in papers if (p.plan, p.head) == ("scales", "flow")]
    assert data == [paper.short for paper in papers if "scenes" in paper.dataset] and data
    assert words == f"Plan blocks: {catalog.PLANS['blocks']}. Head point: each unit follows " + (
        f"{catalog.HEADS['point']}."
    )


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: show.explore_plans(1), "side must be at least 2, not 1"),
        (lambda: show.explore_plans(start="spiral"), "start 'spiral' is none of raster, scan"),
        (lambda: show.explore_plans(17), "has 289 positions; at most 256"),
        (lambda: show.explore_masks({}), "at least one mask"),
        (lambda: show.explore_masks({"a": plans.raster(257)}), "'a' is 257 x 257; at most 256"),
        (
            lambda: show.explore_masks({"a": plans.raster(4)}, sections={"a": {"x": 3}}),
            "do not add up to 4",
        ),
        (lambda: show.explore_masks({"a": plans.raster(4)}, labels={"a": "abc"}), "3 labels for 4"),
        (lambda: show.explore_law(torch.zeros(3), ["a"]), "1 names for 3 units"),
        (lambda: show.explore_law(torch.zeros(3), unconditional=torch.zeros(2)), "2 unconditional"),
        (lambda: show.explore_law(torch.tensor([0.0, float("inf")])), "infinite or no number"),
        (lambda: show.explore_law(torch.zeros(3), law=Law(guidance=1.0)), "unconditional branch"),
        (lambda: show.explore_speculation(1.5), r"alpha 1.5 must lie in 0 .. 1"),
        (lambda: show.explore_speculation(length=17), r"length 17 must lie in 0 .. 16"),
    ],
)
def test_explorers_refuse_what_they_cannot_show(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        wrong()
