"""Everything that is looked at: pictures, plots, the trace player, source code, exercises."""

from arlearn.show.exercises import Verdict, WrongAnswer, check, exercises
from arlearn.show.masks import mask, order, pyramid
from arlearn.show.picture import Picture
from arlearn.show.pictures import compare, filmstrip, grid
from arlearn.show.player import Player, play, scrub
from arlearn.show.plots import bars, curves, scaling
from arlearn.show.source import Source, source

__all__ = [
    "Picture",
    "Player",
    "Source",
    "Verdict",
    "WrongAnswer",
    "bars",
    "check",
    "compare",
    "curves",
    "exercises",
    "filmstrip",
    "grid",
    "mask",
    "order",
    "play",
    "pyramid",
    "scaling",
    "scrub",
    "source",
]
