"""The models that listen: a recogniser for every kind of text, and an encoder of voices."""

from collections.abc import Callable, Sequence
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from arlearn import home
from arlearn.data.mel import Mel
from arlearn.data.speech import VOICES, Speech, speech
from arlearn.data.utterances import KINDS
from arlearn.metrics.edits import character_error_rate
from arlearn.nets.recogniser import Recogniser, SpeakerEncoder, spelled
from arlearn.training import History, Recipe, fit
from arlearn.zoo.entry import Entry

# All that espeak-ng makes of these texts in American English, "_" being a pause.
PHONES = (*"_bdfhijklmnpstvwzæðŋɐɔəɛɡɪɹɾʃʌθᵻ", "aɪ", "aʊ", "dʒ", "eɪ", "iə", "iː", "oʊ", "uː")
PHONES += ("ɑː", "ɔː", "ɔːɹ", "əl", "ɛɹ", "ɜː", "ɪɹ")
EACH = 2000  # utterances of each kind to learn from
JUDGED = 50  # utterances of each kind that a model is measured on
Frames = list[Float[Tensor, "_ k"]]


@cache
def corpus(split: str, n: int, new_voices: bool = False) -> tuple[Speech, ...]:
    """Utterances of every kind, 8 kHz."""
    return tuple(speech(split, kind, n=n, new_voices=new_voices) for kind in KINDS)


def frames_of(parts: Sequence[Speech]) -> Frames:
    """The log-mel of every utterance."""
    mel = Mel()
    return [mel.log_mel(part.wave(i)) for part in parts for i in range(len(part))]


def padded(frames: Sequence[Tensor]) -> tuple[Float[Tensor, "b n k"], Int[Tensor, "b"]]:
    """Utterances of different lengths as rows, and how many frames of each count."""
    lengths = torch.tensor([len(one) for one in frames])
    return torch.nn.utils.rnn.pad_sequence(list(frames), batch_first=True), lengths


def by_length(
    frames: Sequence[Tensor], size: int, seed: int, rest: Callable[[Tensor], tuple]
) -> Callable[[int], tuple[Tensor, ...]]:
    """Batches of utterances that are about equally long, in another order in every epoch.

    Loudness differs by up to 6 dB from batch to batch, and a little noise lies on the frames, so
    that rough samples are still heard. `rest(which)` are the targets of some utterances.
    """
    order = torch.tensor([len(one) for one in frames]).argsort(stable=True)
    groups = order.split(size)

    def draw(step: int) -> tuple[Tensor, ...]:
        epoch, place = divmod(step, len(groups))
        shuffled = torch.randperm(
            len(groups), generator=torch.Generator().manual_seed(seed + epoch)
        )
        which = groups[int(shuffled[place])]
        rows, lengths = padded([frames[i] for i in which.tolist()])
        rows = rows + 0.7 * (2 * torch.rand(1) - 1) + 0.2 * torch.randn_like(rows)
        return rows, lengths, *rest(which)

    return draw


def recogniser() -> Recogniser:
    """An untrained recogniser."""
    return Recogniser(PHONES)


def train_recogniser(model: Recogniser, seed: int) -> History:
    """Letters and phones of 8,000 utterances, 6 epochs."""
    parts = corpus("train", EACH)
    frames, mel = frames_of(parts), Mel()
    texts = [torch.tensor(spelled(text)) for part in parts for text in part.texts]
    place = {phone: i for i, phone in enumerate(PHONES)}
    phones = [
        torch.tensor([place.get(name, -1) for name in part.aligned(i, mel.hop)[::2]])
        for part in parts
        for i in range(len(part))
    ]

    def targets(which: Tensor) -> tuple[Tensor, ...]:
        pad = torch.nn.utils.rnn.pad_sequence
        chosen = which.tolist()
        written = pad([texts[i] for i in chosen], batch_first=True)
        return written, pad([phones[i] for i in chosen], batch_first=True, padding_value=-1)

    batches = by_length(frames, 32, seed, targets)
    recipe = Recipe(lr=2e-3, seed=seed, ema=0.995, precision="fp32")
    path = home.data_folder() / "zoo" / "speech-recogniser.safetensors"
    return fit(model, batches, 1500, recipe=recipe, checkpoint=path, label="speech-recogniser")


def measure_recogniser(model: Recogniser) -> float:
    """Character error rate on texts of the test split."""
    parts = corpus("test", JUDGED)
    said = [text for part in parts for text in part.texts]
    return character_error_rate(heard(model, frames_of(parts)), said)


def heard(model: Recogniser, frames: Sequence[Float[Tensor, "_ k"]]) -> list[str]:
    """What a recogniser reads in utterances of any lengths, 50 at a time."""
    device = next(model.parameters()).device
    texts = []
    for begin in range(0, len(frames), 50):
        rows, lengths = padded(frames[begin : begin + 50])
        texts += model.read(rows.to(device), lengths.to(device))
    return texts


def speaker_encoder() -> SpeakerEncoder:
    """An untrained encoder of voices."""
    return SpeakerEncoder(len(VOICES))


def train_speaker_encoder(model: SpeakerEncoder, seed: int) -> History:
    """The voice of 8,000 utterances, 2 epochs."""
    parts = corpus("train", EACH)
    speakers = torch.cat([part.speakers for part in parts])
    batches = by_length(frames_of(parts), 32, seed, lambda which: (speakers[which],))
    recipe = Recipe(lr=2e-3, seed=seed, precision="fp32")
    return fit(model, batches, 500, recipe=recipe, label="speech-speaker")


def measure_speaker_encoder(model: SpeakerEncoder) -> float:
    """Share of the test split's utterances whose voice is named right, one of 16."""
    parts = corpus("test", JUDGED)
    device = next(model.parameters()).device
    rows, lengths = padded(frames_of(parts))
    with torch.no_grad():
        named = model.logits(rows.to(device), lengths.to(device)).argmax(-1).cpu()
    return float((named == torch.cat([part.speakers for part in parts])).float().mean())


SPEECH_MODELS = (
    Entry(
        name="speech-recogniser",
        what="Writes down the utterances of speech, letter by letter, and knows their phones.",
        data="speech",
        build=recogniser,
        train=train_recogniser,
        measure=measure_recogniser,
        metric="test character error rate",
        at_most=0.1,
    ),
    Entry(
        name="speech-speaker",
        what="Turns an utterance of speech into a vector that tells whose voice it is.",
        data="speech",
        build=speaker_encoder,
        train=train_speaker_encoder,
        measure=measure_speaker_encoder,
        metric="test accuracy over 16 voices",
        at_least=0.9,
    ),
)
