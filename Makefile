# Each target sets up what it needs: a virtual environment in .venv, the package and its pins. A
# stamp in .venv says what is installed, and is renewed when pyproject.toml or constraints.txt is.
#   make run PYTHON=python3.12        another Python
#   make run PIP_ARGS="--extra-index-url URL"   another place to take packages from
#   make test PYTEST_ARGS="-k plans"  some of the tests
#   make lab LAB_ARGS=--no-browser    JupyterLab with options of its own, or on another notebook
PYTHON ?= python3
PIP_ARGS ?=
PYTEST_ARGS ?=
LAB_ARGS ?=
WORKERS ?= 2

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q install $(PIP_ARGS) -c constraints.txt
PYTEST := OMP_NUM_THREADS=1 ARLEARN_TIER=smoke $(BIN)/python -m pytest -q
NBVAL := --nbval-lax --nbval-current-env --nbval-cell-timeout=60
PINS := pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.PHONY: help run test lab claims book bench clean

help:
	@echo "make run      the chapter on VAR, trained and measured on this machine, and the book"
	@echo "make test     every test, and every chapter at the smoke tier"
	@echo "make lab      JupyterLab on the chapters; it opens on the map"
	@echo "make claims   run the chapters that changed since their result; say what each measured"
	@echo "make book     build the book into book/_build/html"
	@echo "make bench    measure the library against its peers"
	@echo "make clean    remove what the commands made: .venv, caches, builds (not the data)"
	@echo
	@echo "The first call installs into .venv (some minutes, 1 to 2 GB); later ones start at once."

run: .venv/.installed-book
	@$(BIN)/arlearn run var --tier cpu --book

# The workers take a file each; a notebook's cells must stay together (loadscope).
test: .venv/.installed-dev
	@$(PYTEST) -n $(WORKERS) --dist loadscope $(NBVAL) --ignore=tests/bench tests chapters $(PYTEST_ARGS)

lab: .venv/.installed-base
	@$(BIN)/arlearn lab $(LAB_ARGS)

claims: .venv/.installed-base
	@$(BIN)/arlearn claims

book: .venv/.installed-book
	@$(BIN)/python book/build.py

# The tests' own conftest would check every shape on the way, so it is left out.
bench: .venv/.installed-peers
	@$(BIN)/python -m pytest -q -s --confcutdir=tests/bench tests/bench $(PYTEST_ARGS)

clean:
	rm -rf .venv .arlearn book/_build build dist .pytest_cache .ruff_cache .hypothesis *.egg-info
	find arlearn tests chapters -name __pycache__ -prune -exec rm -rf {} +

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "arlearn needs Python 3.11 or newer, and $(PYTHON) is older or missing;" \
	    "name one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "setting up, once: making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv"; \
	  exit 1; }
	@touch $@

# torch first and alone: it is most of the download, so it gets a line of its own.
.venv/.installed-base: .venv/.made $(PINS)
	@start=$$(date +%s); \
	echo "setting up, 1 of 2: torch (the largest package, 1 to 5 minutes)"; \
	$(PIP) torch && \
	echo "setting up, 2 of 2: the course and what its chapters need (1 to 3 minutes)" && \
	$(PIP) -e '.[speech]' && echo "set up in $$(($$(date +%s) - start)) s"
	@touch $@

.venv/.installed-book: .venv/.installed-base
	@echo "setting up: what builds the book (half a minute)"
	@$(PIP) -e '.[book]'
	@touch $@

.venv/.installed-dev: .venv/.installed-book
	@echo "setting up: what the tests need (half a minute)"
	@$(PIP) -e '.[book,dev]'
	@touch $@

.venv/.installed-peers: .venv/.installed-dev
	@echo "setting up: the libraries to measure against (a minute)"
	@$(PIP) -e '.[dev,peers]'
	@touch $@
