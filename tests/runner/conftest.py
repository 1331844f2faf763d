"""A toy repository with one chapter, for the tests that must not touch the real one."""

from pathlib import Path

import pytest

from arlearn import home

HEADER = """\
# ---
# jupyter:
#   jupytext:
#     cell_metadata_filter: tags,-all
#     formats: ipynb,py:percent
#     notebook_metadata_filter: kernelspec,jupytext,-jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---
"""

TOY = f"""{HEADER}
# %% [markdown]
# # A toy chapter

# %% tags=["parameters"]
seed = 0

# %% [markdown]
# ## Train

# %%
import json
import os
import sys
from pathlib import Path

for step in range(3):
    print(f"\\rstep {{step}} of 2", end="")
    print(f"\\r{{step * 50}}%|##| {{step}}/2", end="", file=sys.stderr)
print()
print(Path.cwd() / "weights", Path.home() / "data")

# %% [markdown]
# ## Measure

# %%
folder = Path(os.environ["ARLEARN_RESULTS"]) / os.environ["ARLEARN_TIER"]
folder.mkdir(parents=True, exist_ok=True)
part = {{"name": "passes", "paper": "20x", "method": 4, "baseline": 64, "verdict": "reproduced"}}
row = {{"slug": "toy", "tier": os.environ["ARLEARN_TIER"], "verdict": "reproduced", "seconds": 0}}
(folder / "toy.json").write_text(json.dumps(row | {{"parts": [part]}}))
seed
"""


@pytest.fixture
def toy(tmp_path, monkeypatch) -> Path:
    """The source of the toy chapter, in a repository that `home` takes for its own."""
    for folder in ("chapters/00_toy", "datasets", "arlearn/papers"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(home, "PACKAGE", tmp_path / "arlearn")
    monkeypatch.delenv("ARLEARN_RESULTS", raising=False)
    py = tmp_path / "chapters" / "00_toy" / "01_toy.py"
    py.write_text(TOY, encoding="utf-8")
    return py
