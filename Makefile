# make demo   four networks from raw images to a comparison, on synthetic CT slices (DATA=folder: your own images)
# make test   lint, types, all tests
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

.PHONY: demo test lint bundles clean
export DATA

demo: $(STAMP)
	$(BIN)/python -m tools.demo $(if $(DATA),--data "$$DATA") $(DEMO_ARGS)

test: lint
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python bundles/render.py --check

bundles: $(STAMP)
	$(BIN)/python bundles/render.py

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(0 if sys.version_info >= (3, 11) else 'error: Python must be >= 3.11, got ' + sys.version.split()[0] + '; name another with: make PYTHON=python3.11')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $(STAMP)

clean:
	rm -rf $(VENV) build dist *.egg-info
