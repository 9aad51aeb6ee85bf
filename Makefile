V := .venv
B := $(V)/bin
READY := $(V)/.ready
UV = VIRTUAL_ENV="$(CURDIR)/$(V)" $(B)/uv

# The lock was made for Python 3.11 and also holds on 3.12.
PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3,$(if $(shell command -v $(p) 2>/dev/null),$(p))))

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo devnet test ape lint compile gas forge symbolic static mutate coverage deep bench lock clean moved

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(READY) ## install everything below this folder (the first demo or test compiles the contracts)

demo: compile ## run the whole story on a chain of its own (ARGS="--help" shows the options)
	$(B)/tensorbond demo $(ARGS)

devnet: compile ## keep a local chain with the contracts on it
	$(B)/tensorbond devnet $(ARGS)

test: lint compile ## lint, then run every test on both cores (ARGS="-k staking" goes to pytest)
	PYTHONHASHSEED=0 $(B)/pytest -n 2 --dist worksteal $(ARGS)

ape: compile ## run the tests that use ape's own fixtures
	$(B)/ape test tests/contracts/test_ape_project.py

lint: $(READY) ## check style and types
	$(B)/ruff check
	$(B)/ruff format --check
	$(B)/mypy
	$(B)/nodejs node_modules/solhint/solhint.js --max-warnings 0 --noPoster 'contracts/**/*.sol'

compile: $(READY) ## compile the contracts into .build/contracts.json
	@$(B)/python scripts/compile.py

gas: compile ## measure the gas of every verb beside its target; fails on 2 % of difference (ARGS="--write" keeps it)
	$(B)/python -m scripts.gas $(ARGS)

forge: compile ## play the market and fuzz the libraries in forge (ARGS="--match-contract Shares")
	$(B)/python -m tests.forge.run $(ARGS)

symbolic: compile .deep/.ready ## prove the money arithmetic with halmos (ARGS=slash: those whose name has it)
	$(B)/python scripts/symbolic.py $(ARGS)

static: compile .deep/.ready ## slither, against scripts/slither.json
	$(B)/python scripts/static.py

mutate: compile .deep/.ready ## change the contracts one thing at a time and see which test notices (ARGS="--all", "--only Shares")
	$(B)/python scripts/mutate.py $(ARGS)

coverage: $(READY) ## run the tests on probed contracts, and show what they reach (ARGS="--report", "tests/contracts/rewards")
	PYTHONHASHSEED=0 $(B)/python -m scripts.coverage $(ARGS)

deep: compile .deep/.ready ## all that is too slow for `make test`: hours; writes the table of docs/assurance.md
	$(B)/python scripts/deep.py $(ARGS)

bench: $(READY) ## measure this machine's CPU, and write docs/benchmarks/ (four minutes)
	OPENBLAS_NUM_THREADS=1 $(B)/python -m benchmarks $(ARGS)

lock: $(V)/.python ## resolve requirements/*.in and package.json anew
	cd requirements && for name in uv dev deep; do VIRTUAL_ENV="$(CURDIR)/$(V)" "$(CURDIR)/$(B)/uv" pip compile --quiet --upgrade --python-version 3.11 --universal \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" -o $$name.txt $$name.in; done
	PATH="$(CURDIR)/$(B):$$PATH" $(B)/npm install --package-lock-only --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved

clean: ## delete what set-up and builds have made
	rm -rf $(V) .deep node_modules .ape .build out cache contracts/.cache .hypothesis .mypy_cache .pytest_cache .ruff_cache

# Set-up, in three steps that leave a stamp each.

# .venv holds absolute paths: a checkout that was moved or copied gets a new one.
ifneq ($(shell cat $(V)/.python 2>/dev/null || pwd),$(shell pwd))
$(V)/.python: moved
moved:
	rm -rf $(V)
endif

$(V)/.python: requirements/uv.txt requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 13) else "Python 3.11 or 3.12 is needed, this is " + sys.version)'
	@echo "Python packages: $$(grep -c == requirements/dev.txt) at the hashes in requirements/, about 260 MB unless cached"
	$(PYTHON) -m venv $(V)
	$(B)/pip install --disable-pip-version-check --no-input --require-hashes --no-deps -r requirements/uv.txt
	$(UV) pip install --no-python-downloads --no-build-isolation --require-hashes --no-deps -r requirements/dev.txt
	@pwd > $@

node_modules/.stamp: package.json package-lock.json $(V)/.python
	@echo "npm packages: solc, OpenZeppelin, Foundry, solhint and viem at the hashes in package-lock.json, about 130 MB unless cached"
	PATH="$(CURDIR)/$(B):$$PATH" $(B)/npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier
	@touch $@

# halmos, slither and gambit pin what others pin otherwise: an environment of their own, for `make deep`.
.deep/.ready: requirements/deep.txt $(READY)
	$(PYTHON) -m venv .deep
	VIRTUAL_ENV="$(CURDIR)/.deep" $(B)/uv pip install --no-python-downloads --require-hashes --no-deps -r requirements/deep.txt
	@touch $@

$(READY): $(V)/.python node_modules/.stamp scripts/toolchain/install.sh scripts/toolchain/solc-wrapper.js pyproject.toml
	scripts/toolchain/install.sh
	$(UV) pip install --quiet --offline --no-deps --no-build-isolation --editable .
	@touch $@
