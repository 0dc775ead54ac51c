# Each target sets up what it needs: a machine with Python 3.11+, pip and make is enough.
PYTHON ?= python3
# The one that an active environment was made of: ours has no pip.
BASE    = $(shell $(PYTHON) -c 'import sys; print(sys._base_executable)')
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/ready
AI     := $(VENV)/ai-ready
MEDIA  ?=
KEEP   ?=
ROW    ?=
RUNS   ?= 3
SEED   ?= 1
SOAK_MINUTES ?= 30
PROCESSES ?= 3

.PHONY: help setup ai demo up deploy test check coverage bench faults soak clean

help:
	@echo "make demo [MEDIA=folder] [KEEP=1]   everything once, on samples or on up to 40 of your own files; KEEP: stays up"
	@echo "make ai                   once, for tags by a model: PyTorch with CUDA, 3 GB to fetch, 5.6 on disk"
	@echo "make up                   the site, until Ctrl-C"
	@echo "make deploy               apply prefect.yaml, pools and blocks to the running site"
	@echo "make test | check         the test suite | ruff, mypy --strict, the layer test"
	@echo "make coverage             the test suite, then a table of the lines that no test reached"
	@echo "pre-commit install        make check before each commit; pre-commit itself: pipx install pre-commit"
	@echo "make faults [SEED=1]      every job, stopped at every step in every way, and what became of it; ten minutes"
	@echo "make soak [SOAK_MINUTES=30] [SEED=1]   kill everything at random for so long, and look what became of the jobs"
	@echo "make bench [ROW=rescan]   speed against named peers, into bench/RESULTS.md"

setup: $(READY)

# Without ensurepip, which Debian leaves out of its python3: the pip at hand fills the new environment.
$(READY): pyproject.toml constraints.txt
	$(BASE) -m venv --without-pip $(VENV)
	PIP_CONSTRAINT=constraints.txt $(BASE) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

# Nothing else asks for this: all works without it.
ai: $(AI)

$(AI): $(READY)
	PIP_CONSTRAINT=constraints.txt $(BASE) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check -e '.[ai]'
	@touch $@

demo: $(READY)
	@$(BIN)/reelmill demo $(if $(MEDIA),--media '$(MEDIA)') $(if $(KEEP),--keep)

up: $(READY)
	@$(BIN)/reelmill up

deploy: $(READY)
	@$(BIN)/reelmill deploy

# Half of the tests wait for a site and half compute, so three processes keep two cores busy; tests/distribution.py says
# which tests share one. What measures time comes after that, alone; it runs, whatever failed before.
test: $(READY)
	$(BIN)/pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder -m 'not alone'; rest=$$?; \
	$(BIN)/pytest -m alone $$(grep -rl --include='*.py' mark.alone tests) && exit $$rest

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest --quiet tests/test_layers.py

# What runs in processes of its own (a site's servers and workers, the command line) is not counted.
coverage: $(READY)
	$(BIN)/pytest --cov --cov-report=term-missing:skip-covered

bench: $(READY)
	@$(BIN)/python -m bench --runs $(RUNS) $(if $(ROW),--row $(ROW))

faults: $(READY)
	FAULTS=all SEED=$(SEED) $(BIN)/pytest -s tests/faults

soak: $(READY)
	SOAK_MINUTES=$(SOAK_MINUTES) SEED=$(SEED) $(BIN)/pytest -s tests/soak

clean:
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .coverage
