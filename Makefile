# Needs python3 (3.11 or 3.12, with venv), node 20 or later with npm, make. Every target installs what it needs below this folder first.
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do \
  $$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && echo $$p && break; done)
PORT ?= 8545
MINUTES ?= 30
BIN := $(CURDIR)/.venv/bin
PY := $(BIN)/python
LOCKS := installer offchain storage-sdk

# uv takes wheels only from its own index settings; whoever configured pip instead is served by pip.
install = $(BIN)/uv pip install -q --python $(1)/bin/python --require-hashes -r $(2) || $(1)/bin/python -m pip install -q --require-hashes -r $(2)
say = @echo "==> $(1)"

export APE_DATA_FOLDER := $(CURDIR)/.ape
export NO_PROXY := 127.0.0.1,localhost,$(NO_PROXY)
export no_proxy := $(NO_PROXY)

.PHONY: help setup lint test test-slow demo soak devnet devnet-stop bench gas docs lock clean
help: ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: ## Install everything below this folder (the other targets do it by themselves)
	@$(MAKE) --no-print-directory -j2 .venv/ready node_modules/ready

.venv/ready: requirements/installer.txt requirements/dev.txt pyproject.toml tools/venv_paths.py
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 with venv is needed (Debian: apt install python3-venv); or set PYTHON=path" >&2; exit 1; }
	$(call say,installing Python packages into .venv (about 10 s with uv$(comma) a minute with pip))
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@$(PY) -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements/installer.txt
	@$(call install,.venv,requirements/dev.txt)
	@$(PY) -m pip install -q --disable-pip-version-check --no-index --no-deps --no-build-isolation -e .
	@$(PY) tools/venv_paths.py
	@touch $@

node_modules/ready: package-lock.json .npmrc
	@command -v node >/dev/null && command -v npm >/dev/null || { echo "Node.js 20 or later with npm is needed (Debian: apt install nodejs npm)" >&2; exit 1; }
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || { echo "Node.js 20 or later is needed, this is $$(node --version)" >&2; exit 1; }
	$(call say,installing anvil$(comma) solc$(comma) OpenZeppelin and the public SDKs into node_modules)
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.venv-storage-sdk/ready: requirements/storage-sdk.txt | .venv/ready
	$(call say,installing the public Python SDK into .venv-storage-sdk: it needs another web3 than we do)
	@rm -rf .venv-storage-sdk
	@$(PYTHON) -m venv .venv-storage-sdk
	@$(call install,.venv-storage-sdk,requirements/storage-sdk.txt)
	@touch $@

lint: setup ## Style, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PY) -m scripts.lint

test: setup .venv-storage-sdk/ready ## Every lane at the sizes of a working day
	$(BIN)/ape test

test-slow: setup .venv-storage-sdk/ready ## Full sizes and long campaigns
	ZG_TEST_SCALE=full $(BIN)/ape test

demo: setup ## The stories on real data, on a chain of their own
	@$(PY) -m scripts.demo

soak: setup ## Random work and random kills, then an account of everything (MINUTES=30, SEED=… repeats one)
	@$(PY) -m scripts.soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

devnet: setup ## The network in the background (PORT=8545); writes .devnet/network.json
	@$(PY) -m scripts.devnet start --port $(PORT)

devnet-stop: ## Stop it
	@test ! -x $(PY) || $(PY) -m scripts.devnet stop

bench: setup ## Speed, with rivals in the same run; writes benchmarks/results.json
	@$(PY) -m benchmarks

gas: setup ## Gas, sizes and layouts; writes snapshots/ (CHECK=1 compares instead)
	@$(PY) -m scripts.snapshot $(if $(CHECK),--check)

docs: setup ## Regenerate the tables in docs/ and the ABIs of the workers
	@$(PY) -m scripts.export_abis
	@$(PY) -m scripts.tables

.venv-lock/bin/uv: requirements/installer.in
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install -q --disable-pip-version-check -r requirements/installer.in

lock: .venv-lock/bin/uv ## Resolve requirements/*.in and package.json again
	for name in dev $(LOCKS); do \
	  .venv-lock/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	    $$(test $$name != offchain || echo -c requirements/dev.txt) requirements/$$name.in -o requirements/$$name.txt; done
	npm install --package-lock-only --ignore-scripts
	node tools/lock_platforms.js

clean: devnet-stop ## Forget builds and environments
	rm -rf .venv .venv-lock .venv-storage-sdk node_modules .build .ape .devnet

comma := ,
