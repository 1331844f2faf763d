"""The shelf of picture models: one entry per judge, tokenizer and generator of each dataset."""

from functools import partial

from arlearn.zoo import pictures
from arlearn.zoo.entry import Entry, large
from arlearn.zoo.sizes import GLYPHS16, SCENES16, SCENES32, Sizes


def judge_and_tokenizers(prefix: str, data: str, sizes: Sizes, error: float) -> list[Entry]:
    """A classifier and both tokenizers; `error` bounds their mean squared error per pixel."""
    tokenizers = {
        "vq": ("A single-scale tokenizer", pictures.vq),
        "multiscale": ("VAR's multi-scale tokenizer", pictures.multiscale),
    }
    shared = {"data": data, "metric": "test mean squared error", "at_most": error}
    return [
        Entry(
            name=f"{prefix}-features",
            what=f"Reads {data}; its features give the Fréchet distance.",
            data=data,
            build=partial(pictures.classifier, sizes),
            train=partial(pictures.train_classifier, sizes=sizes, name=f"{prefix}-features"),
            measure=partial(pictures.measure_classifier, sizes=sizes),
            metric="test accuracy",
            at_least=0.95,
        ),
        *(
            Entry(
                name=f"{prefix}-{kind}",
                what=f"{what} of {data}, {sizes.vocab} codes.",
                build=partial(build, sizes),
                train=partial(pictures.train_tokenizer, sizes=sizes, name=f"{prefix}-{kind}"),
                measure=partial(pictures.measure_tokenizer, sizes=sizes),
                **shared,
            )
            for kind, (what, build) in tokenizers.items()
        ),
    ]


def generator(
    name: str, what: str, sizes: Sizes, *, steps: int, at_most: float, width: int | None = None
) -> Entry:
    """A raster model where the name ends in -raster, else a VAR; the data are the name's."""
    prefix, _, kind = name.partition("-")
    tokenizer = f"{prefix}-{'vq' if kind == 'raster' else 'multiscale'}"
    build = partial(pictures.raster, sizes)
    if kind != "raster":
        build = partial(pictures.var, sizes, width)
    given = {"sizes": sizes, "tokenizer": tokenizer}
    return Entry(
        name=name,
        what=what,
        data=prefix.rstrip("0123456789"),
        build=build,
        train=partial(pictures.train_generator, steps=steps, name=name, **given),
        measure=partial(pictures.measure_generator, **given),
        metric="test nats per token",
        at_most=at_most,
    )


def pair(prefix: str, sizes: Sizes, at_most: tuple[float, float]) -> list[Entry]:
    """Raster and VAR of equal size, VAR at equal epochs and at equal tokens, and VAR's family."""
    steps, family = sizes.budget.steps, sizes.budget.family_steps
    raster, var = at_most
    made = [
        ("raster", "Next-token prediction.", steps, raster),
        ("var", "Next-scale prediction, as many epochs as the raster model.", steps, var),
        ("var-tokens", "The same, as many tokens as the raster model.", sizes.equal_tokens, var),
    ]
    grown = [
        generator(
            f"{prefix}-var-w{width}",
            f"Next-scale prediction of width {width}, one of a family of equal steps.",
            sizes,
            steps=family,
            at_most=2 * var,
            width=width,
        )
        for width in sizes.budget.widths
    ]
    return [
        generator(f"{prefix}-{kind}", what, sizes, steps=n, at_most=most)
        for kind, what, n, most in made
    ] + grown


PICTURES = (
    *judge_and_tokenizers("scenes16", "scenes", SCENES16, 0.004),
    *pair("scenes16", SCENES16, (3.0, 3.5)),
    *large(judge_and_tokenizers("scenes32", "scenes", SCENES32, 0.004)),
    *large(pair("scenes32", SCENES32, (5.0, 5.0))),
    *judge_and_tokenizers("glyphs16", "glyphs", GLYPHS16, 0.02),
    generator(
        "glyphs16-raster",
        "Next-token prediction.",
        GLYPHS16,
        steps=GLYPHS16.budget.steps,
        at_most=4.0,
    ),
)
