# `make demo` and `make test` set up all they need in .venv/ from a fresh clone.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
MINISTACK := .venv/ministack/.ready
INSTALL := -m pip install --quiet --disable-pip-version-check
# Both environments are made at the same time; `make clean test` does one thing after the other.
ifeq ($(filter clean,$(MAKECMDGOALS)),)
MAKEFLAGS += --jobs=2
endif

.PHONY: demo test collected lint bench lock docs clean

demo: $(READY)
	$(BIN)/opskit demo

# By file, because many share one embedded AWS; in the order of tests/conftest.py, the longest first. Two workers more
# than there are cores: nearly half of the time tests wait, for timeouts, polls and processes.
# Byte-code is written, wherever this runs: otherwise each worker, and each process that a test starts, compiles all.
test collected: export PYTHONDONTWRITEBYTECODE =
test: $(READY) $(MINISTACK) lint collected
	$(BIN)/python -m pytest -n $$(( $$(getconf _NPROCESSORS_ONLN) + 2 )) --dist loadfile --no-loadscope-reorder

# Compiles all modules once, while mypy has the other core, and not once a worker.
collected: $(READY)
	@$(BIN)/python -m pytest --collect-only > .venv/collected || { cat .venv/collected; exit 1; }

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python -m pytest -p no:xdist -p no:cacheprovider -s tests/benchmarks --timeout=1200

# Needs uv; run it after changing the dependencies in pyproject.toml.
lock:
	uv pip compile -q --universal --python-version 3.11 --extra dev --no-header --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --upgrade -o requirements.lock pyproject.toml

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "opskit needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv .venv
	$(BIN)/python $(INSTALL) -r requirements.lock
	$(BIN)/python $(INSTALL) --no-deps --no-build-isolation --editable .
	touch $@

# ministack, whose SQS tests move messages on, needs another botocore: it has an environment of its own.
$(MINISTACK): tests/ministack.lock
	$(PYTHON) -m venv .venv/ministack
	.venv/ministack/bin/python $(INSTALL) -r tests/ministack.lock
	touch $@

# Writes what the code knows into the documents, and the reports that tests compare; tests fail when they are
# stale. Read the diff: every changed line is one that a user sees.
docs: $(READY)
	$(BIN)/python -m opskit.inventory.reference docs/manifest.md
	$(BIN)/python -m opskit.insights.reference docs/queries.md
	$(BIN)/python -m opskit.health.reference docs/health.md
	$(BIN)/python tests/readme.py
	$(BIN)/python tests/goldens.py
	$(BIN)/python tests/exams.py

clean:
	rm -rf .venv build dist
