"""What a round leaves in a trace: the drafts at no cost, then the token of the checking pass."""

import pytest
import torch

from arlearn.decode import Verdict, tally
from arlearn.decode.rounds import passes_until, record
from arlearn.trace import Trace


def laws(*rows):
    return torch.tensor([rows])


def test_a_round_is_its_drafts_and_the_token_behind_those_that_stand():
    trace = Trace(6)
    q = laws([0.5, 0.5, 0.0], [0.2, 0.3, 0.5])
    p = laws([0.1, 0.9, 0.0], [0.6, 0.4, 0.0], [0.0, 0.0, 1.0])
    record(trace, 2, torch.tensor([[1, 2]]), q, p, Verdict(torch.tensor([1]), torch.tensor([0])))
    drafts, added = trace.steps
    assert (drafts.evaluations, added.evaluations) == (0, 1)
    assert drafts.positions.tolist() == [2, 3] and added.positions.tolist() == [3]
    assert drafts.kept.tolist() == [[True, False]] and added.kept.tolist() == [[True]]
    torch.testing.assert_close(drafts.confidence, torch.tensor([[0.5, 0.5]]))
    torch.testing.assert_close(added.confidence, torch.tensor([[0.6]]))
    assert trace.units_after(2).tolist() == [[-1, -1, 1, 0, -1, -1]]
    told = tally(trace)
    assert (told.drafted, told.accepted, told.target_evaluations, told.tokens) == (2, 1, 1, 2)
    assert told.rate == 0.5 and told.tokens_per_pass == 2.0


def test_a_round_without_drafts_is_one_entry():
    trace = Trace(1)
    nothing = torch.zeros(1, 0, dtype=torch.long)
    p = laws([0.25, 0.75])
    record(trace, 0, nothing, p[:, :0], p, Verdict(torch.tensor([0]), torch.tensor([1])))
    assert trace.n_steps == trace.evaluations == 1 and tally(trace).tokens == 1


def test_a_pass_counts_from_the_draft_it_checks():
    trace, p = Trace(5), laws(*[[0.5, 0.5]] * 3)
    for begin, stands in ((0, 1), (2, 2)):  # tokens 0 1, then 2 3 4
        verdict = Verdict(torch.tensor([stands]), torch.tensor([0]))
        record(trace, begin, torch.tensor([[1, 1]]), p[:, :2], p, verdict)
    assert [passes_until(trace, n) for n in range(1, 6)] == [1, 1, 2, 2, 2]
    with pytest.raises(ValueError, match="before 6 tokens stand; it has 5"):
        passes_until(Trace(6, trace.steps), 6)
