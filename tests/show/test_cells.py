"""Units at their places: what the player replays is what the trace says, cell by cell."""

import json
import shutil
import subprocess

import pytest
import torch
from reader import Reader

from arlearn import decode, plans, show
from arlearn.nets.markov import Markov
from arlearn.show import cells
from arlearn.show.cells import ADDED, BACK, DRAFTED, EMPTY, FALLEN, STANDS
from arlearn.show.element import WIDGETS
from arlearn.tokens.text import CharTokenizer
from arlearn.trace import Trace

TOKENS = CharTokenizer("ab<\n ")


def dice(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def speculation(n: int = 40) -> tuple[torch.Tensor, Trace]:
    target, draft = (Markov(torch.randn(5, 5, generator=dice(s)).softmax(-1)) for s in (0, 1))
    return decode.speculative(target, draft, torch.tensor([[0]]), n, length=3, generator=dice(2))


def unmasking(t: int = 24, remask: str | None = "last") -> tuple[torch.Tensor, Trace]:
    logits = torch.randn(1, t, 5, generator=dice(3))

    def net(units):
        return logits + 2 * torch.nn.functional.one_hot(units.roll(1, 1).clamp(max=4), 5)

    start = torch.full((2, t), 5)
    return decode.unmask(net, start, mask=5, n_steps=8, remask=remask, noise=2.0, generator=dice(4))


def replayed(player: show.Element, sample: int, frame: int) -> list[tuple[str, int, int]]:
    """The player's cells after a frame, replayed in Python: word, sure, kind."""
    state = [("", -1, EMPTY)] * player.traits["length"]
    for changes in player.traits["samples"][sample][: frame + 1]:
        for at in range(0, len(changes), 4):
            p, word, sure, kind = changes[at : at + 4]
            state[p] = (player.traits["words"][word] if word >= 0 else "", sure, kind)
    return state


@pytest.mark.parametrize("made", [speculation, unmasking])
def test_what_stands_is_what_the_trace_says(made):
    _, trace = made()
    player = show.play(trace, label="a text", decode=TOKENS.decode)
    for frame in range(trace.n_steps):
        standing = [kind not in (EMPTY, FALLEN, BACK) for _, _, kind in replayed(player, 0, frame)]
        units = trace.units_after(frame + 1)[0]
        assert standing == (units >= 0).tolist()
        words = [word for word, _, _ in replayed(player, 0, frame)]
        assert [w for w, stands in zip(words, standing, strict=True) if stands] == [
            TOKENS.decode(unit[None]) for unit in units if unit >= 0
        ]


def test_the_last_frame_is_the_text_that_was_written():
    for units, trace in (speculation(), unmasking()):
        player = show.play(trace, label="a text", decode=TOKENS.decode)
        last = replayed(player, 0, trace.n_steps - 1)
        assert "".join(word for word, _, _ in last) == TOKENS.decode(units[0])


def test_a_speculation_marks_who_wrote_what_and_what_fell():
    _, trace = speculation()
    player = show.play(trace, label="drafts", decode=TOKENS.decode)
    for frame, step in enumerate(trace.steps):
        kinds = [kind for _, _, kind in replayed(player, 0, frame)]
        drafts = [kinds[p] for p in step.positions.tolist()]
        if step.evaluations:
            assert drafts == [ADDED] and FALLEN not in kinds
        else:
            assert drafts == [DRAFTED if kept else FALLEN for kept in step.kept[0]]
    final = [kind for _, _, kind in replayed(player, 0, trace.n_steps - 1)]
    assert final.count(ADDED) == trace.evaluations
    assert final.count(DRAFTED) == decode.tally(trace).accepted


def test_remasking_shows_what_was_taken_back_for_one_step():
    _, trace = unmasking()
    player = show.play(trace, label="unmasking", decode=TOKENS.decode)
    before, taken = torch.zeros(24, dtype=torch.bool), 0
    for frame, step in enumerate(trace.steps):
        kinds = torch.tensor([kind for _, _, kind in replayed(player, 0, frame)])
        assert torch.equal(kinds == BACK, before & ~step.kept[0])
        before, taken = step.kept[0], taken + int((kinds == BACK).sum())
    assert taken > 0


def test_how_sure_is_the_confidence_of_the_step_that_wrote_it():
    _, trace = unmasking(remask=None)
    player = show.play(trace, label="unmasking")
    written = torch.full((24,), -1)
    for frame, step in enumerate(trace.steps):
        fresh = step.kept[0] & (written < 0)
        written[fresh] = (100 * step.confidence[0, fresh]).round().long()
        assert [sure for _, sure, _ in replayed(player, 0, frame)] == written.tolist()


def test_grids_are_rows_of_sixteen_unless_they_are_given():
    _, trace = unmasking()
    assert show.play(trace, label="x").traits["grids"] == [[16, 16], [8, 8]]
    assert show.play(trace, label="x", grid=(4, 6)).traits["grids"] == [[6, 24]]
    scales = Trace(21)
    for group in plans.scales([1, 2, 4]).groups():
        scales.record(group, group[None].clone(), 1)
    player = show.play(scales, label="scales", grid=[(1, 1), (2, 2), (4, 4)])
    assert player.traits["grids"] == [[1, 1], [2, 4], [4, 16]]
    assert player.plain.startswith(" 0\n\n 1  2\n 3  4\n\n 5  6  7  8\n")
    assert {kind for _, _, kind in replayed(player, 0, 2)} == {STANDS}


def test_several_samples_can_be_chosen_from():
    units, trace = unmasking()
    player = show.play(trace, label="x", samples=9, decode=TOKENS.decode)
    assert len(player.traits["samples"]) == 2
    for sample in range(2):
        last = replayed(player, sample, trace.n_steps - 1)
        assert "".join(word for word, _, _ in last) == TOKENS.decode(units[sample])


def test_a_long_text_is_a_small_sound_page():
    _, trace = unmasking(256)
    _, drafts = speculation(300)
    for one in (trace, drafts):
        page = show.play(one, label="long", decode=TOKENS.decode, prompt="<b>")._repr_html_()
        assert len(page) < 150_000 and Reader(page).faults == [] and "&lt;b&gt;" in page


def test_thinned_steps_arrive_where_all_of_them_do():
    _, trace = unmasking()
    whole = show.play(trace, label="x")
    some = show.play(trace, label="x", at=[3, 8])
    assert replayed(some, 0, 0) == replayed(whole, 0, 2)
    assert replayed(some, 0, 1) == replayed(whole, 0, 7)


def test_the_still_part_shows_moments_with_signs():
    _, trace = speculation()
    player = show.play(trace, label="drafts", decode=TOKENS.decode, prompt="ab")
    assert player.still.count("after step") == 4 and "<del" in player.still
    assert player.plain.startswith("ab")


@pytest.mark.skipif(shutil.which("node") is None, reason="node runs the widget's script; not here")
def test_the_script_replays_the_same_cells():
    _, trace = unmasking()
    player = show.play(trace, label="x")
    program = f"""
import {{ replay, KINDS }} from "{(WIDGETS / "cells.mjs").as_uri()}";
const frames = {json.dumps(player.traits["samples"][0])};
const told = frames.map((_, i) => replay({trace.length}, frames, i));
console.log(JSON.stringify({{ told, kinds: KINDS.length }}));
"""
    command = ["node", "--input-type=module", "-e", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["kinds"] == cells.BACK + 1
    words = player.traits["words"]
    for frame, state in enumerate(seen["told"]):
        mine = [(words[w] if w >= 0 else "", sure, kind) for w, sure, kind, _ in state]
        assert mine == replayed(player, 0, frame)
    fresh = [sum(cell[3] for cell in state) for state in seen["told"]]
    assert fresh == [len(changes) // 4 for changes in player.traits["samples"][0]]
