"""The tables that the command line shows: chapters, exercises, models."""

from typing import Any

from arlearn import catalog
from arlearn.exercises import published, solved


def chapters(done: bool) -> Any:
    """The opening part and the papers, in the order of the course; `done`: those with a chapter."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("no.", "slug", "chapter or paper", "arXiv", "chapter", "solved", box=None)
    part = ""
    for entry in (*catalog.lessons(), *catalog.papers()):
        if done and not entry.done:
            continue
        if entry.part != part:
            table.add_row("", f"[bold]{catalog.FOLDERS[part := entry.part]}[/bold]")
        ready = "[green]ready[/green]" if entry.done else "to come"
        told = entry.slug, escape(entry.title), getattr(entry, "arxiv", "")
        right, there = solved.share(published.prefix(entry))
        table.add_row(str(entry.number), *told, ready, f"{right} of {there}" * bool(there))
    return table


def exercises() -> Any:
    """All exercises, each with the beginning of what it asks and the day it was solved."""
    from rich.markup import escape
    from rich.table import Table

    table, days = Table("exercise", "chapter", "solved", box=None), solved.solved()
    for entry in (*catalog.lessons(), *catalog.papers()):
        for exercise in published.read(entry.chapter) if entry.chapter else ():
            table.add_row(exercise.name, escape(entry.short), days.get(exercise.name, ""))
    return table


def models() -> Any:
    """The models of the zoo: what each is for, and what it was measured at."""
    from rich.markup import escape
    from rich.table import Table

    from arlearn import zoo

    table = Table("model", "what it does", "measured", "trained in", box=None)
    for entry in map(zoo.find, zoo.names()):
        try:
            told = zoo.provenance(entry.name)
            metric, seconds = told.metric, told.training["seconds"]
            found = f"{metric['name']} {metric['value']:.4g}", f"{seconds:.0f} s"
        except FileNotFoundError:
            here = (
                "made at the gpu tier" if entry.tier == "gpu" else "[yellow]no weights yet[/yellow]"
            )
            found = here, ""
        table.add_row(entry.name, escape(entry.what), *found)
    return table
