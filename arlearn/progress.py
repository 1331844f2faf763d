"""What the person at the keyboard sees of a run, and how Ctrl-C stops it between two steps."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

LINES = 10
WINDOW = 50


class Progress:
    """Loss, speed and time left: one moving line on a terminal, ten plain lines elsewhere.

    Notebooks, logs and pipes get plain lines because a carriage return leaves residue there.
    The loss shown is the mean of the last 50 steps.
    """

    def __init__(self, label: str, start: int, steps: int, shown: bool = True):
        self.label, self.start, self.steps, self.shown = label, start, steps, shown
        self.began, self.items = time.perf_counter(), 0
        self.bar = None
        if shown and sys.stderr.isatty():
            self.bar = tqdm(total=steps, initial=start, desc=label, unit="step", leave=True)

    def step(self, losses: list[float], items: int) -> None:
        """Say where the run stands after the step that gave the last loss, on `items` examples."""
        self.items += items
        if not self.shown:
            return
        recent = losses[-WINDOW:]
        done, loss = len(losses), sum(recent) / len(recent)
        seconds = time.perf_counter() - self.began
        speed = f"{self.items / max(seconds, 1e-9):,.0f} items/s"
        if self.bar is not None:
            self.bar.set_postfix_str(f"loss {loss:.4g}, {speed}", refresh=False)
            self.bar.update(1)
        elif done * LINES // self.steps > (done - 1) * LINES // self.steps:
            left = seconds / (done - self.start) * (self.steps - done)
            clock = tqdm.format_interval(left)
            print(f"{self.label}: step {done}/{self.steps}, loss {loss:.4g}, {speed}, {clock} left")

    def close(self) -> None:
        """Leave the line as it stands."""
        if self.bar is not None:
            self.bar.close()


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Inside the block the first Ctrl-C only makes the yielded function answer True.

    So a step is never cut in half and what is saved is a whole state. A second Ctrl-C interrupts
    at once. Outside the main thread Python delivers no signals and nothing is changed.
    """
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return
    before = signal.getsignal(signal.SIGINT) or signal.default_int_handler

    def note(number, frame) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)
