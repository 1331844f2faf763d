"""CCA on tables: the claims about what the loss converges to, checked exactly."""

import math

import pytest
import torch

from arlearn.papers import cca_table
from arlearn.papers.cca_table import Knobs

TABLE = cca_table.random_table(4, 12, seed=0)


def test_guidance_of_a_table_is_the_law_it_says():
    for g in (0.0, 0.7, 3.0):
        by_hand = TABLE * (TABLE / TABLE.mean(0)) ** g
        torch.testing.assert_close(
            cca_table.guided(TABLE, g), by_hand / by_hand.sum(-1, keepdim=True)
        )


def test_the_effective_scale_of_a_guided_table_is_its_scale():
    assert cca_table.effective_scale(cca_table.guided(TABLE, 1.3), TABLE) == pytest.approx(
        (1.3, 0), abs=1e-9
    )


@pytest.mark.parametrize("weight", [0.0, 1.0, 10.0])
def test_the_expected_loss_starts_at_one_plus_lambda_times_log_two(weight):
    start = cca_table.expected_loss(TABLE.log()[None], TABLE, [Knobs(0.3, weight)])
    assert float(start) * max(weight, 1) == pytest.approx((1 + weight) * math.log(2))


def test_the_expected_loss_is_the_mean_over_all_pairs():
    q = cca_table.guided(TABLE, 0.8)
    gap, whole = 0.4 * (q / TABLE).log(), 0.0
    for y in range(4):
        for x in range(12):
            whole -= TABLE[y, x] / 4 * gap[y, x].sigmoid().log()
            for other in range(4):
                whole -= 3 * TABLE[other, x] / 16 * (-gap[y, x]).sigmoid().log()
    found = cca_table.expected_loss(q.log()[None], TABLE, [Knobs(0.4, 3.0)])
    assert float(found) == pytest.approx(float(whole) / 3)


def slope(p, knobs):
    """The gradient by the logits where they are those of p."""
    logits = p.log()[None].requires_grad_()
    cca_table.expected_loss(logits.log_softmax(-1), p, [knobs]).sum().backward()
    return logits.grad


def test_without_wrong_pairs_the_model_stays_where_it_is():
    assert slope(TABLE, Knobs(0.3, 0.0)).abs().max() < 1e-12
    assert slope(TABLE, Knobs(0.3, 1.0)).abs().max() > 1e-3


def test_a_model_that_does_not_hear_its_condition_is_a_fixed_point_at_weight_one():
    deaf = TABLE[:1].expand(4, -1).clone()
    assert slope(deaf, Knobs(0.3, 1.0)).abs().max() < 1e-12


def test_at_weight_one_it_converges_to_nearly_a_guided_law_and_beta_is_the_dial():
    betas = (1.0, 0.5, 0.2, 0.1)
    ends = cca_table.align(TABLE, [Knobs(b) for b in betas], at=(400,), lr=0.05)[400]
    scales = []
    for end in ends:
        g, left = cca_table.effective_scale(end, TABLE)
        scales.append(g)
        assert left < 0.05
    assert scales == pytest.approx([0.62, 0.95, 1.34, 1.51], abs=0.02)


def test_with_a_large_weight_it_collapses_unless_it_is_stopped():
    knobs = [Knobs(0.1, 1.0), Knobs(0.1, 10.0), Knobs(0.1, 0.0)]
    way = cca_table.align(TABLE, knobs, at=(10, 600), lr=0.05)
    early = [cca_table.perplexity(q) for q in way[10]]
    late = [cca_table.perplexity(q) for q in way[600]]
    assert early[0] == pytest.approx(early[1], rel=0.02) and early[1] > 5
    assert late[1] < 1.2 < 3 < late[0]
    torch.testing.assert_close(way[600][2], TABLE, atol=0.02, rtol=0.1)


def test_tables_with_other_knobs_beside_them_walk_the_same_way():
    alone = cca_table.align(TABLE, [Knobs(0.2, 3.0)], at=(5, 50))
    among = cca_table.align(TABLE, [Knobs(1.0), Knobs(0.2, 3.0)], at=(5, 50))
    for step in (5, 50):
        torch.testing.assert_close(alone[step][0], among[step][1])


def test_words_have_the_product_of_their_letters():
    small = cca_table.random_table(2, 3, seed=1)
    words = cca_table.sequences(small, 4)
    assert words.shape == (2, 81)
    torch.testing.assert_close(words.sum(-1), torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(words[:, 1], small[:, 0] ** 3 * small[:, 1])
    torch.testing.assert_close(cca_table.sequences(small, 1), small)
    assert cca_table.perplexity(words) == pytest.approx(cca_table.perplexity(small) ** 4)


def test_the_clouds_are_laws_that_overlap():
    clouds = cca_table.plane(16)
    torch.testing.assert_close(clouds.sum(-1), torch.ones(3, dtype=torch.float64))
    shared = torch.minimum(clouds[0], clouds[1]).sum()
    assert 0.1 < float(shared) < 0.9
    assert float(cca_table.divergence(clouds, clouds)) == 0.0


def test_what_cannot_be_walked_is_refused():
    with pytest.raises(ValueError, match="an outcome has probability 0"):
        cca_table.align(torch.tensor([[0.0, 1.0], [0.5, 0.5]]), [Knobs(0.1)], at=(1,))
    with pytest.raises(ValueError, match="12 letters make too many words of length 5"):
        cca_table.sequences(TABLE, 5)
