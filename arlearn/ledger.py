"""The ledger: every chapter of the course with what it measured at each tier."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arlearn import catalog
from arlearn.catalog import Lesson, Paper

TIERS = ("cpu", "gpu")


@dataclass(frozen=True)
class Row:
    """One chapter in the ledger, with what was measured at each tier, if anything was."""

    paper: Paper | Lesson
    measured: dict[str, dict[str, Any]]

    def stale(self, tier: str) -> bool:
        """Has the chapter's code changed since the result of this tier?"""
        chapter = self.paper.chapter
        if tier not in self.measured or chapter is None:
            return False
        from arlearn.runner.pair import source_sha256

        return self.measured[tier].get("source_sha256") != source_sha256(chapter)


def ledger(folder: Path | None = None, *, opening: bool = False) -> list[Row]:
    """All papers in the order of the course, with the published results of both tiers.

    Results in `folder` (one folder per tier, as `claim` writes them) stand in front of those.
    `opening` asks for the lessons of the opening part instead.
    """
    rows = []
    for paper in catalog.lessons() if opening else catalog.papers():
        found = {tier: catalog.result(paper.slug, tier) for tier in TIERS}
        if folder is not None:
            found |= {t: r for t in TIERS if (r := catalog.result(paper.slug, t, folder))}
        rows.append(Row(paper, {tier: row for tier, row in found.items() if row}))
    return rows
