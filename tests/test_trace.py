"""A trace keeps what a sampler wrote, as it was when it was written, and adds up the costs."""

import jaxtyping
import pytest
import torch

from arlearn.trace import Trace


def two_steps() -> Trace:
    """Four positions of two samples, written two at a time, right half first."""
    trace = Trace(4)
    trace.record(torch.tensor([2, 3]), torch.tensor([[5, 6], [7, 8]]), 1)
    trace.record(torch.tensor([0, 1]), torch.tensor([[1, 2], [3, 4]]), 2)
    return trace


def test_units_after_each_step():
    trace = two_steps()
    assert trace.units_after(0).tolist() == [[-1] * 4] * 2
    assert trace.units_after(1, empty=9).tolist() == [[9, 9, 5, 6], [9, 9, 7, 8]]
    assert trace.units_after(2).tolist() == [[1, 2, 5, 6], [3, 4, 7, 8]]


def test_a_later_step_overwrites_an_earlier_one():
    trace = two_steps()
    trace.record(torch.tensor([2]), torch.tensor([[0], [0]]), 1)
    assert trace.units_after(3).tolist() == [[1, 2, 0, 6], [3, 4, 0, 8]]
    assert trace.units_after(2).tolist() == [[1, 2, 5, 6], [3, 4, 7, 8]]


def test_continuous_units_keep_their_channels():
    trace = Trace(3)
    units = torch.randn(2, 1, 5)
    trace.record(torch.tensor([1]), units, 1)
    after = trace.units_after(1, empty=0.0)
    assert after.shape == (2, 3, 5)
    assert torch.equal(after[:, 1], units[:, 0]) and not after[:, [0, 2]].any()


def test_costs_add_up():
    trace = two_steps()
    assert trace.evaluations == 3 and trace.n_steps == 2
    times = [step.seconds for step in trace.steps]
    assert 0 <= times[0] <= times[1] == trace.seconds


def test_an_empty_trace_cost_nothing_and_has_no_units():
    trace = Trace(4)
    assert trace.evaluations == trace.n_steps == 0 and trace.seconds == 0.0
    with pytest.raises(IndexError, match="step 0 of a trace that has 0 steps"):
        trace.units_after(0)


@pytest.mark.parametrize("step", [-1, 3])
def test_steps_that_never_were_are_refused(step):
    with pytest.raises(IndexError, match=f"step {step} of a trace that has 2 steps"):
        two_steps().units_after(step)


def test_what_was_recorded_does_not_change_with_the_samplers_tensors():
    trace, units = Trace(2), torch.tensor([[1, 2]])
    positions, kept, sure = torch.arange(2), torch.tensor([[True, False]]), torch.ones(1, 2)
    trace.record(positions, units, 1, confidence=sure, kept=kept)
    for tensor in (positions, units, sure):
        tensor += 7
    kept.fill_(True)
    step = trace.steps[0]
    assert step.positions.tolist() == [0, 1] and step.units.tolist() == [[1, 2]]
    assert step.confidence.tolist() == [[1.0, 1.0]] and step.kept.tolist() == [[True, False]]


def test_tensors_are_kept_on_the_cpu_without_a_graph():
    trace = Trace(1)
    sure = torch.rand(2, 1, dtype=torch.bfloat16, requires_grad=True)
    trace.record(torch.tensor([0]), torch.zeros(2, 1, 3, requires_grad=True), 1, confidence=sure)
    step = trace.steps[0]
    assert not step.units.requires_grad and not step.confidence.requires_grad
    assert step.confidence.dtype == torch.float32
    assert {step.units.device.type, step.positions.device.type} == {"cpu"}


@pytest.mark.parametrize(
    "words",
    [
        {"confidence": torch.rand(2, 3)},  # another number of positions
        {"kept": torch.ones(2, 2)},  # not boolean
        {"confidence": torch.rand(2, 2), "kept": torch.ones(1, 2, dtype=torch.bool)},
    ],
)
def test_a_step_that_does_not_fit_itself_is_refused(words):
    with pytest.raises(jaxtyping.TypeCheckError):
        Trace(4).record(torch.tensor([0, 1]), torch.zeros(2, 2, dtype=torch.long), 1, **words)


def test_what_was_not_kept_does_not_stand():
    trace = Trace(3)
    drawn, kept = torch.tensor([[5, 6, 7]]), torch.tensor([[True, False, True]])
    trace.record(torch.arange(3), drawn, 1, kept=kept)
    assert trace.units_after(1).tolist() == [[5, -1, 7]]
