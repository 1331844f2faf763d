"""Multi30k by download: captions of photographs in English and German, sentence by sentence."""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

from arlearn.data.cards import card
from arlearn.data.download import fetch

SPLITS = {"train": "train", "val": "val", "test": "test_2016_flickr"}


@dataclass(frozen=True)
class Translations:
    """Sentences and what they are in the other language; sentence i belongs to sentence i."""

    english: tuple[str, ...]
    german: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.english)

    def first(self, n: int) -> "Translations":
        """The first n pairs (all of them if there are fewer)."""
        return Translations(self.english[:n], self.german[:n])


def multi30k(split: str = "train") -> Translations:
    """Captions with their translation: 29,000 to train, 1,014 "val" to choose by, 1,000 to test.

    Raw text, neither lowercased nor cut into tokens. Source: Elliott et al. 2016, arXiv 1605.00459.

    Raises:
        FileNotFoundError, ConnectionError, ValueError: as `download.fetch`.
    """
    if split not in SPLITS:
        raise ValueError(f"split {split!r} does not exist; choose one of {', '.join(SPLITS)}")
    files = {file.path.partition("/")[2]: file for file in card("multi30k").files}
    english, german = (
        _lines(fetch(files[f"{SPLITS[split]}.{language}.gz"])) for language in ("en", "de")
    )
    if len(english) != len(german):
        raise ValueError(f"{len(english)} English and {len(german)} German sentences do not pair")
    return Translations(english, german)


def _lines(path: Path) -> tuple[str, ...]:
    """One sentence a line; `\\n` alone ends a line, since sentences hold other separators."""
    try:
        text = gzip.decompress(path.read_bytes()).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} holds no gzipped text: {error}") from error
    return tuple(line.strip() for line in text.removesuffix("\n").split("\n"))
