"""CCA: every trap of the paper that can be checked exactly."""

import math

import pytest
import torch
from torch.nn.functional import logsigmoid

from arlearn.nets.transformer import Transformer
from arlearn.papers.cca import CCA, DPO, Alignment, Gaps, Unlearning, mismatch
from arlearn.papers.raster import Raster
from arlearn.training import Batches, Recipe, fit

CLASSES = 5


def model(seed=0, dropout=0.0):
    """A small raster model with weights that are not those of the beginning."""
    torch.manual_seed(seed)
    made = Raster(3, 7, width=16, depth=2, classes=CLASSES)
    if dropout:
        made.backbone = Transformer(16, 2, cond_width=16, rotary=0, qk_norm=True, dropout=dropout)
    for weights in made.parameters():
        weights.data += 0.1 * torch.randn_like(weights)
    return made


def batch(n=6, seed=0):
    dice = torch.Generator().manual_seed(seed)
    return torch.randint(7, (n, 9), generator=dice), torch.arange(n) % CLASSES


def gaps(n=6, seed=0):
    dice = torch.Generator().manual_seed(seed)
    matched, mismatched = 5 * torch.randn(2, n, generator=dice)
    return Gaps(matched, mismatched, torch.zeros(n, dtype=torch.bool))


def test_rolling_gives_every_label_once_and_no_picture_its_own():
    labels = torch.randperm(20)
    assert torch.equal(mismatch(labels).sort().values, labels.sort().values)
    assert (mismatch(labels) != labels).all()


def test_a_gap_is_the_sum_over_tokens_of_both_models_log_ratio():
    policy, units = model(1), batch()[0]
    labels = batch()[1]
    align = Alignment(model(0), CCA(), drop=0.0)
    align.policy.load_state_dict(policy.state_dict())
    found = align.gaps(units, labels)
    for asked, gap in ((labels, found.matched), (labels.roll(-1), found.mismatched)):
        with torch.no_grad():
            logits = [m.head(m(units, asked)).log_softmax(-1) for m in (policy, align.reference)]
        told = [x.gather(-1, units[..., None]).squeeze(-1).sum(1) for x in logits]
        torch.testing.assert_close(gap, told[0] - told[1], atol=1e-4, rtol=0)
    assert found.matched.abs().max() > 1


@pytest.mark.parametrize("weight", [0.0, 1.0, 10.0])
def test_at_the_start_the_undivided_loss_is_one_plus_lambda_times_log_two(weight):
    align = Alignment(model(), CCA(beta=0.3, weight=weight), drop=0.0)
    units, labels = batch(5)  # five classes, so that no mismatched label is right
    found = align.gaps(units, labels)
    for gap in (found.matched, found.mismatched):
        torch.testing.assert_close(gap, torch.zeros(5), atol=1e-5, rtol=0)
    assert not found.same.any()
    whole = float(align.loss(units, labels).detach()) * max(weight, 1)
    assert whole == pytest.approx((1 + weight) * math.log(2), rel=1e-6)


def test_dropout_is_off_in_both_copies_while_training():
    """Else two masks would make a gap between equal models."""
    align = Alignment(model(dropout=0.5), CCA(), drop=0.0).train()
    found = align.gaps(*batch())
    assert align.training
    for gap in (found.matched, found.mismatched):
        torch.testing.assert_close(gap, torch.zeros(6), atol=1e-5, rtol=0)
    loud = model(dropout=0.5).train()
    assert not torch.equal(*(loud.unit_loss(*batch()) for _ in range(2)))


def test_labels_are_dropped_from_both_members_in_training_only():
    align = Alignment(model(0), CCA(), drop=0.5).train()
    align.policy.load_state_dict(model(1).state_dict())
    units, labels = torch.cat([batch(5)[0]] * 40), torch.cat([batch(5)[1]] * 40)
    torch.manual_seed(0)
    found = align.gaps(units, labels)
    assert 0.4 < float(found.same.float().mean()) < 0.6
    torch.testing.assert_close(found.matched[found.same], found.mismatched[found.same])
    null = align.policy.classes
    with torch.no_grad():
        free = [m.unit_loss(units, torch.full_like(labels, null)).sum(1)
                for m in (align.policy, align.reference)]  # fmt: skip
    torch.testing.assert_close(found.matched[found.same], (free[1] - free[0])[found.same])
    assert not align.eval().gaps(units, labels).same.any()


def test_a_pair_whose_labels_are_equal_is_matched_with_weight_one():
    found = gaps()
    all_same = Gaps(found.matched, found.mismatched, torch.ones(6, dtype=torch.bool))
    by_hand = -logsigmoid(0.2 * found.matched) - logsigmoid(0.2 * found.mismatched)
    assert float(CCA(0.2, 50.0)(all_same)) == pytest.approx(float(by_hand.mean()) / 50, rel=1e-5)
    by_hand = -found.matched - found.mismatched
    assert float(Unlearning(0.5)(all_same)) == pytest.approx(float(by_hand.mean()), rel=1e-5)


def test_without_labels_the_policy_learns_to_find_pictures_likelier():
    """The wrong sign would make the branch without a label unlikely, and guidance useless."""
    align = Alignment(model(), CCA(beta=0.5, weight=10.0), drop=1.0).train()
    units, labels = batch()
    align.loss(units, labels).backward()
    with torch.no_grad():
        for weights in align.policy.parameters():
            weights -= 0.05 * weights.grad
    assert (align.gaps(units, labels).matched > 0).float().mean() > 0.5


def test_the_reference_and_the_base_stay_as_they_are():
    base = model()
    before = {name: x.clone() for name, x in base.state_dict().items()}
    align = Alignment(base, CCA(beta=0.2))
    units, labels = batch(40)
    recipe = Recipe(lr=3e-3, weight_decay=0.0, precision="fp32")
    fit(align, Batches(units, labels, size=8, seed=0), 12, recipe=recipe, progress=False)
    for kept in (base, align.reference):
        assert all(torch.equal(x, before[name]) for name, x in kept.state_dict().items())
        assert all(x.grad is None for x in kept.parameters())
    moved = [float((x - before[name]).abs().max()) for name, x in align.policy.state_dict().items()]
    assert max(moved) > 1e-3
    assert len(align.seen) == 12 and align.seen[-1][0] > align.seen[-1][1]


def test_dpo_does_not_mind_a_constant_in_both_gaps_and_cca_does():
    found = gaps()
    fallen = Gaps(found.matched - 30, found.mismatched - 30, found.same)
    assert float(DPO(0.1)(fallen)) == pytest.approx(float(DPO(0.1)(found)), rel=1e-4)
    assert float(CCA(0.1)(fallen)) > float(CCA(0.1)(found)) + 0.5


def test_with_a_small_beta_cca_is_unlearning():
    """σ is a straight line of slope 1/4 at 0; -log σ one of slope 1/2."""
    slopes = []
    for rule in (CCA(1e-4, 3.0), Unlearning(3.0)):
        found = gaps()
        found.matched.requires_grad_(), found.mismatched.requires_grad_()
        rule(found).backward()
        slopes.append(torch.cat([found.matched.grad, found.mismatched.grad]))
    torch.testing.assert_close(slopes[0], slopes[1] * 1e-4 / 2, rtol=2e-3, atol=0)


def test_unlearning_without_weight_is_plain_training():
    align = Alignment(model(), Unlearning(0.0), drop=0.0)
    units, labels = batch()
    align.loss(units, labels).backward()
    plain = model()
    plain.unit_loss(units, labels).sum(1).mean().backward()
    for one, other in zip(align.policy.parameters(), plain.parameters(), strict=True):
        if other.grad is not None:
            torch.testing.assert_close(one.grad, other.grad, atol=1e-4, rtol=1e-3)


def test_what_has_no_pairs_is_refused():
    bare = model()
    bare.label = None
    with pytest.raises(ValueError, match="the base has no labels"):
        Alignment(bare, CCA())
    with pytest.raises(ValueError, match="a batch of one picture has no mismatched pair"):
        Alignment(model(), CCA()).loss(*batch(1))
