# make run | demo | sample | test | check | fix | e2e | simulate | docs | screenshots | wheel | lock | locked | sbom | audit. Everything is installed into .venv, and only when requirements changed.
PYTHON ?= python3
# Compiled modules are kept: the tests start hundreds of processes, and each would compile them again.
export PYTHONDONTWRITEBYTECODE :=
BIN := .venv/bin
USE := .venv/.installed
DEV := .venv/.installed-dev
SUPPLY := .venv-supply/.installed
# On Linux without a GPU, TORCH_INDEX names the index of PyTorch's CPU wheels and saves several gigabytes of CUDA.
WORKERS ?= 2
TORCH := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: run demo sample test check fix e2e simulate docs screenshots wheel lock locked sbom audit

run: $(USE)
	$(BIN)/python -m ui.serve

demo: $(USE)
	$(BIN)/python -m core demo

# The finished sample study of the first screen, anew: when its texts or the code of the training change, a test asks for it.
sample: $(USE)
	export LITMUS_HOME=$$(mktemp -d) && $(BIN)/python -m core demo --full \
		&& rm -f core/catalogue/sample/finished.zip && $(BIN)/python -m core export core/catalogue/sample/finished.zip

# With AGAIN=1 what failed beside other tests is run once more, alone; it stays named above, and if it fails again, so does this.
test: $(DEV)
	export LITMUS_FUZZ=$(or $(LITMUS_FUZZ),100); $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal \
		|| { [ $$? -eq 1 ] && [ "$(AGAIN)" = 1 ] && $(BIN)/python -m pytest --last-failed --last-failed-no-failures none; }

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
	$(BIN)/python -m tests.e2e.screenshots

e2e: $(DEV)
	$(BIN)/python -m pytest -m e2e

# The same commit gives the same wheel to the last byte: its times are that of the commit.
wheel: $(DEV)
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m pip wheel --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation --wheel-dir dist .

# requirements.lock: what `run` needs, for every system, with the checksums of the package index.
lock: $(SUPPLY)
	.venv-supply/bin/uv pip compile --quiet --no-config --universal --generate-hashes --no-header --no-annotate \
		--python-version 3.11.5 -c constraints.txt requirements.txt -o requirements.lock

# Installs nothing whose checksum is not in the lock. PyTorch is that of the package index, with CUDA on Linux.
locked: | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@touch $(USE)

sbom: $(USE) $(SUPPLY)
	mkdir -p dist
	.venv-supply/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-file dist/litmus.cdx.json $(BIN)/python

# Needs a network that reaches the advisories of PyPI.
audit: $(USE) $(SUPPLY)
	.venv-supply/bin/pip-audit --path $$($(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")

$(SUPPLY): Makefile
	$(PYTHON) -m venv .venv-supply
	.venv-supply/bin/python -m pip install --quiet --disable-pip-version-check cyclonedx-bom==7.5.0 pip-audit==2.10.1 uv==0.13.9
	@touch $@

$(BIN)/python:
	$(PYTHON) -m venv .venv

$(USE): requirements.txt constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH) -c constraints.txt -r requirements.txt
	@touch $@

$(DEV): requirements.txt requirements-dev.txt constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH) -c constraints.txt -r requirements-dev.txt
	@touch $(USE) $@
