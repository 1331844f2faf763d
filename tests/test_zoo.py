"""The zoo: weights come back as they were measured, and nothing doubtful is loaded or saved."""

import json
import math
from dataclasses import replace
from functools import partial

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from arlearn import zoo
from arlearn.training import History
from arlearn.zoo.record import versions
from arlearn.zoo.shortened import packed, shorten, unpacked


class Scale(nn.Module):
    """y = x * weight, and a buffer of every kind a tokenizer may hold."""

    def __init__(self, size: int = 3):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(size))
        self.tied = self.weight
        self.register_buffer("average", torch.rand(size))
        self.register_buffer("used", torch.zeros(size, dtype=torch.int64))
        self.register_buffer("alive", torch.zeros(size, dtype=torch.bool))

    def forward(self, x):
        return x * self.weight


def history(interrupted: bool = False) -> History:
    return History([1.0], 9, 1.0, 1.0, "fp32", interrupted=interrupted)


def teach(model: Scale, seed: int) -> History:
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        model.weight.copy_(torch.rand(model.weight.shape, generator=draw))
        model.average.copy_(model.weight / 3)
        model.used.copy_(torch.tensor([7, 2**40, 1]))
        model.alive[1] = True
    return history()


def mean(model: Scale) -> float:
    assert not model.training and not torch.is_grad_enabled()
    return float(model.weight.mean())


def teach_nothing(model: Scale, seed: int, amount: float) -> None:
    """A recipe with a number given by `partial`."""


def scale(**changes) -> zoo.Entry:
    fields = {
        "name": "scale", "what": "A scale.", "data": "none", "build": Scale, "train": teach,
        "measure": mean, "metric": "mean weight", "at_least": 0.1,
    }  # fmt: skip
    return zoo.Entry(**{**fields, **changes})


@pytest.fixture
def one(monkeypatch):
    """Put one entry into the zoo, in place of the real ones."""

    def put(**changes) -> zoo.Entry:
        entry = scale(**changes)
        monkeypatch.setattr(zoo, "ENTRIES", (entry,))
        return entry

    return put


@pytest.fixture
def saved(one, tmp_path):
    """A folder that holds the weights of `scale`."""
    one()
    zoo.train("scale", tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    zoo.train("digits-classifier", folder)
    return folder


def rewrite(folder, **changes) -> None:
    record = folder / "scale.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), **changes}))


def test_the_digits_classifier_comes_back_as_it_was_measured(classifier):
    path = classifier / "digits-classifier.safetensors"
    assert path.stat().st_size < 2_000_000
    types = {torch.int8, torch.float32, torch.bfloat16}  # rows, their scales, biases
    assert {x.dtype for x in load_file(path).values()} == types
    model = zoo.load("digits-classifier", classifier)
    told = zoo.provenance("digits-classifier", classifier)
    assert not model.training and {x.dtype for x in model.parameters()} == {torch.float32}
    assert told.metric["value"] >= 0.97 and told.metric["bound"] == "at least 0.97"
    assert told.command == "arlearn zoo train digits-classifier" and told.versions == versions()
    check = zoo.verify("digits-classifier", classifier)
    assert check.holds and check.same_recipe
    assert check.measured == pytest.approx(check.recorded, abs=1e-6)


def test_every_shipped_file_loads():
    """Whatever lies in arlearn/weights is what its record says, and keeps its bound."""
    there = sorted(path.stem for path in (zoo.home.PACKAGE / "weights").glob("*.safetensors"))
    assert set(there) <= set(zoo.names())
    for name in there:
        zoo.load(name)


def test_what_is_shipped_is_there_and_the_large_models_are_not():
    there = {path.stem for path in (zoo.home.PACKAGE / "weights").glob("*.safetensors")}
    assert set(filter(zoo.shipped, zoo.names())) == there
    with pytest.raises(ValueError, match="no 'scenes33'"):
        zoo.shipped("scenes33")


def test_training_again_writes_the_same_bytes(saved, tmp_path):
    first = (saved / "scale.safetensors").read_bytes()
    zoo.train("scale", tmp_path / "again")
    assert (tmp_path / "again" / "scale.safetensors").read_bytes() == first
    zoo.train("scale", tmp_path / "other", seed=1)
    assert (tmp_path / "other" / "scale.safetensors").read_bytes() != first


def test_floats_are_stored_short_and_the_rest_as_it_is(saved):
    tensors = load_file(saved / "scale.safetensors")
    types = {"weight": torch.bfloat16, "tied": torch.bfloat16, "average": torch.bfloat16,
             "used": torch.int64, "alive": torch.bool}  # fmt: skip
    assert {name: x.dtype for name, x in tensors.items()} == types
    model = zoo.load("scale", saved)
    assert model.used.tolist() == [7, 2**40, 1] and model.alive.tolist() == [False, True, False]
    expected = Scale()
    teach(expected, 0)
    assert torch.equal(model.weight, expected.weight.bfloat16().float())
    assert not torch.equal(model.weight, expected.weight) and model.weight.dtype == torch.float32


@pytest.mark.parametrize("shape", [(5, 40), (6, 3, 3, 3), (4, 8)])
def test_a_row_is_kept_within_half_a_step_of_its_largest(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    x[0] *= 1000
    x[1] = 0
    kept = packed("x", x)
    assert kept["x"].dtype == torch.int8 and kept["x"].abs().amax() == 127
    read = unpacked(kept | {"other.scale": torch.ones(2)})
    assert sorted(read) == ["other.scale", "x"] and read["x"].shape == x.shape
    rows, off = x.flatten(1), (read["x"] - x).flatten(1).abs().amax(1)
    assert (off <= rows.abs().amax(1) / 254 * 1.001).all() and off[0] > off[2:].max()


def test_a_shortened_row_is_shortened_to_itself():
    x = torch.randn(4000, 16, generator=torch.Generator().manual_seed(0))
    once = unpacked(packed("x", x))["x"]
    assert torch.equal(unpacked(packed("x", once))["x"], once) and not torch.equal(once, x)


def test_what_gains_nothing_stays_in_bf16():
    for x in (torch.rand(50), torch.rand(9, 7), torch.rand(()), torch.full((2, 9), math.inf)):
        kept = packed("x", x)
        assert list(kept) == ["x"] and torch.equal(kept["x"], x.bfloat16())


def test_a_shortened_module_is_what_comes_back(one, tmp_path):
    class Wide(Scale):
        def __init__(self):
            super().__init__(3)
            self.weight = self.tied = nn.Parameter(torch.rand(3, 30))
            self.average = torch.rand(3, 30)

    def taught(model: Wide, seed: int) -> History:
        torch.manual_seed(seed)
        nn.init.normal_(model.weight)
        return history()

    one(build=Wide, train=taught, measure=lambda model: 1.0)
    zoo.train("scale", tmp_path)
    expected = Wide()
    taught(expected, 0)
    read = zoo.load("scale", tmp_path)
    assert not torch.equal(read.weight, expected.weight)
    shorten(expected)
    assert torch.equal(read.weight, expected.weight) and torch.equal(read.tied, read.weight)
    assert load_file(tmp_path / "scale.safetensors")["weight.scale"].shape == (3,)


def test_the_metric_is_measured_on_the_weights_as_stored(one, tmp_path):
    one(measure=lambda model: float(torch.equal(model.weight, model.weight.bfloat16().float())))
    zoo.train("scale", tmp_path)
    assert zoo.provenance("scale", tmp_path).metric["value"] == 1.0


def test_loading_and_training_cost_no_random_draw(saved, tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    zoo.load("scale", saved)
    zoo.train("scale", tmp_path / "again")
    zoo.verify("scale", saved)
    assert torch.equal(torch.rand(2), expected)


def test_an_unknown_name_gets_the_nearest(one):
    with pytest.raises(ValueError, match="no 'digit-clasifier'; did you mean digits-classifier"):
        zoo.load("digit-clasifier")
    one()
    with pytest.raises(ValueError, match="no 'zzz'; it has scale"):
        zoo.train("zzz")


def test_missing_weights_say_how_to_make_them(one, tmp_path):
    one()
    with pytest.raises(FileNotFoundError, match="`arlearn zoo train scale`"):
        zoo.load("scale", tmp_path)


def test_another_hash_is_refused_with_both(saved):
    path = saved / "scale.safetensors"
    expected = zoo.provenance("scale", saved).sha256
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    found = zoo.home.sha256(path)
    with pytest.raises(ValueError, match=f"has sha256 {found}, recorded is {expected}"):
        zoo.load("scale", saved)


@pytest.mark.parametrize(
    ("metric", "value"), [("mean weight", 0.05), ("mean weight", float("nan")), ("loss", 0.5)]
)
def test_a_recorded_metric_that_does_not_fit_is_refused(saved, metric, value):
    rewrite(saved, metric={"name": metric, "value": value})
    with pytest.raises(ValueError, match=r"recorded with .* asks for mean weight at least 0\.1"):
        zoo.load("scale", saved)


@pytest.mark.parametrize("metric", [None, {}, {"name": "mean weight", "value": "high"}])
def test_a_damaged_record_is_refused(saved, metric):
    rewrite(saved, metric=metric)
    with pytest.raises(ValueError, match=r"scale\.json is damaged"):
        zoo.load("scale", saved)
    (saved / "scale.json").write_text("{")
    with pytest.raises(ValueError, match=r"scale\.json is damaged"):
        zoo.load("scale", saved)


def test_weights_of_another_module_are_refused(saved, one):
    class Wider(Scale):
        def __init__(self):
            super().__init__(4)
            self.more = nn.Parameter(torch.zeros(1))
            del self.used
            self.register_buffer("alive", torch.zeros(3))

    one(build=Wider)
    with pytest.raises(ValueError) as caught:
        zoo.load("scale", saved)
    for fault in ("more is missing", "used is unknown", "alive is torch.bool, not torch.float32",
                  "average is [3], not [4]", "and 2 more"):  # fmt: skip
        assert fault in str(caught.value)


def test_nothing_is_saved_below_the_bound(one, tmp_path):
    for bound in ({"at_least": 0.99}, {"at_most": 0.01, "at_least": float("-inf")}):
        one(**bound)
        with pytest.raises(ValueError, match=r"trained to mean weight 0\.\d+, its bound is at"):
            zoo.train("scale", tmp_path)
    one(measure=lambda model: float("nan"))
    with pytest.raises(ValueError, match="mean weight nan"):
        zoo.train("scale", tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_is_saved_when_the_training_was_interrupted(one, tmp_path):
    one(train=lambda model, seed: history(interrupted=True))
    with pytest.raises(ValueError, match="was interrupted"):
        zoo.train("scale", tmp_path)
    assert not list(tmp_path.iterdir())


def test_too_large_a_model_is_refused_before_it_is_trained(one, tmp_path, monkeypatch):
    monkeypatch.setattr(zoo.home, "PACKAGE", tmp_path)  # where shipped weights lie
    trained = []
    one(build=partial(Scale, 10**6), train=lambda model, seed: trained.append(seed))
    with pytest.raises(ValueError, match=r"scale takes 15\.0 MB, a file of the zoo at most 2"):
        zoo.train("scale")
    assert not trained and not list(tmp_path.iterdir())


def test_verify_notices_a_changed_recipe_and_changed_quality(saved, one):
    assert zoo.verify("scale", saved).same_recipe
    one(measure=lambda model: 0.01)
    check = zoo.verify("scale", saved)
    assert not check.same_recipe and not check.holds and check.measured == 0.01


def test_the_recipes_hash_sees_given_sizes_but_no_addresses():
    class Anonymous:
        """Its repr holds its address."""

    taught = [partial(teach_nothing, amount=amount) for amount in (1.0, 1.0, 2.0)]
    hashes = [scale(train=train).sha256() for train in taught]
    assert hashes[0] == hashes[1] != hashes[2]
    built = [partial(Scale, thing) for thing in (Anonymous(), Anonymous())]
    assert scale(build=built[0]).sha256() == scale(build=built[1]).sha256()


def test_an_entry_needs_a_name_and_a_bound():
    with pytest.raises(ValueError, match="'../x' is no name"):
        scale(name="../x")
    with pytest.raises(ValueError, match="held to nothing"):
        scale(at_least=float("-inf"))
    both = replace(scale(), at_least=0.25, at_most=0.5)
    assert both.bound == "at least 0.25 and at most 0.5"
    assert [both.holds(x) for x in (0.2, 0.25, 0.5, 0.6)] == [False, True, True, False]


def test_obtain_trains_once_and_keeps_the_weights_with_the_data(one, tmp_path, monkeypatch):
    monkeypatch.setattr(zoo.home, "PACKAGE", tmp_path / "package")
    monkeypatch.setattr(zoo.home, "data_folder", lambda: tmp_path / "data")
    trained = []

    def teach_and_count(model: Scale, seed: int) -> History:
        trained.append(seed)
        return teach(model, seed)

    one(train=teach_and_count)
    first, second = zoo.obtain("scale"), zoo.obtain("scale")
    assert trained == [0] and torch.equal(first.weight, second.weight)
    assert (tmp_path / "data" / "weights" / "scale.safetensors").is_file()
    assert not (tmp_path / "package").exists()
