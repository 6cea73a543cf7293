# make jam    sets up and starts playing         make test   sets up and runs every test
# make train  sets up what training needs
# Nothing else is needed: both work from a clean clone with Python 3.11 or later.

PYTHON ?= $(firstword $(foreach v,3.11 3.12 3.13,$(shell python$(v) --version >/dev/null 2>&1 && echo python$(v))) python3)
BIN := .venv/bin

.PHONY: jam train test lint page clean

jam: .venv/player
	$(BIN)/gapt jam

train: .venv/dev
	@echo 'The training libraries are there: . $(BIN)/activate, and see docs/training.md.'

test: .venv/dev lint
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0 -m "not realtime"
# A machine that stalls for a moment fails a test that runs in real time: those have a second chance.
	$(BIN)/pytest -m realtime || $(BIN)/pytest -m realtime --last-failed

lint: .venv/dev
	$(BIN)/ruff format --check src tests
	$(BIN)/ruff check src tests
	$(BIN)/mypy

# The page's TypeScript, compiled into the package. Needs Node; players do not.
page:
	cd web && npm ci --silent && npm run --silent build

clean:
	rm -rf .venv web/node_modules

.venv/player: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo 'Setting up, once: this takes about a minute.'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/dev: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo 'Setting up for development, once: this takes a few minutes.'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@ .venv/player
