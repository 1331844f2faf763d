"""One execution in a kernel of its own: its sections are said, its peak measured, its end named."""

import logging
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Say = Callable[[str], None]
PEAK = "import resource\nresource.getrusage(resource.RUSAGE_SELF).ru_maxrss"
# `ru_maxrss` counts bytes on macOS and kilobytes elsewhere.
UNITS_PER_MB = 2**20 if sys.platform == "darwin" else 2**10


class ChapterFailed(RuntimeError):
    """A chapter did not run to its end: a sentence, and the cell's `traceback` if it has one."""

    def __init__(self, sentence: str, traceback: str = ""):
        super().__init__(sentence)
        self.traceback = traceback


class Watch:
    """Follows an execution: which section is running, and the last line its kernel printed."""

    def __init__(self, say: Say, hint: Say | None):
        self.start, self.say, self.hint = time.monotonic(), say, hint
        self.section = "the first cell"

    @property
    def seconds(self) -> float:
        """Seconds since the execution was asked for, the kernel's start included."""
        return round(time.monotonic() - self.start, 1)

    def cell(self, cell: Any, cell_index: int) -> None:
        """nbclient calls this before each cell; prose with a heading begins a section."""
        if cell.cell_type != "markdown":
            return
        for level, heading in re.findall(r"^(#{1,2}) +(.+)$", cell.source, re.MULTILINE):
            self.section = heading
            self.say(f"{self.seconds:6.1f} s  {'' if level == '#' else '  '}{heading}")

    def write(self, text: str) -> None:
        """papermill passes on what the kernel prints; of a progress bar, the latest form counts."""
        latest = re.split(r"[\r\n]+", text.strip())[-1].strip()
        if self.hint and latest:
            self.hint(latest)

    def flush(self) -> None:
        """papermill flushes what it writes to; nothing is held back here."""


def execute(notebook: Any, py: Path, watch: Watch, cell_seconds: int) -> tuple[Any, int]:
    """The notebook with the outputs of a fresh kernel, and that kernel's peak memory in MB.

    Raises:
        ChapterFailed: a cell raised, ran longer than `cell_seconds`, or the kernel died.
    """
    import nbformat
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    notebook.cells.append(nbformat.v4.new_code_cell(PEAK))
    with tempfile.TemporaryFile("w+") as log:
        manager, exits = _kernel_manager(log)
        try:
            notebook = _papermill(notebook, py, watch, cell_seconds, manager)
        except PapermillExecutionError as error:
            where = f"{py.name} failed in {watch.section!r}"
            trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
            raise ChapterFailed(f"{where}: {error.ename}: {error.evalue}", trace) from None
        except CellTimeoutError:
            where = f"a cell of {py.name} in {watch.section!r}"
            raise ChapterFailed(f"{where} ran longer than {cell_seconds} s") from None
        except DeadKernelError:
            log.seek(0)
            where = f"the kernel of {py.name} died in {watch.section!r}"
            raise ChapterFailed(f"{where}: {_cause(exits)}", log.read()[-2000:]) from None
    peak = notebook.cells.pop().outputs[0].data["text/plain"]
    return notebook, int(peak) // UNITS_PER_MB


def _papermill(notebook: Any, py: Path, watch: Watch, cell_seconds: int, manager: type) -> Any:
    import papermill

    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    return papermill.execute_notebook(
        notebook,
        None,
        cwd=py.parent,
        kernel_name="python3",
        progress_bar=False,
        execution_timeout=cell_seconds,
        kernel_manager_class=manager,
        on_cell_start=watch.cell,
        stdout_file=watch,
        stderr_file=watch,
    )


def _kernel_manager(log: Any) -> tuple[type, list[int]]:
    """A manager whose kernel logs into `log`, and the list in which it leaves the exit status.

    The kernel's own log warns of its TCP port at each start; what cells print does not go there.
    """
    from jupyter_client import AsyncKernelManager

    exits: list[int] = []

    class Manager(AsyncKernelManager):
        async def start_kernel(self, **options):
            await super().start_kernel(stderr=log, **options)

        async def cleanup_resources(self, restart=False):
            process = getattr(self.provisioner, "process", None)
            if process is not None and process.poll() is not None:
                exits.append(process.returncode)
            await super().cleanup_resources(restart)

    return Manager, exits


def _cause(exits: list[int]) -> str:
    """How a kernel ended, as half a sentence with its mend."""
    if not exits:
        return "it left without a word"
    if exits[-1] == -signal.SIGKILL:
        import resource

        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // UNITS_PER_MB
        return (
            f"killed, as a system does that runs out of memory (it had taken {peak:,} MB); "
            "close other programs, or take a smaller tier"
        )
    if exits[-1] < 0:
        return f"stopped by {signal.Signals(-exits[-1]).name}"
    return f"it left with exit status {exits[-1]}"
