"""The doctor's facts: what is missing is named with its mend, what costs is read from results."""

from types import SimpleNamespace

from arlearn import home
from arlearn.runner import machine


def fact(name):
    return next(found for found in machine.facts() if found.name == name)


def test_a_healthy_machine_has_no_fatal_problem(toy, monkeypatch):
    monkeypatch.setenv("ARLEARN_TIER", "smoke")
    assert not [found for found in machine.facts() if found.fatal]
    assert fact("Jupyter").value == "kernel python3"
    assert fact("tier").value == "smoke (ARLEARN_TIER), device cpu"
    assert machine.memory_mb() > 0


def test_a_wrong_tier_is_fatal(toy, monkeypatch):
    monkeypatch.setenv("ARLEARN_TIER", "tpu")
    found = fact("tier")
    assert found.fatal and "choose one of smoke, cpu, gpu" in found.problem


def test_little_memory_and_disk_are_named(toy, monkeypatch):
    monkeypatch.setattr(machine, "memory_mb", lambda: 900)
    assert "2000 MB" in fact("memory").problem and not fact("memory").fatal
    full = SimpleNamespace(free=50 * 2**20)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: full)
    assert fact("disk").fatal


def test_an_unwritable_data_folder_is_fatal(toy, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path / "file" / "below"))
    assert fact("data").fatal and "set ARLEARN_DATA" in fact("data").problem


def test_versions_other_than_the_pins_are_named(toy):
    pins = home.root() / "constraints.txt"
    pins.write_text("pytest==0.0.1\nno-such-package==1\n", encoding="utf-8")
    assert fact("versions").value == "1 differ" and "tested: 0.0.1" in fact("versions").problem
    pins.write_text(f"numpy=={machine.metadata.version('numpy')}\n", encoding="utf-8")
    assert not fact("versions").problem


def test_costs_are_those_of_the_results(toy):
    assert "2 minutes" in fact("cpu tier").value
    for slug, seconds in (("var", 60.2), ("xar", 41.0)):
        row = {"slug": slug, "seconds": seconds}
        home.write_json(home.root() / "book" / "results" / "cpu" / f"{slug}.json", row)
    assert fact("cpu tier").value.startswith("2 chapters took 101 s")
    assert fact("cpu tier").value.endswith("the longest var 60 s")
