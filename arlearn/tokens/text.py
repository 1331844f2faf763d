"""Text as units: single characters, or pieces learned by byte-pair encoding."""

import json

import torch
from jaxtyping import Int
from torch import Tensor

from arlearn.tokens.codes import inside


class CharTokenizer:
    """One unit per character of a fixed alphabet.

    Args:
        alphabet: the characters, each once; unit i is the i-th.

    Raises:
        ValueError: the alphabet is empty or holds a character twice.
    """

    def __init__(self, alphabet: str):
        twice = sorted({c for c in alphabet if alphabet.count(c) > 1})
        if not alphabet or twice:
            raise ValueError(
                f"an alphabet holds each character once; this one holds {twice[0]!r} twice"
                if twice
                else "an alphabet needs at least one character"
            )
        self.alphabet, self.vocab = alphabet, len(alphabet)
        self._unit = {character: unit for unit, character in enumerate(alphabet)}

    @classmethod
    def from_text(cls, text: str) -> "CharTokenizer":
        """The alphabet of a text, in code-point order."""
        return cls("".join(sorted(set(text))))

    def encode(self, text: str | list[str]) -> Int[Tensor, "_"] | list[Int[Tensor, "_"]]:
        """One tensor per text: a list of them for a list of texts.

        Raises:
            ValueError: a character is not in the alphabet.
        """
        if not isinstance(text, str):
            return [self.encode(part) for part in text]
        try:
            return torch.tensor([self._unit[c] for c in text], dtype=torch.long)
        except KeyError as error:
            character = error.args[0]
            raise ValueError(
                f"character {character!r} (U+{ord(character):04X}) at position "
                f"{text.index(character)} is not in the alphabet of {self.vocab}; "
                "make the tokenizer from a text that holds it, or replace it"
            ) from None

    def decode(self, units: Int[Tensor, "*b t"] | list[Int[Tensor, "_"]]) -> str | list[str]:
        """The text of one sequence of units, or the list of texts of several.

        Raises:
            IndexError: a unit is outside the vocabulary.
        """
        if not isinstance(units, Tensor) or units.ndim > 1:
            return [self.decode(part) for part in units]
        return "".join(self.alphabet[unit] for unit in inside(units, self.vocab).tolist())

    def to_json(self) -> str:
        """Everything `from_json` needs."""
        return json.dumps({"alphabet": self.alphabet}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "CharTokenizer":
        """The tokenizer that `to_json` wrote."""
        return cls(json.loads(text)["alphabet"])


class BPETokenizer:
    """Byte-level byte-pair encoding (Sennrich et al. 2016, arXiv 1508.07909; bytes as in GPT-2).

    Every text can be encoded, because the 256 bytes are units too. The merges are learned and
    applied by the `tokenizers` package; this class keeps its JSON.

    Args:
        text: JSON as `to_json` gives it.

    Raises:
        ValueError: the text is no such JSON.
    """

    def __init__(self, text: str):
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_str(text)
        except Exception as error:  # the package raises bare Exception
            raise ValueError(
                f"this is no tokenizer in JSON ({error}); give what to_json wrote"
            ) from error
        self.vocab = self._tokenizer.get_vocab_size()

    @classmethod
    def train(cls, texts: str | list[str], size: int) -> "BPETokenizer":
        """Learn up to `size` units from texts; fewer if the texts hold no more pairs.

        Raises:
            ValueError: `size` is below 256, one unit per byte.
        """
        if size < 256:
            raise ValueError(f"vocabulary {size} is too small: the 256 bytes are units themselves")
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        tokenizer.train_from_iterator([texts] if isinstance(texts, str) else texts, trainer)
        return cls(tokenizer.to_str())

    def encode(self, text: str | list[str]) -> Int[Tensor, "_"] | list[Int[Tensor, "_"]]:
        """One tensor per text: a list of them for a list of texts."""
        if not isinstance(text, str):
            done = self._tokenizer.encode_batch(text)
            return [torch.tensor(piece.ids, dtype=torch.long) for piece in done]
        return torch.tensor(self._tokenizer.encode(text).ids, dtype=torch.long)

    def decode(self, units: Int[Tensor, "*b t"] | list[Int[Tensor, "_"]]) -> str | list[str]:
        """The text of one sequence of units, or the list of texts of several.

        Bytes that are no UTF-8, as a model may draw them, become the replacement character.

        Raises:
            IndexError: a unit is outside the vocabulary.
        """
        if not isinstance(units, Tensor) or units.ndim > 1:
            return [self.decode(part) for part in units]
        return self._tokenizer.decode(inside(units, self.vocab).tolist(), skip_special_tokens=False)

    def to_json(self) -> str:
        """Everything the constructor needs."""
        return self._tokenizer.to_str()
