"""How chapter 6's models are made: two tokenizers of sound, and four arms that speak."""

from collections.abc import Callable
from functools import cache, partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from arlearn import home
from arlearn.data.mel import Mel
from arlearn.data.speech import Speech, speech
from arlearn.decode.speak import speak
from arlearn.metrics.edits import character_error_rate
from arlearn.nets.speech import SpeechModel
from arlearn.papers import clear
from arlearn.tokens.sound import MelFrames, SoundCodec, SoundVAE, whole
from arlearn.training import History, Recipe, fit
from arlearn.zoo.entry import Entry
from arlearn.zoo.speech_models import PHONES, SPEECH_MODELS, heard

SIZES = clear.Sizes()
TRAIN, JUDGED = 6000, 50  # utterances to learn from, and to be measured on
STEPS, BATCH = 1500, 32
TOKEN_STEPS = {"latents": 1650, "codes": 2200}  # until both resynthesise about equally well
CROP = 96  # frames of an utterance that a tokenizer's step sees
MEL_NOISE = 0.1  # deviation of what is added to mel frames, about that of a latent's own draw
NUMBERS = {"flow": 3, "codes": 3, "mel": 1, "squares": 1}  # models of each arm, by seed
LONG = 2  # times as many steps for one more model of codes: are they only slower?
Frames = list[Float[Tensor, "_ k"]]


@cache
def utterances(split: str, n: int, seed: int = 0) -> tuple[Speech, Frames]:
    """Spoken digits and the log-mel of each."""
    data, mel = speech(split, "digits", n=n, seed=seed), Mel()
    return data, [mel.log_mel(data.wave(i)) for i in range(len(data))]


def crops(frames: Frames, size: int, seed: int) -> Callable[[int], tuple[Tensor]]:
    """Batches of stretches of utterances, many of them from the beginning; silence is no part."""

    def draw(step: int) -> tuple[Tensor]:
        dice, rows = torch.Generator().manual_seed(seed * 1_000_003 + step), []
        for i in torch.randint(len(frames), (size,), generator=dice).tolist():
            spare = max(len(frames[i]) - CROP, 0)
            begin = max(int(torch.randint(-8, spare + 1, (1,), generator=dice)), 0)
            rows.append(whole(frames[i][None, begin : begin + CROP], CROP)[0])
        return (torch.stack(rows),)

    return draw


def vae(shortcut: bool = True) -> SoundVAE:
    """An untrained autoencoder with continuous latents."""
    return SoundVAE(SIZES.latent, shortcut=shortcut)


def codec() -> SoundCodec:
    """An untrained autoencoder with residual codes."""
    return SoundCodec(SIZES.codes, SIZES.size, SIZES.latent)


def train_tokens(
    model: SoundVAE,
    seed: int,
    *,
    name: str,
    steps: int,
    n: int = TRAIN,
    keep: bool = True,
) -> History:
    """Reconstruction of stretches of utterances; `keep` keeps checkpoints."""
    frames = utterances("train", n)[1]
    recipe = Recipe(lr=2e-3, seed=seed, ema=0.995, precision="fp32")
    path = home.data_folder() / "zoo" / f"{name}.safetensors" if keep else None
    history = fit(model, crops(frames, 32, seed), steps, recipe=recipe, checkpoint=path, label=name)
    model.fit_scale(frames[:400])
    return history


@torch.no_grad()
def measure_tokens(model: SoundVAE) -> float:
    """Mean distance of log-mel values from those resynthesised, on the test split."""
    found = [(again(model, one) - one).abs().mean() for one in utterances("test", JUDGED)[1]]
    return float(torch.stack(found).mean())


def again(model: nn.Module, frames: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """Frames from their own units: what a model that speaks perfectly would sound like."""
    here = next((buffer.device for buffer in model.buffers()), frames.device)
    return model.decode(model.encode(frames[None].to(here)))[0, : len(frames)].to(frames.device)


def tokens(kind: str) -> nn.Module:
    """The tokenizer of an arm, trained."""
    from arlearn import zoo  # the zoo knows these entries

    if kind == "mel":
        return MelFrames(SIZES.bins)
    return zoo.obtain("speech-codes" if kind == "codes" else "speech-latents")


def model(kind: str) -> SpeechModel:
    """An untrained arm."""
    return clear.arm(kind, PHONES, SIZES)


@torch.no_grad()
def lessons(kind: str, n: int, arm: SpeechModel, size: int, seed: int):
    """Batches of texts, units and lengths for an arm; those of one batch are about equally long.

    Latents are drawn anew at each step from what the encoder says of them; frames get a noise of
    about that size.
    """
    (data, frames), made = utterances("train", n), tokens(kind)
    if kind in ("flow", "squares"):
        both = [made.posterior(one[None]) for one in frames]
        units = [((mean - made.mean) / made.deviation)[0] for mean, _ in both]
        spread = [((0.5 * v).exp() / made.deviation)[0] for _, v in both]
    else:
        units = [made.encode(one[None])[0] for one in frames]
        spread = [torch.full_like(one, MEL_NOISE) for one in units] if kind == "mel" else units
    pad = torch.nn.utils.rnn.pad_sequence
    lengths = torch.tensor([len(one) for one in units])
    units, spread = pad(units, batch_first=True), pad(spread, batch_first=True)
    text, groups = arm.spelled(data.phones), lengths.argsort(stable=True).split(size)

    def draw(step: int) -> tuple[Tensor, Tensor, Tensor]:
        epoch, place = divmod(step, len(groups))
        dice = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        which = groups[int(torch.randperm(len(groups), generator=dice)[place])]
        longest = int(lengths[which].max())
        said, rows = units[which, :longest], text[which]
        if kind != "codes":
            said = said + spread[which, :longest] * torch.randn(said.shape)
        return rows[:, int((rows >= 0).int().argmax(1).min()) :], said, lengths[which]

    return draw


def train(
    arm: SpeechModel,
    seed: int,
    *,
    kind: str,
    name: str,
    number: int = 0,
    steps: int = STEPS,
    n: int = TRAIN,
    keep: bool = True,
) -> History:
    """All arms of one number hear the same utterances in the same order, in as many steps.

    The weights were drawn by the zoo under its own seed; those of number 1, 2, … are drawn again.
    """
    seed += number
    if number:
        torch.manual_seed(seed)
        arm.load_state_dict(model(kind).state_dict())
    recipe = Recipe(lr=2e-3, seed=seed, ema=0.998, precision="fp32")
    path = home.data_folder() / "zoo" / f"{name}.safetensors" if keep else None
    batches = lessons(kind, n, arm, BATCH, seed)
    return fit(arm, batches, steps, recipe=recipe, checkpoint=path, label=name)


def measure(arm: SpeechModel, *, kind: str) -> float:
    """Character error rate of the recogniser in texts of the test split, sampled plainly."""
    from arlearn import zoo

    data, made = utterances("test", JUDGED)[0], tokens(kind)
    options = {"law": clear.weighted(1.0, 0.0)} if kind in ("mel", "squares") else {}
    dice, most = torch.Generator().manual_seed(0), 24 * 8 // made.stride
    said = speak(arm, arm.spelled(data.phones), generator=dice, most=most, **options)
    read = heard(zoo.load(SPEECH_MODELS[0].name), clear.heard(made, said))
    return character_error_rate(read, list(data.texts))


def named(kind: str, number: int = 0) -> str:
    """The zoo's name of an arm, "speech-clear-codes-1"."""
    return "-".join(["speech-clear", kind] + [str(number)] * (number > 0))


def arms() -> list[Entry]:
    """The four arms; flow and codes in several numbers, which differ in their seeds."""
    what = {
        "flow": "CLEAR: digits spoken as latents, a flow for each",
        "codes": "Digits spoken as residual codes",
        "mel": "Digits spoken as mel frames under a Gaussian",
        "squares": "Digits spoken as latents, the mean of each",
    }
    return [
        Entry(
            name=named(kind, number),
            what=f"{what[kind]}, number {number}.",
            data="speech",
            build=partial(model, kind),
            train=partial(train, kind=kind, name=named(kind, number), number=number),
            measure=partial(measure, kind=kind),
            metric="character error rate of plain samples",
            at_most=1.5,
        )
        for kind, many in NUMBERS.items()
        for number in range(many)
    ]


CLEAR_MODELS = (
    Entry(
        name="speech-latents",
        what="Turns log-mel frames into 10 continuous latents a second and back.",
        data="speech",
        build=vae,
        train=partial(train_tokens, name="speech-latents", steps=TOKEN_STEPS["latents"]),
        measure=measure_tokens,
        metric="test distance of log-mel values",
        at_most=0.7,
    ),
    Entry(
        name="speech-codes",
        what="Turns log-mel frames into residual codes, 10 rows of them a second, and back.",
        data="speech",
        build=codec,
        train=partial(train_tokens, name="speech-codes", steps=TOKEN_STEPS["codes"]),
        measure=measure_tokens,
        metric="test distance of log-mel values",
        at_most=0.7,
    ),
    *arms(),
    Entry(
        name="speech-clear-codes-long",
        what=f"Digits spoken as residual codes, {LONG} times as many steps.",
        data="speech",
        build=partial(model, "codes"),
        train=partial(train, kind="codes", name="speech-clear-codes-long", steps=LONG * STEPS),
        measure=partial(measure, kind="codes"),
        metric="character error rate of plain samples",
        at_most=1.5,
    ),
)
