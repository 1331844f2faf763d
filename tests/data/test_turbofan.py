"""Simulated engines: the same for the same seed, C-MAPSS in format, and a truth that is true."""

import pytest
import torch

from arlearn.data import load, turbofan
from arlearn.data.cmapss import parse_runs
from arlearn.data.turbofan import CONDITIONS, LAWS, REGIMES


@pytest.fixture(scope="module")
def some():
    return turbofan("train", 6)


def test_the_same_seed_gives_the_same_engines_for_any_number(some):
    again, more = turbofan("train", 6), turbofan("train", 8).first(6)
    for name in ("settings", "sensors", "cycles", "remaining", "regimes"):
        assert torch.equal(getattr(some, name), getattr(again, name)), name
        assert torch.equal(getattr(some, name), getattr(more, name)), name
    assert not torch.equal(some.sensors[0, :30], turbofan("train", 6, seed=1).sensors[0, :30])
    assert not torch.equal(some.sensors[0, :30], turbofan("test", 6).sensors[0, :30])
    assert torch.equal(load("turbofan", "train", n=6).sensors, some.sensors)


def test_training_engines_run_until_failure_and_life_counts_down(some):
    assert len(some) == 6 and some.remaining.tolist() == [0] * 6
    life = some.life()
    for k, cycles in enumerate(some.cycles.tolist()):
        assert life[k, :cycles].tolist() == list(range(cycles - 1, -1, -1))
        assert not life[k, cycles:].any() and not some.sensors[k, cycles:].any()
        assert some.recorded[k].sum() == cycles and (some.regimes[k, cycles:] == -1).all()


def test_phases_come_in_order_and_last_as_long_as_they_say(some):
    for k, cycles in enumerate(some.cycles.tolist()):
        phases = some.regimes[k, :cycles]
        assert (phases.diff() >= 0).all() and phases.unique().tolist() == [0, 1, 2, 3]
        for phase, count in enumerate(torch.bincount(phases).tolist()[:-1]):
            assert REGIMES[phase].shortest <= count <= REGIMES[phase].longest


def test_test_engines_are_cut_and_their_rest_is_what_was_left():
    cut, whole = turbofan("test", 12), turbofan("test", 12, whole=True)
    assert torch.equal(cut.cycles + cut.remaining, whole.cycles)
    assert (cut.remaining > 0).all() and (cut.cycles >= 30).all() and not whole.remaining.any()
    for k, cycles in enumerate(cut.cycles.tolist()):
        assert torch.equal(cut.sensors[k, :cycles], whole.sensors[k, :cycles])
        assert torch.equal(cut.life()[k, :cycles], whole.life()[k, :cycles])


def test_sensors_read_wear_by_their_law(some):
    """Noise-free sensors stay, and the others rise or fall from first to last phase as they say."""
    for j, (_, gain, noise) in enumerate(LAWS):
        column = some.sensors[..., j][some.recorded]
        if not gain and not noise:
            assert column.unique().numel() == 1
        elif gain:
            ends = [some.sensors[..., j][some.regimes == phase].mean() for phase in (0, 3)]
            assert 0.6 < (ends[1] - ends[0]) / gain < 1.1


def test_six_conditions_shift_the_sensors_and_are_told_by_the_settings():
    six = turbofan("train", 3, conditions=6)
    settings = six.settings[six.recorded]
    nearest = torch.cdist(settings, torch.tensor(CONDITIONS, dtype=torch.float64)).argmin(1)
    assert nearest.unique().tolist() == [0, 1, 2, 3, 4, 5]
    readings = six.sensors[six.recorded][:, 6]
    inside = torch.stack([readings[nearest == o].std() for o in range(6)]).mean()
    assert readings.std() > 5 * inside


def test_the_text_is_c_mapss_and_reads_back(some):
    two = some.first(2)
    rows = parse_runs(two.text())
    assert rows.shape == (int(two.cycles.sum()), 26)
    first = rows[rows[:, 0] == 1]
    assert first[:, 1].tolist() == list(range(1, int(two.cycles[0]) + 1))
    cycles = int(two.cycles[0])
    assert torch.equal(torch.from_numpy(first[:, 5:]), two.sensors[0, :cycles])
    assert torch.equal(torch.from_numpy(first[:, 2:5]), two.settings[0, :cycles])


def test_bad_arguments_get_a_sentence():
    with pytest.raises(ValueError, match="split 'valid' does not exist"):
        turbofan("valid")
    with pytest.raises(ValueError, match="n=0, conditions=1: simulate 1 engine or more"):
        turbofan("train", 0)
    with pytest.raises(ValueError, match="conditions=2: simulate .* under 1 or 6"):
        turbofan("train", 1, conditions=2)
