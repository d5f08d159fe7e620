# make demo   four networks from raw scans to a comparison, on a phantom in DICOM (DATA=folder: your own scans)
# make test   lint, types, all tests
# make nnunet nnU-Net in an environment of its own, for the tests and benchmarks that compare with it
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
NNUNET_VENV := .venv-nnunet
NNUNET_STAMP := $(NNUNET_VENV)/installed
# Two files at a time, each file's tests in their order.
PYTEST_ARGS ?= -n 2 --dist loadfile
NEW_ENOUGH := import sys; sys.exit(0 if sys.version_info >= (3, 11) else 'error: Python must be >= 3.11, got ' + sys.version.split()[0] + '; name another with: make PYTHON=python3.11')

.PHONY: demo test lint bundles nnunet clean
export DATA

demo: $(STAMP)
	$(BIN)/python -m tools.demo $(if $(DATA),--data "$$DATA") $(DEMO_ARGS)

test: lint nnunet
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python bundles/render.py --check

bundles: $(STAMP)
	$(BIN)/python bundles/render.py

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c "$(NEW_ENOUGH)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $(STAMP)

nnunet: $(NNUNET_STAMP)

$(NNUNET_STAMP): constraints-nnunet.txt
	$(PYTHON) -c "$(NEW_ENOUGH)"
	$(PYTHON) -m venv $(NNUNET_VENV)
	$(NNUNET_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-nnunet.txt nnunetv2
	touch $(NNUNET_STAMP)

clean:
	rm -rf $(VENV) $(NNUNET_VENV) build dist *.egg-info
