"""A training step (forward, backward, clipping, fused AdamW) against the same shape elsewhere."""

import pytest
import torch
from peers import SHAPES, VOCAB, trained
from torch.nn.utils import clip_grad_norm_

from arlearn.precision import autocast
from arlearn.recipe import Recipe, adamw

T, BATCH = 128, {"0.8M": 32, "5M": 16}


def stepper(model, tokens, precision):
    """One step as `training.fit` takes it."""
    recipe = Recipe()
    optimizer = adamw(model.train(), recipe)

    def step():
        with autocast(tokens.device, precision):
            loss = model.loss(tokens)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step()

    return step


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("size", SHAPES)
def test_a_training_step(results, size, precision):
    batch, models = BATCH[size], trained(T, *SHAPES[size])
    tokens = torch.randint(0, VOCAB, (batch, T + 1))
    steps = {}
    for name, model in models.items():  # ours has a start token, the others begin one token later
        steps[name] = stepper(model, tokens[:, 1:] if name == "arlearn" else tokens, precision)
    results.race(
        "training", f"{size} parameters, {precision}", steps,
        goal=1.2, rounds=8, unit="ms a step", per=1e-3,
    )  # fmt: skip
    assert all(torch.isfinite(p).all() for model in models.values() for p in model.parameters())
