"""Chapter 11's models: arms that start alike, a probe of one make, and a teacher that is frozen."""

from dataclasses import replace

import pytest
import torch

from arlearn import harness, home, zoo
from arlearn.training import History
from arlearn.zoo import gigatok_models
from arlearn.zoo.gigatok_models import DESIGN16, DESIGN32
from arlearn.zoo.shortened import packed, unpacked
from arlearn.zoo.sizes import Budget

KINDS = ("small-plain", "small-aligned", "large-plain", "large-aligned")
HERE = all(
    (home.PACKAGE / "weights" / f"scenes16-{name}.json").is_file()
    for name in ("teacher", *(f"gigatok-{kind}" for kind in KINDS))
)
shipped = pytest.mark.skipif(not HERE, reason="the weights are not in this checkout")


def tiny(n=40):
    """The design of the chapter with few pictures and two steps of everything."""
    sizes = replace(DESIGN16.sizes.fewer(n), budget=Budget(tokenizer_steps=2, steps=2, batch=8))
    return replace(DESIGN16, sizes=sizes, teacher=(DESIGN16.teacher[0], 2))


@pytest.mark.parametrize("design", [DESIGN16, DESIGN32])
def test_every_arm_has_a_name_of_its_own(design):
    names = [entry.name for entry in gigatok_models.grid(design, 3, 0.02)]
    assert len(set(names)) == len(names) == 1 + 2 * len(design.scales)
    assert set(names) <= set(zoo.names())
    assert design.sizes.pictures.side == design.factor * 2 ** (design.levels // 2)
    shallowest = min(writer[1] for _, writer in design.scales.values())
    assert 1 <= design.layer <= shallowest


def test_a_seed_starts_alike_everywhere_and_seeds_differ():
    small, large = (gigatok_models.arm(DESIGN16, scale, 2) for scale in DESIGN16.scales)
    for k in range(2):
        one, other = small.probes[k].state_dict(), large.probes[k].state_dict()
        assert all(torch.equal(one[name], x) for name, x in other.items())
    again = gigatok_models.arm(DESIGN16, "small", 2).state_dict()
    assert all(torch.equal(again[name], x) for name, x in small.state_dict().items())
    first, second = (probe.embed.weight for probe in small.probes)
    assert not torch.equal(first, second)


def test_sizes_differ_in_the_transformers_alone():
    small, large = (gigatok_models.one_tokenizer(DESIGN16, scale) for scale in DESIGN16.scales)
    for part in ("encoder", "quantizer", "decoder"):
        one, other = (
            [x.shape for x in getattr(tokens, part).parameters()] for tokens in (small, large)
        )
        assert one == other, part
    learned = [sum(p.numel() for p in tokens.parameters()) for tokens in (small, large)]
    assert learned[1] > 3 * learned[0]


def test_an_arm_learns_every_seed_and_the_probe_reads_the_shipped_code(tmp_path, monkeypatch):
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path))
    design, fed, teach = tiny(), [], harness.teach
    arm = gigatok_models.arm(design, "small", 2)

    def watched(probe, units, labels, steps, **given):
        fed.append(units)
        return teach(probe, units, labels, steps, **given)

    monkeypatch.setattr(harness, "teach", watched)
    history = gigatok_models.train_arm(arm, 0, design=design, weight=0.0, name="toy")
    assert isinstance(history, History) and history.steps == len(history.losses) == 8
    images = design.sizes.pictures.load("train").images
    for tokens, units in zip(arm.tokens, fed, strict=True):
        weights = [p.detach() for p in tokens.parameters() if p.is_floating_point()]
        assert all(torch.equal(p, unpacked(packed("p", p))["p"]) for p in weights)
        assert torch.equal(tokens.encode(images), units)


def test_the_teacher_is_asked_for_only_where_there_is_a_weight(tmp_path, monkeypatch):
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path))
    design, asked = tiny(), []
    teacher = gigatok_models.patch_classifier(design).eval()
    before = {name: x.clone() for name, x in teacher.state_dict().items()}
    monkeypatch.setattr(zoo, "obtain", lambda name: asked.append(name) or teacher)
    for weight in (0.0, 0.5):
        tokens = gigatok_models.one_tokenizer(design, "small")
        gigatok_models.train_tokenizer(
            tokens, 0, design=design, weight=weight, name="toy", keep=False
        )
    assert asked == ["scenes16-teacher"] and not list(tmp_path.rglob("*.safetensors"))
    assert all(torch.equal(before[name], x) for name, x in teacher.state_dict().items())


@shipped
def test_the_shipped_codes_are_in_use_and_the_probes_know_them():
    test = DESIGN16.sizes.pictures.load("test").first(300)
    for kind in KINDS:
        arm = zoo.load(f"scenes16-gigatok-{kind}")
        assert len(arm.tokens) == len(arm.probes) == 3
        score = harness.score(arm.tokens[0], arm.probes[0], test.images, test.labels)
        assert score.usage > 0.9 and score.relative < 0.85 and score.error < 0.02, kind
