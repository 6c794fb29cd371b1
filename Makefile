# make run | demo | test | check | fix | e2e | simulate | docs | screenshots. Everything is installed into .venv, and only when requirements changed.
PYTHON ?= python3
# Compiled modules are kept: the tests start hundreds of processes, and each would compile them again.
export PYTHONDONTWRITEBYTECODE :=
BIN := .venv/bin
USE := .venv/.installed
DEV := .venv/.installed-dev
# On Linux without a GPU, TORCH_INDEX names the index of PyTorch's CPU wheels and saves several gigabytes of CUDA.
WORKERS ?= 2
TORCH := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: run demo test check fix e2e simulate docs screenshots

run: $(USE)
	$(BIN)/python -m ui.serve

demo: $(USE)
	$(BIN)/python -m core demo

test: $(DEV)
	LITMUS_FUZZ=$(or $(LITMUS_FUZZ),300) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m "not slow and not e2e"

fix: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

simulate: $(DEV)
	LITMUS_SIMULATE=1000 $(BIN)/python -m pytest -q -n $(WORKERS) -m simulation -o timeout=0

docs: $(DEV)
	$(BIN)/python -m tests.reference
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

screenshots: $(DEV)
	$(BIN)/python -m tests.e2e.tour_pictures

e2e: $(DEV)
	$(BIN)/python -m pytest -m e2e

$(BIN)/python:
	$(PYTHON) -m venv .venv

$(USE): requirements.txt constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH) -c constraints.txt -r requirements.txt
	@touch $@

$(DEV): requirements.txt requirements-dev.txt constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH) -c constraints.txt -r requirements-dev.txt
	@touch $(USE) $@
