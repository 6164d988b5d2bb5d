# Each target sets up what it needs. PYTHON picks the interpreter (3.11 or newer) for .venv.
PYTHON ?= python3
BIN := .venv/bin
# Where no package can be had, nobody waits long for none.
APT := timeout 180 apt-get --quiet --yes -o Acquire::Retries=0 -o Acquire::http::Timeout=20
SOURCES := $(wildcard csrc/*.pyx csrc/*.pxi csrc/*.pxd csrc/*.h) setup.py pyproject.toml

.PHONY: demo test soak mutants bench fuzz coverage valgrind native lint types build clean

demo: .venv/built
	$(BIN)/fixengine demo

test: .venv/dev lint types valgrind
	$(BIN)/python -m pytest tests examples -n auto --maxprocesses 2 --dist loadfile
	@$(MAKE) --no-print-directory native || true
	$(BIN)/python -m pytest bench --benchmark-disable -q -rs

# Kills of the real process, what a message costs when much is open, then worlds of trouble, one after the other, until one fails or it is
# stopped. KILLS: how many. SEED: the first world.
SEED ?= 0
KILLS ?= 1000
soak: .venv/dev
	KILLS=$(KILLS) $(BIN)/python -m pytest tests/test_engine_kills.py
	$(BIN)/python -m bench.scale
	$(BIN)/python -m bench.scale --memory 10000000
	PYTHONPATH=tests $(BIN)/python -m world --seed $(SEED) --seeds 0

# Bugs put into copies of the engine: each must be caught by the worlds or the scripts.
mutants: .venv/dev
	$(BIN)/python tests/mutants.py

# BASE: a revision to compare the codec with, in turns; without it everything is measured once.
bench: .venv/dev valgrind native
ifdef BASE
	$(BIN)/python -m bench.compare $(BASE)
else
	$(BIN)/python -m pytest bench --benchmark-only --benchmark-sort=name \
	    --benchmark-columns=min,median,iqr,rounds
	$(BIN)/python -m bench.codec
	$(BIN)/python -m bench.walk
	$(BIN)/python -m bench.round_trip
	$(BIN)/python -m bench.stretches
	$(BIN)/python -m bench.durability
	$(BIN)/python -m bench.guard
	$(BIN)/python -m bench.chain
endif

# FUZZ_SECONDS: how long. Needs clang with its runtime; as root it is installed where apt-get is.
FUZZ_SECONDS ?= 60
fuzz: .venv/dev
	@PYTHONPATH=tests $(BIN)/python -m fuzz.build || ! [ "$$(id -u)" = 0 ] || \
	    $(APT) install clang libclang-rt-dev llvm
	FUZZ_SECONDS=$(FUZZ_SECONDS) PYTHONPATH=tests $(BIN)/python -m fuzz.run
	@$(MAKE) --no-print-directory coverage

coverage: .venv/dev
	PYTHONPATH=tests $(BIN)/python -m fuzz.coverage

# Counts the instructions of the codec; without it that part of the guard says it was skipped.
valgrind:
	@command -v valgrind >/dev/null || ! command -v apt-get >/dev/null || ! [ "$$(id -u)" = 0 ] || \
	    { $(APT) update && $(APT) install valgrind; } || \
	    echo "valgrind could not be installed: the guard counts no instructions"

# The round trip's relay, strategy and venue, which need the headers of libzmq and libssl. What is
# missing is named, and fails the round trip; as root it is installed where apt-get is.
native: .venv/dev
	@$(BIN)/python -m bench.native || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    $(APT) update && $(APT) install gcc libzmq3-dev libssl-dev && \
	    $(BIN)/python -m bench.native; }

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest fixengine.wire fixengine.link

build: .venv/built

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "fixengine needs Python 3.11 or newer; set PYTHON=/path/to/it"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@touch $@

.venv/built: .venv/python $(SOURCES)
	@echo "building fixengine (about a minute the first time) ..."
	$(BIN)/python -m pip install --quiet --config-settings editable_mode=compat --editable .
	@touch $@

.venv/dev: .venv/built
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

clean:
	rm -rf .venv build dist *.egg-info engine/*.egg-info engine/fixengine/*.so
