"""Everything that is looked at: pictures, plots, the trace player, source code, exercises."""

from arlearn.show.drafts import drafts
from arlearn.show.element import Element
from arlearn.show.exercises import Verdict, WrongAnswer, check, exercises
from arlearn.show.explore_orders import explore_masks, explore_plans
from arlearn.show.explorers import explore_law, explore_papers, explore_speculation
from arlearn.show.films import video
from arlearn.show.frontier import frontier, spread
from arlearn.show.masks import mask, order, pyramid
from arlearn.show.panels import Panel, tracks
from arlearn.show.patch_drafts import patch_drafts
from arlearn.show.periodic import Periodic, periodic
from arlearn.show.picture import Picture
from arlearn.show.pictures import compare, filmstrip, grid
from arlearn.show.player import play, scrub
from arlearn.show.plots import bars, curves, scaling
from arlearn.show.sounds import Sounds, audio, sounding
from arlearn.show.source import Source, source
from arlearn.show.texts import Passages, Text, passages, text
from arlearn.show.unmasking import unmasking

__all__ = [
    "Element",
    "Panel",
    "Passages",
    "Periodic",
    "Picture",
    "Sounds",
    "Source",
    "Text",
    "Verdict",
    "WrongAnswer",
    "audio",
    "bars",
    "check",
    "compare",
    "curves",
    "drafts",
    "exercises",
    "explore_law",
    "explore_masks",
    "explore_papers",
    "explore_plans",
    "explore_speculation",
    "filmstrip",
    "frontier",
    "grid",
    "mask",
    "order",
    "passages",
    "patch_drafts",
    "periodic",
    "play",
    "pyramid",
    "scaling",
    "scrub",
    "sounding",
    "source",
    "spread",
    "text",
    "tracks",
    "unmasking",
    "video",
]
