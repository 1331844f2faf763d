"""Characters and byte-pair pieces: text to units and back, nothing lost."""

import pytest
import torch

from arlearn.tokens.text import BPETokenizer, CharTokenizer

TEXT = "def area(side):\n    return side * side\n\n" * 20 + "für π in ∑: 'naïve'\t🙂\n"


@pytest.fixture(scope="module")
def bpe():
    return BPETokenizer.train(TEXT, 300)


def test_characters_round_trip():
    tokenizer = CharTokenizer.from_text(TEXT)
    units = tokenizer.encode(TEXT)
    assert units.dtype == torch.long and units.shape == (len(TEXT),)
    assert tokenizer.decode(units) == TEXT
    assert tokenizer.vocab == len(set(TEXT)) == int(units.max()) + 1


def test_units_are_places_in_the_alphabet():
    tokenizer = CharTokenizer("cab")
    assert tokenizer.encode("abc").tolist() == [1, 2, 0]
    assert CharTokenizer.from_text("banana").alphabet == "abn"


@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_lists_and_empty_texts(kind, bpe):
    tokenizer = CharTokenizer.from_text(TEXT) if kind == "char" else bpe
    parts = ["area", "", "side *"]
    units = tokenizer.encode(parts)
    assert [u.dtype for u in units] == [torch.long] * 3 and units[1].shape == (0,)
    assert tokenizer.decode(units) == parts
    assert torch.equal(units[0], tokenizer.encode("area"))
    assert tokenizer.decode(torch.stack([units[0], units[0]])) == ["area", "area"]


def test_characters_are_rebuilt_from_json():
    tokenizer = CharTokenizer.from_text(TEXT)
    assert CharTokenizer.from_json(tokenizer.to_json()).alphabet == tokenizer.alphabet


def test_pieces_round_trip_on_any_text(bpe):
    for text in (TEXT, "never seen: Ψ 漢字 \x00 \r\n  end ", " leading", "a  b"):
        assert bpe.decode(bpe.encode(text)) == text


def test_pieces_are_fewer_than_bytes(bpe):
    units = bpe.encode(TEXT)
    assert 256 < bpe.vocab <= 300 and int(units.max()) < bpe.vocab
    assert len(units) < len(TEXT.encode()) / 2


def test_every_piece_and_every_byte_is_a_unit(bpe):
    everything = bytes(range(256)).decode("latin-1")
    assert bpe.decode(bpe.encode(everything)) == everything
    assert isinstance(bpe.decode(torch.arange(bpe.vocab)), str)


def test_pieces_are_rebuilt_from_json_and_learned_alike(bpe):
    again = BPETokenizer.train([TEXT], 300)
    assert BPETokenizer(bpe.to_json()).to_json() == bpe.to_json() == again.to_json()


def test_bad_input_gets_a_sentence(bpe):
    with pytest.raises(ValueError, match=r"character 'z' \(U\+007A\) at position 2 is not in the"):
        CharTokenizer("abc").encode("abz")
    with pytest.raises(ValueError, match="holds each character once; this one holds 'a' twice"):
        CharTokenizer("aba")
    with pytest.raises(ValueError, match="needs at least one character"):
        CharTokenizer("")
    with pytest.raises(IndexError, match="code 3 is outside a vocabulary of 3"):
        CharTokenizer("abc").decode(torch.tensor([3]))
    with pytest.raises(IndexError, match="code 300 is outside a vocabulary of 2"):
        bpe.decode(torch.tensor([300]))
    with pytest.raises(ValueError, match="vocabulary 255 is too small: the 256 bytes"):
        BPETokenizer.train(TEXT, 255)
    with pytest.raises(ValueError, match="no tokenizer in JSON .*give what to_json wrote"):
        BPETokenizer("{}")
