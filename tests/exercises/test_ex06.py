"""Chapter 6's checkers tell usual mistakes apart."""

import math

import torch

from arlearn.exercises import ex06
from arlearn.nets.sound import down_shortcut


def test_the_shortcut_s_mistakes_are_named():
    def other_order(x, stride, out):
        wide = x.unflatten(2, (-1, stride)).permute(0, 3, 1, 2).flatten(1, 2)
        return wide.unflatten(1, (out, -1)).mean(2)

    assert ex06.check_1(down_shortcut) is None
    assert "channel first" in ex06.check_1(other_order)
    assert "shape" in ex06.check_1(lambda x, stride, out: x)
    assert "other numbers" in ex06.check_1(lambda x, s, o: down_shortcut(x, s, o) + 1)


def drawn(mix):
    def answer(velocity, noise, h, null, w, steps):
        z = noise
        for i in range(steps):
            z = z - mix(velocity, z, 1 - i / steps, h, null, w) / steps
        return z

    return answer


def test_guidance_s_mistakes_are_named():
    def right(v, z, t, h, null, w):
        return w * v(z, t, h) + (1 - w) * v(z, t, null)

    assert ex06.check_2(drawn(right)) is None
    doubled = drawn(lambda v, z, t, h, null, w: (1 + w) * v(z, t, h) - w * v(z, t, null))
    assert "w and 1 - w" in ex06.check_2(doubled)
    late = drawn(lambda v, z, t, h, null, w: right(v, z, 1 - t, h, null, w))
    assert "begins at 0" in ex06.check_2(late)
    back = drawn(lambda v, z, t, h, null, w: -right(v, z, t, h, null, w))
    assert "other way" in ex06.check_2(back)
    assert "another point" in ex06.check_2(drawn(lambda v, z, t, h, null, w: torch.zeros(4, 5)))


def test_the_gaussian_s_mistakes_are_named():
    def solved(m, s):
        wide = math.hypot(m, s)
        return wide, ex06._lost(m, s, wide)

    assert ex06.check_3(solved) is None
    assert "near a mode" in ex06.check_3(lambda m, s: (solved(m, s)[0], 1 - solved(m, s)[1]))
    assert "two numbers" in ex06.check_3(lambda m, s: 1.0)
    assert "not 9.0000" in ex06.check_3(lambda m, s: (9.0, 0.0))
    assert "count them once" in ex06.check_3(lambda m, s: (math.hypot(m, s), 0.123))
    dice = torch.Generator().manual_seed(0)
    x = solved(2.0, 0.5)[0] * torch.randn(200_000, generator=dice)
    away = ((x - 2).abs() > 1) & ((x + 2).abs() > 1)
    assert math.isclose(float(away.float().mean()), solved(2.0, 0.5)[1], abs_tol=5e-3)
