"""Claims are judged by their rules, written whole, and refused where something is missing."""

import json
import math
import sys

import pytest

from arlearn import catalog, claims
from arlearn.catalog import Part
from arlearn.claims import DIRECTION, NOT, REPRODUCED, Measured, improvement, judge, overall
from arlearn.ledger import ledger
from arlearn.show.claim_card import here, number, rule


def part(better="lower", **rules):
    return Part("x", "what", "paper", "unit", better, **rules)


GOOD = {
    "passes": Measured(4, 64),
    "latency": Measured(0.01, 0.2, (0.001, 0.002)),
    "quality": Measured(30.0, 40.0, (1.0, 2.0)),
    "quality-tokens": Measured(35.0, 40.0, (1.0, 2.0)),
    "accuracy": Measured(0.8, 0.6, 0.05),
    "scaling": Measured(-0.99),
    "editing": Measured(0.9, 0.4),
    "reconstruction": Measured(22.0, 20.0),
}


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A folder for results, at the cpu tier."""
    monkeypatch.setenv("ARLEARN_RESULTS", str(tmp_path))
    monkeypatch.setenv("ARLEARN_TIER", "cpu")
    return tmp_path


def claim(**changed):
    measured = {**GOOD, **{name.replace("_", "-"): value for name, value in changed.items()}}
    return claims.claim("var", measured, equal="parameters, epochs", seeds=[0, 1, 2])


@pytest.mark.parametrize(
    ("rules", "measured", "verdict"),
    [
        (part(), Measured(1.0, 2.0), REPRODUCED),
        (part(), Measured(2.0, 1.0), NOT),
        (part(), Measured(1.0, 1.0), NOT),
        (part("higher"), Measured(2.0, 1.0), REPRODUCED),
        (part("higher"), Measured(1.0, 2.0), NOT),
        # the difference must exceed the spread: of the difference, or of both sides together
        (part(), Measured(1.0, 2.0, 0.9), REPRODUCED),
        (part(), Measured(1.0, 2.0, 1.0), NOT),
        (part(), Measured(1.0, 6.0, (3.0, 4.0)), NOT),
        (part(), Measured(0.9, 6.0, (3.0, 4.0)), REPRODUCED),
        # a factor is met, or only the direction is
        (part(factor=8), Measured(8, 64), REPRODUCED),
        (part(factor=8), Measured(9, 64), DIRECTION),
        (part(factor=8), Measured(64, 8), NOT),
        (part("higher", factor=2), Measured(0.5, 0.25), REPRODUCED),
        (part("higher", factor=2), Measured(0.49, 0.25), DIRECTION),
        (part("higher", factor=2), Measured(0.1, 0.0), REPRODUCED),
        # a margin allows a little worse, in either direction of better
        (part(margin=0.25), Measured(25.0, 20.0), REPRODUCED),
        (part(margin=0.25), Measured(25.1, 20.0), NOT),
        (part(margin=0.25), Measured(1.0, 20.0), REPRODUCED),
        (part("higher", margin=0.05), Measured(0.95, 1.0), REPRODUCED),
        (part("higher", margin=0.1), Measured(0.89, 1.0), NOT),
        (part("higher", margin=0.1), Measured(-1.1, -1.0), REPRODUCED),
        # a target is reached or not, whatever the baseline
        (part(target=-0.95), Measured(-0.95), REPRODUCED),
        (part(target=-0.95), Measured(-0.94, -0.1), NOT),
        (part("higher", target=1.0), Measured(1.0), REPRODUCED),
        (part("higher", target=1.0), Measured(0.999), NOT),
        # nothing measured holds nothing
        (part(), Measured(None), NOT),
        (part(target=0.0), Measured(None), NOT),
    ],
)
def test_judge(rules, measured, verdict):
    assert judge(rules, measured) == verdict


def test_a_comparison_needs_a_baseline():
    with pytest.raises(ValueError, match=r"part x is a comparison; give Measured\(…, baseline=…\)"):
        judge(part(), Measured(1.0))


@pytest.mark.parametrize(
    ("better", "method", "baseline", "times"),
    [
        ("lower", 4, 64, 16),
        ("higher", 64, 4, 16),
        ("lower", 0, 3, math.inf),
        ("lower", 3, 0, 0),
        ("lower", 0, 0, None),
        ("lower", -1, 2, None),
        ("higher", 2, None, None),
        ("higher", None, 2, None),
    ],
)
def test_improvement(better, method, baseline, times):
    assert improvement(part(better), Measured(method, baseline)) == times


def test_overall():
    assert overall([REPRODUCED, REPRODUCED]) == "reproduced"
    assert overall([REPRODUCED, NOT]) == "in part"
    assert overall([DIRECTION, NOT]) == overall([DIRECTION, DIRECTION]) == "not at this scale"
    assert overall(["smoke", "smoke"]) == "smoke"


@pytest.mark.parametrize("wrong", [{"method": math.nan}, {"method": 1.0, "baseline": math.inf},
                                   {"method": 1.0, "spread": (0.1, math.nan)}])  # fmt: skip
def test_numbers_must_be_finite(wrong):
    with pytest.raises(ValueError, match="give a finite number, or method=None"):
        Measured(**wrong)


def test_the_result_holds_everything(results):
    card = claim()
    text = (results / "cpu" / "var.json").read_text(encoding="utf-8")
    row = json.loads(text)
    assert row == card.row and "NaN" not in text and "Infinity" not in text
    assert {"slug", "tier", "verdict", "parts", "equal", "seeds", "device", "versions", "seconds",
            "peak_mb", "source_sha256"} <= set(row)  # fmt: skip
    assert (row["slug"], row["tier"], row["verdict"]) == ("var", "cpu", "reproduced")
    assert row["seeds"] == [0, 1, 2] and row["versions"]["python"].startswith("3.")
    assert row["seconds"] > 0 and row["peak_mb"] > 50
    assert [one["name"] for one in row["parts"]] == [one.name for one in catalog.paper("var").parts]
    for one in row["parts"]:
        assert {"name", "paper", "method", "baseline", "unit", "spread", "verdict",
                "reason"} <= set(one)  # fmt: skip
    assert row["parts"][0]["ratio"] == 16 and row["parts"][1]["spread"] == [0.001, 0.002]


def test_the_source_is_the_runners(results, tmp_path, monkeypatch):
    from arlearn.runner.pair import source_sha256

    chapter = tmp_path / "chapters" / "03_next_x" / "18_var.py"
    chapter.parent.mkdir(parents=True)
    chapter.write_text("# %%\nprint(1)\n", encoding="utf-8")
    monkeypatch.setattr(claims.home, "root", lambda: tmp_path)
    assert claim().row["source_sha256"] == source_sha256(chapter)


def test_seconds_may_be_given(results):
    row = claims.claim("var", GOOD, equal="epochs", seeds=[0], seconds=12.34).row
    assert row["seconds"] == 12.3


def test_every_part_must_be_there(results):
    some = {name: value for name, value in GOOD.items() if name not in ("editing", "scaling")}
    with pytest.raises(LookupError, match="'var': scaling, editing missing; its parts are passes"):
        claims.claim("var", some, equal="epochs", seeds=[0])
    with pytest.raises(LookupError, match="beauty not in the catalog"):
        claims.claim("var", {**GOOD, "beauty": Measured(1, 2)}, equal="epochs", seeds=[0])
    with pytest.raises(LookupError, match="did you mean 'var'"):
        claims.claim("vaar", GOOD, equal="epochs", seeds=[0])
    with pytest.raises(ValueError, match="say what method and baseline had in common"):
        claims.claim("var", GOOD, equal="", seeds=[0])
    assert not list(results.iterdir())


def test_what_does_not_hold_needs_a_reason(results, capsys):
    worse = Measured(50.0, 40.0)
    with pytest.raises(ValueError, match="'var': quality did not hold; say why"):
        claim(quality=worse)
    assert not list(results.iterdir())
    assert "quality: not at this scale" in capsys.readouterr().out
    row = claim(quality=Measured(50.0, 40.0, reason="an 8 x 8 grid")).row
    quality = next(one for one in row["parts"] if one["name"] == "quality")
    assert (row["verdict"], quality["verdict"]) == ("in part", NOT)
    assert quality["reason"] == "an 8 x 8 grid"
    kept = claim(quality=Measured(30.0, 40.0, reason="not needed"))
    assert "not needed" not in repr(kept)


def test_counted_parts_fail_the_chapter_after_the_file_is_written(results, capsys):
    with pytest.raises(AssertionError, match="'var': passes is counted and did not hold"):
        claim(passes=Measured(64, 64))
    row = json.loads((results / "cpu" / "var.json").read_text(encoding="utf-8"))
    assert row["parts"][0]["verdict"] == NOT and row["verdict"] == "in part"
    assert "passes: not at this scale" in capsys.readouterr().out


def test_a_counted_part_that_only_has_the_direction_passes(results):
    assert claim(passes=Measured(32, 64)).row["parts"][0]["verdict"] == DIRECTION


def test_a_counted_part_may_be_out_of_a_tiers_reach(results):
    row = claim(editing=Measured(None, reason="needs 32 pixels")).row
    assert row["parts"][6]["verdict"] == NOT and row["parts"][6]["method"] is None


def test_smoke_judges_and_writes_nothing(results, monkeypatch):
    monkeypatch.setenv("ARLEARN_TIER", "smoke")
    card = claim(passes=Measured(64, 4), quality=Measured(9.0, 1.0))
    assert card.verdict == "smoke" and {one["verdict"] for one in card.row["parts"]} == {"smoke"}
    assert not list(results.iterdir())
    claims.claim("var", GOOD, equal="epochs", seeds=[0], write=True)
    assert (results / "smoke" / "var.json").exists()


def test_results_lie_in_the_repository_unless_told(monkeypatch, tmp_path):
    monkeypatch.delenv("ARLEARN_RESULTS", raising=False)
    monkeypatch.setattr(claims.home, "root", lambda: tmp_path)
    assert claims.results() == tmp_path / ".arlearn" / "results"


def test_the_card_shows_every_part(results, capsys):
    card = claim(latency=Measured(0.01, 0.2, note="a <quiet> machine"))
    printed = capsys.readouterr().out
    html = card._repr_html_()
    for one in catalog.paper("var").parts:
        assert one.name in printed and f"<strong>{one.name}</strong>" in html
        assert one.paper in printed
    assert "4 against 64 evaluations" in html and "16x better, 8x expected" in html
    assert "a &lt;quiet&gt; machine" in html and "<quiet>" not in html
    assert "Held equal: parameters, epochs. Seeds: 0, 1, 2. cpu tier" in html


def test_in_a_notebook_the_card_is_the_cells_value(results, capsys, monkeypatch):
    shell = type(sys)("IPython")
    shell.get_ipython = lambda: object()
    monkeypatch.setitem(sys.modules, "IPython", shell)
    claim()
    assert capsys.readouterr().out == ""


def test_words_for_numbers():
    assert [number(x) for x in (0, 64.0, 0.12345, 12345.6, 0.0001)] == [
        "0", "64", "0.1235", "12,346", "0.0001"
    ]  # fmt: skip
    base = {"unit": "s", "factor": None, "margin": None, "target": None, "better": "lower"}
    both = base | {"method": 1.5, "baseline": 3.0, "spread": [0.1, 0.2], "ratio": 2.0}
    assert here(both) == "1.5 ± 0.1 against 3 ± 0.2 s" and rule(both) == "2x better"
    one = base | {"method": 3.0, "baseline": 1.5, "spread": 0.5, "ratio": 0.5, "margin": 0.25}
    assert here(one) == "3 against 1.5 s (± 0.5)"
    assert rule(one) == "2x worse, 25% worse allowed"
    alone = base | {"method": None, "baseline": None, "spread": None, "ratio": None, "target": 0.1}
    assert here(alone) == "not measured" and rule(alone) == "to reach ≤ 0.1"


def test_numbers_over_seeds_become_means_with_their_deviations():
    ours, theirs = [1.0, 3.0], [2.0, 8.0]
    apart = Measured.over(ours, theirs, reason="so", note="two seeds")
    assert (apart.method, apart.baseline) == (2.0, 5.0) and apart.reason == "so"
    assert apart.spread == pytest.approx((2**0.5, 18**0.5)) and apart.note == "two seeds"
    assert Measured.over([1.0], [2.0]).spread is None
    assert Measured.over([1.0], theirs).spread == pytest.approx((0.0, 18**0.5))
    with pytest.raises(ValueError, match="0 and 2 numbers; give one a seed at least"):
        Measured.over([], theirs)


def test_the_ledger_has_all_papers_and_both_tiers(results, tmp_path, monkeypatch):
    claim()
    published = tmp_path / "root"
    monkeypatch.setattr(claims.home, "root", lambda: published)
    assert [row.measured for row in ledger()] == [{}] * 58
    var = next(row for row in ledger(results) if row.paper.slug == "var")
    assert set(var.measured) == {"cpu"} and not var.stale("cpu")
    old = json.loads((results / "cpu" / "var.json").read_text()) | {"verdict": "in part"}
    for tier in ("cpu", "gpu"):
        claims.home.write_json(published / "book" / "results" / tier / "var.json", old)
    both = {row.paper.slug: row for row in ledger(results)}["var"].measured
    assert (both["cpu"]["verdict"], both["gpu"]["verdict"]) == ("reproduced", "in part")


def test_a_result_is_stale_when_the_chapter_changes(results, tmp_path, monkeypatch):
    chapter = tmp_path / "chapters" / "03_next_x" / "18_var.py"
    chapter.parent.mkdir(parents=True)
    chapter.write_text("# %%\nprint(1)\n", encoding="utf-8")
    monkeypatch.setattr(claims.home, "root", lambda: tmp_path)
    claim()

    def row():
        return next(row for row in ledger(results) if row.paper.slug == "var")

    assert not row().stale("cpu") and not row().stale("gpu")
    chapter.write_text("# %%\nprint(2)\n", encoding="utf-8")
    assert row().stale("cpu")
