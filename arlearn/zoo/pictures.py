"""How the picture models are made: judges, tokenizers, and generators, for scenes and glyphs."""

from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn import home
from arlearn.metrics import accuracy
from arlearn.nets.conv import Classifier, Decoder, Encoder
from arlearn.nets.plan_model import PlanModel
from arlearn.papers.raster import Raster
from arlearn.papers.var import VAR
from arlearn.tokens.images import ImageTokenizer, MultiScaleTokenizer
from arlearn.tokens.multiscale import MultiScaleQuantizer
from arlearn.tokens.quantize import VectorQuantizer
from arlearn.training import Batches, History, Recipe, fit
from arlearn.zoo.sizes import Sizes


def classifier(sizes: Sizes) -> Classifier:
    """An untrained classifier whose features the Fréchet distance compares."""
    return Classifier(sizes.pictures.channels, sizes.pictures.classes, 32, side=sizes.pictures.side)


def train_classifier(model: Classifier, seed: int, *, sizes: Sizes, name: str) -> History:
    """Cross-entropy on pictures with a little noise, so that rough samples are still read."""
    train = sizes.pictures.load("train")
    batches = Batches(train.images, train.labels, size=128, seed=seed)

    def noisy(step: int) -> tuple[Tensor, ...]:
        images, labels = batches(step)
        return images + 0.05 * torch.randn_like(images), labels

    return fit(model, noisy, 800, recipe=_recipe(1e-3, seed), checkpoint=_kept(name), label=name)


def measure_classifier(model: nn.Module, *, sizes: Sizes) -> float:
    """Accuracy on the test split."""
    test = sizes.pictures.load("test").to(device_of(model))
    return accuracy(in_parts(model, test.images).argmax(-1), test.labels)


def vq(sizes: Sizes) -> ImageTokenizer:
    """An untrained single-scale tokenizer."""
    encoder, decoder = _autoencoder(sizes)
    return ImageTokenizer(encoder, VectorQuantizer(sizes.vocab, sizes.latent), decoder, sizes.grid)


def multiscale(sizes: Sizes) -> MultiScaleTokenizer:
    """An untrained multi-scale tokenizer with the same autoencoder and codebook size."""
    encoder, decoder = _autoencoder(sizes)
    return MultiScaleTokenizer(encoder, pyramid(sizes), decoder)


def pyramid(sizes: Sizes) -> MultiScaleQuantizer:
    """An untrained quantizer of VAR's scales."""
    return MultiScaleQuantizer(sizes.vocab, sizes.latent, list(sizes.scales))


def train_tokenizer(model: nn.Module, seed: int, *, sizes: Sizes, name: str) -> History:
    """Reconstruction of the training pictures."""
    batches = Batches(sizes.pictures.load("train").images, size=sizes.budget.batch, seed=seed)
    steps, recipe = sizes.budget.tokenizer_steps, _recipe(2e-3, seed)
    return fit(model, batches, steps, recipe=recipe, checkpoint=_kept(name), label=name)


def measure_tokenizer(model: nn.Module, *, sizes: Sizes) -> float:
    """Mean squared error per pixel and channel on the test split (values 0..1)."""
    images = sizes.pictures.load("test").images.to(device_of(model))
    rebuilt = in_parts(lambda part: model.decode(model.encode(part)), images)
    return float((rebuilt - images).square().mean())


def raster(sizes: Sizes) -> Raster:
    """An untrained raster model over the single-scale tokens."""
    shape = {"width": sizes.width, "depth": sizes.depth, "classes": sizes.pictures.classes}
    return Raster(sizes.grid, sizes.vocab, **shape)


def var(sizes: Sizes, width: int | None = None) -> VAR:
    """An untrained next-scale model, its quantizer untrained too."""
    width = width or sizes.width
    return VAR(pyramid(sizes), width=width, depth=sizes.depth, classes=sizes.pictures.classes)


def train_generator(
    model: PlanModel,
    seed: int,
    *,
    sizes: Sizes,
    tokenizer: str,
    steps: int,
    name: str,
    keep: bool = True,
    pictures: int | None = None,
) -> History:
    """Next-token or next-scale prediction over the tokens of the zoo's `tokenizer`.

    VAR takes over that tokenizer's quantizer. `pictures` learns from the first few alone, and
    `keep=False` writes no checkpoint, for a look at the beginning of a run.
    """
    from arlearn import zoo

    maker, train = zoo.obtain(tokenizer).to(device_of(model)), sizes.pictures.load("train")
    if isinstance(model, VAR):
        model.quantizer.load_state_dict(maker.quantizer.state_dict())
    units, labels = tokens_of(maker, train.images[:pictures]), train.labels[:pictures]
    batches = Batches(units, labels.to(units.device), size=sizes.budget.batch, seed=seed)
    recipe, path = _recipe(2e-3, seed, ema=0.999), _kept(name) if keep else None
    return fit(model, batches, steps, recipe=recipe, checkpoint=path, label=name)


def measure_generator(model: PlanModel, *, sizes: Sizes, tokenizer: str) -> float:
    """Mean negative log-likelihood of the test split's tokens, in nats per token."""
    from arlearn import zoo

    test = sizes.pictures.load("test").to(device_of(model))
    units = tokens_of(zoo.obtain(tokenizer).to(device_of(model)), test.images)
    return float(test_losses(model, units, test.labels).mean())


@torch.no_grad()
def test_losses(
    model: PlanModel, units: Int[Tensor, "n t"], labels: Int[Tensor, "n"]
) -> Float[Tensor, "n t"]:
    """Negative log-likelihood of every token, in nats, in the order of generation."""
    parts = zip(units.split(500), labels.split(500), strict=True)
    return torch.cat([model.unit_loss(u, y) for u, y in parts])


def tokens_of(tokenizer: nn.Module, images: Float[Tensor, "n c h w"]) -> Int[Tensor, "n t"]:
    """Every picture's units, on the tokenizer's device."""
    return in_parts(tokenizer.encode, images.to(device_of(tokenizer)))


@torch.no_grad()
def in_parts(function: Callable[[Tensor], Tensor], x: Tensor, size: int = 500) -> Tensor:
    """function(x), computed `size` rows at a time and without gradients."""
    return torch.cat([function(part) for part in x.split(size)])


def device_of(module: nn.Module) -> torch.device:
    """Where a module's weights lie."""
    return next(module.parameters()).device


def _autoencoder(sizes: Sizes) -> tuple[Encoder, Decoder]:
    shape = {"width": 32, "factor": sizes.factor}
    return (
        Encoder(sizes.pictures.channels, sizes.latent, **shape),
        Decoder(sizes.latent, sizes.pictures.channels, **shape),
    )


def _recipe(lr: float, seed: int, ema: float | None = None) -> Recipe:
    precision = "bf16" if home.device() == "cuda" else "fp32"
    return Recipe(lr=lr, seed=seed, ema=ema, precision=precision)


def _kept(name: str) -> Path:
    """Where an interrupted `arlearn zoo train` goes on from."""
    return home.data_folder() / "zoo" / f"{name}.safetensors"
