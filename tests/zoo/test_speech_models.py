"""The listeners' data: batches of one length that the seed and the step alone decide."""

import pytest
import torch

from arlearn import home, zoo
from arlearn.data.mel import Mel
from arlearn.data.speech import VOICES
from arlearn.zoo import speech_models
from arlearn.zoo.speech_models import PHONES, by_length, frames_of, heard, padded


@pytest.fixture(scope="module")
def frames():
    return [torch.full((3 + (7 * i) % 11, 2), float(i)) for i in range(20)]


def test_rows_are_padded_and_counted(frames):
    rows, lengths = padded(frames[:3])
    assert lengths.tolist() == [3, 10, 6] and rows.shape == (3, 10, 2)
    assert (rows[0, 3:] == 0).all() and (rows[2, :6] == 2).all()


def test_a_batch_holds_utterances_of_about_one_length(frames):
    draw = by_length(frames, 5, 0, lambda which: (which,))
    seen = []
    for step in range(4):
        torch.manual_seed(step)
        rows, lengths, which = draw(step)
        assert lengths.tolist() == [len(frames[i]) for i in which]
        assert int(lengths.max() - lengths.min()) <= 4 and rows.shape[1] == int(lengths.max())
        seen += which.tolist()
    assert sorted(seen) == list(range(20))
    order = [draw(step)[2].tolist() for step in range(8)]
    assert order[:4] != order[4:] and order == [draw(step)[2].tolist() for step in range(8)]


def test_the_noise_is_fits_own(frames):
    draw = by_length(frames, 5, 0, lambda which: ())
    rows = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        rows.append(draw(2)[0])
    assert torch.equal(rows[0], rows[1]) and not torch.equal(rows[0], rows[2])


def test_phones_are_those_of_the_texts():
    pytest.importorskip("espeakng_loader", reason="the speech extra is not installed")
    assert len(PHONES) == len(set(PHONES)) == 47
    for part in speech_models.corpus("test", 3):
        assert {phone for row in part.phones for phone in row} <= set(PHONES)


def shipped(name):
    if not (home.root() / "arlearn" / "weights" / f"{name}.safetensors").is_file():
        pytest.skip(f"{name} is not trained yet; `arlearn zoo train {name}` makes it")
    return zoo.load(name)


def test_the_recogniser_reads_what_is_said_and_what_is_made_of_its_log_mel():
    pytest.importorskip("espeakng_loader", reason="the speech extra is not installed")
    model, mel = shipped("speech-recogniser"), Mel()
    part = speech_models.corpus("test", 3)[0]
    frames = frames_of([part])
    again = [mel.log_mel(mel.sound(one)) for one in frames]
    assert heard(model, frames) == list(part.texts) == heard(model, again)


def test_the_encoder_knows_the_voices():
    pytest.importorskip("espeakng_loader", reason="the speech extra is not installed")
    model = shipped("speech-speaker")
    parts = speech_models.corpus("test", 3)
    rows, lengths = padded(frames_of(parts))
    with torch.no_grad():
        named = model.logits(rows, lengths).argmax(-1)
    speakers = torch.cat([part.speakers for part in parts])
    assert named.max() < len(VOICES) and (named == speakers).float().mean() > 0.8
