"""The command line: `arlearn list | run | lab | exercise | claims | zoo | train | doctor`."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from arlearn import home

out, err = Console(highlight=False), Console(stderr=True, highlight=False)
TOLD = (ValueError, ArithmeticError, LookupError, OSError, ImportError)


class Sentences(TyperGroup):
    """Says an error of the library as one sentence, exit status 2, instead of a traceback."""

    def invoke(self, context: Any) -> Any:
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            err.print("stopped; what was running is not saved")
            raise typer.Exit(130) from None
        except TOLD as error:
            if context.params.get("traceback"):
                raise
            # str() of a KeyError is the repr of its sentence
            said = error.args[0] if isinstance(error, KeyError) and error.args else error
            err.print(f"[red]{escape(str(said))}[/red]", soft_wrap=True)
            raise typer.Exit(2) from error


app = typer.Typer(cls=Sentences, add_completion=False, help=__doc__, no_args_is_help=True)
zoo_app = typer.Typer(help="The shipped base models: list, train, verify.", no_args_is_help=True)
app.add_typer(zoo_app, name="zoo")

Slug = Annotated[str, typer.Argument(help="a chapter's slug, as `arlearn list` shows it")]
Tier = Annotated[str | None, typer.Option(help="smoke, cpu or gpu; else what the machine has")]


@app.callback()
def main(
    traceback: Annotated[
        bool, typer.Option("--traceback", help="show where an error came from")
    ] = False,
) -> None:
    """A course on autoregressive generation: run its chapters, check its claims."""
    # torch's threads burn their core while they wait for each other. Where other programs want it
    # the VAR chapter (smoke) takes 115 s so, and 29 s if they sleep; alone, sleeping costs a tenth.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@app.command("list")
def list_papers(
    done: Annotated[bool, typer.Option("--done", help="only chapters that exist")] = False,
) -> None:
    """The opening part and the papers of the course, in its order."""
    from arlearn.runner import tables

    out.print(tables.chapters(done))


@app.command()
def run(
    slug: Slug,
    tier: Tier = None,
    save: Annotated[
        bool, typer.Option("--save", help="keep the outputs in the notebook, the claim in the book")
    ] = False,
    execute_to: Annotated[
        Path | None, typer.Option(help="also write the executed notebook to this file")
    ] = None,
    book: Annotated[bool, typer.Option("--book", help="build the book afterwards")] = False,
) -> None:
    """Execute a chapter in a kernel of its own, from its source."""
    from arlearn import runner
    from arlearn.runner import pair

    try:
        done = _spoken(runner.find(slug), tier, save)
    except runner.ChapterFailed as error:
        err.print(escape(error.traceback), soft_wrap=True)
        err.print(f"[red]{escape(str(error))}[/red]", soft_wrap=True)
        raise typer.Exit(1) from None
    if execute_to:
        pair.write(done.notebook, execute_to)
    if book and subprocess.run([sys.executable, home.root() / "book" / "build.py"]).returncode:
        raise typer.Exit(1)
    out.print(f"\n{done.chapter.name}: {done.seconds:.0f} s, {done.peak_mb:,} MB at most")
    _measured(done.result)
    _open(done.chapter, book)


@app.command(context_settings={"ignore_unknown_options": True})
def lab(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="a notebook to open, and options for JupyterLab such as --port=9999"),
    ] = None,
) -> None:
    """JupyterLab on the chapters."""
    from arlearn.runner.lab import command

    os.execv(sys.executable, command(words or []))


@app.command()
def exercise(
    name: Annotated[str | None, typer.Argument(help="such as 18.1 or map.1; else all")] = None,
) -> None:
    """An exercise as a notebook in your own folder: ./exercises, or ARLEARN_EXERCISES."""
    from arlearn.exercises import copies
    from arlearn.runner import tables

    said = tables.exercises() if name is None else copies.how_to_open(copies.write(name))
    out.print(said, soft_wrap=name is not None)


@app.command()
def claims(
    tier: Tier = None,
    everything: Annotated[
        bool, typer.Option("--all", help="run also what is unchanged since its result")
    ] = False,
    save: Annotated[bool, typer.Option("--save", help="as `arlearn run --save`")] = False,
    shuffle: Annotated[str, typer.Option(help="an order drawn from this text")] = "",
    minutes: Annotated[float, typer.Option(help="start no chapter after this long")] = 1e9,
) -> None:
    """Run the chapters whose code changed since their result, and say what each measured."""
    from arlearn import runner

    tier, start, failed = tier or home.tier(), time.monotonic(), []
    written = runner.shuffled(runner.chapters(), shuffle)
    todo = [py for py in written if everything or not runner.measured(py, tier)]
    out.print(f"{len(todo)} of {len(written)} chapters to run at the {tier} tier")
    for count, py in enumerate(todo, 1):
        if time.monotonic() - start > 60 * minutes:
            out.print(f"{minutes:g} minutes are over: {len(todo) - count + 1} chapters not run")
            break
        out.print(f"\n[bold]{py.stem}[/bold] ({count} of {len(todo)})")
        try:
            done = _spoken(py, tier, save)
        except runner.ChapterFailed as error:
            failed.append(str(error))
            err.print(f"[red]{escape(str(error))}[/red]", soft_wrap=True)
            continue
        out.print(f"  {done.seconds:.0f} s, {done.peak_mb:,} MB at most")
        _measured(done.result)
    for sentence in failed:
        err.print(f"[red]failed:[/red] {escape(sentence)}", soft_wrap=True)
    raise typer.Exit(1 if failed else 0)


@zoo_app.command("list")
def zoo_list() -> None:
    """The models: what each is for, and what it was measured at."""
    from arlearn.runner import tables

    out.print(tables.models())


@zoo_app.command("train")
@app.command()
def train(name: Annotated[str, typer.Argument(help="as `arlearn zoo list` shows it")]) -> None:
    """Make a model of the zoo again, from its recipe; this can take up to half an hour."""
    from arlearn import zoo

    start = time.monotonic()
    zoo.train(name)
    out.print(f"{name} trained in {time.monotonic() - start:.0f} s")


@zoo_app.command("verify")
def zoo_verify() -> None:
    """Load and measure every shipped model again: hash, tensors and metric must fit its record."""
    from arlearn import zoo

    failed = False
    for name in filter(zoo.shipped, zoo.names()):
        try:
            check = zoo.verify(name)
        except (OSError, ValueError) as error:
            failed = True
            err.print(f"[red]{escape(str(error))}[/red]", soft_wrap=True)
            continue
        failed |= not check.holds
        verdict = "[green]OK[/green]" if check.holds else "[red]out of bounds[/red]"
        old = "" if check.same_recipe else "; its recipe has changed since"
        said = f"{check.metric} {check.measured:.4g}, recorded {check.recorded:.4g}{old}"
        out.print(f"{verdict} {name}: {said}", soft_wrap=True)
    raise typer.Exit(1 if failed else 0)


@app.command()
def doctor() -> None:
    """What this machine has and what each tier costs: OK, or a sentence per problem."""
    from arlearn.runner import machine

    facts = machine.facts()
    for fact in facts:
        out.print(f"{fact.name:>10}  {escape(fact.value)}", soft_wrap=True)
    for fact in facts:
        if fact.problem:
            colour = "red" if fact.fatal else "yellow"
            out.print(f"[{colour}]{escape(fact.problem)}[/{colour}]", soft_wrap=True)
    if not any(fact.problem for fact in facts):
        out.print("[green]OK[/green]")
    raise typer.Exit(1 if any(fact.fatal for fact in facts) else 0)


def _spoken(py: Path, tier: str | None, save: bool) -> Any:
    """Run a chapter aloud; its latest line moves on a terminal, logs and pipes see none of it."""
    from arlearn import runner

    def say(text: str) -> None:
        out.print(escape(text), soft_wrap=True)

    with out.status("starting a kernel") as status:
        return runner.run_chapter(
            py, tier, save, say=say, hint=lambda text: status.update(escape(text[:100]))
        )


def _measured(result: Path | None) -> None:
    """The claim that a chapter just measured, part by part."""
    from arlearn.show.claim_card import ClaimCard

    if result is None:
        out.print("no claim was recorded")
        return
    card = ClaimCard(json.loads(result.read_text(encoding="utf-8")))
    out.print(escape(repr(card)), soft_wrap=True)


def _open(chapter: Path, book: bool) -> None:
    notebook = os.path.relpath(chapter.with_suffix(".ipynb"))
    out.print(f"Open {notebook} with `make lab`", soft_wrap=True)
    if book:
        page = os.path.relpath(home.root() / "book" / "_build" / "html" / "index.html")
        out.print(f"and the book in a browser: {page}", soft_wrap=True)
