"""What the machine has, and what each tier will cost on it: the facts behind `arlearn doctor`."""

import json
import os
import platform
import shutil
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from arlearn import home

CHAPTER_MB, DISK_MB = 2000, 2000


@dataclass(frozen=True)
class Fact:
    """One line of the report; `problem` is a sentence with its mend, `fatal` when nothing runs."""

    name: str
    value: str
    problem: str = ""
    fatal: bool = False


def facts() -> list[Fact]:
    """Everything a chapter needs from the machine, and what its runs cost where ours were made."""
    return [
        _python(),
        _torch(),
        _memory(),
        _disk(),
        _tier(),
        _data(),
        _kernel(),
        _pins(),
        *(_cost(tier) for tier in home.TIERS),
    ]


def memory_mb() -> int:
    """Memory that a program can still take, in MB (Linux), or all there is (elsewhere)."""
    table = Path("/proc/meminfo")
    if table.exists():
        lines = dict(line.split(":", 1) for line in table.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) // 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20


def _python() -> Fact:
    found = platform.python_version()
    old = tuple(int(part) for part in found.split(".")[:2]) < (3, 11)
    problem = f"Python {found} is too old; install 3.11 or newer" if old else ""
    return Fact("Python", f"{found} on {platform.system()} {platform.machine()}", problem, old)


def _torch() -> Fact:
    try:
        import torch
    except ImportError as error:
        return Fact("torch", "missing", f"torch cannot be imported ({error}); run `make lab`", True)
    cuda = torch.cuda.is_available()
    where = torch.cuda.get_device_name(0) if cuda else "no GPU, which the course does not need"
    return Fact("torch", f"{torch.__version__}, {os.cpu_count()} cores, {where}")


def _memory() -> Fact:
    free = memory_mb()
    problem = f"a chapter may take {CHAPTER_MB} MB; close something" if free < CHAPTER_MB else ""
    return Fact("memory", f"{free:,} MB free", problem)


def _disk() -> Fact:
    free = shutil.disk_usage(home.PACKAGE).free // 2**20
    low = free < DISK_MB
    problem = f"data and pictures of all chapters want {DISK_MB} MB; make room" if low else ""
    return Fact("disk", f"{free:,} MB free", problem, fatal=free < 100)


def _tier() -> Fact:
    try:
        named = "ARLEARN_TIER" if os.environ.get("ARLEARN_TIER") else "found"
        return Fact("tier", f"{home.tier()} ({named}), device {home.device()}")
    except ValueError as error:
        return Fact("tier", os.environ["ARLEARN_TIER"], str(error), fatal=True)


def _data() -> Fact:
    try:
        folder = home.data_folder()
    except (FileNotFoundError, PermissionError) as error:
        return Fact("data", "no folder", str(error), fatal=True)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) // 2**20
    return Fact("data", f"{folder}, {size:,} MB cached")


def _kernel() -> Fact:
    mend = "run `make lab`, or `pip install -e . -c constraints.txt`"
    try:
        from jupyter_client.kernelspec import KernelSpecManager
    except ImportError:
        return Fact("Jupyter", "missing", f"notebooks cannot run without Jupyter; {mend}")
    if "python3" not in KernelSpecManager().find_kernel_specs():
        return Fact("Jupyter", "no kernel", f"Jupyter finds no kernel called python3; {mend}")
    return Fact("Jupyter", "kernel python3")


def _pins() -> Fact:
    """Do the installed versions equal constraints.txt?  A local suffix (`+cpu`) does not matter."""
    pins = home.PACKAGE.parent / "constraints.txt"
    if not pins.exists():
        return Fact("versions", "no constraints.txt beside the package")
    other = []
    for line in pins.read_text().splitlines():
        name, _, pinned = line.partition("==")
        try:
            found = metadata.version(name).split("+")[0] if pinned else ""
        except metadata.PackageNotFoundError:
            continue
        if found != pinned.split(";")[0].strip():
            other.append(f"{name} {found} (tested: {pinned})")
    problem = f"other versions than the tested ones: {', '.join(other[:5])}" if other else ""
    return Fact("versions", f"{len(other)} differ" if other else "as in constraints.txt", problem)


def _cost(tier: str) -> Fact:
    """Seconds the chapters took where their results were made."""
    folder = home.PACKAGE.parent / "book" / "results" / tier
    found = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]
    took = {row["slug"]: row["seconds"] for row in found if row.get("seconds")}
    if not took:
        plan = {"smoke": "seconds a chapter", "cpu": "at most 2 minutes a chapter on 2 quiet cores"}
        return Fact(f"{tier} tier", plan.get(tier, "at most 5 minutes a chapter on a large GPU"))
    slowest = max(took, key=took.get)
    return Fact(
        f"{tier} tier",
        f"{len(took)} chapters took {sum(took.values()):,.0f} s where they were measured, "
        f"the longest {slowest} {took[slowest]:.0f} s",
    )
