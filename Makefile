PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
QUESTION ?= How effective are mRNA vaccines against Covid-19?
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test test-all crash torture langgraph-tests lint format bench bench-quick studio clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run ## Research a question: make run QUESTION="..."
	@$(BIN)/threadloom run research "$$QUESTION" $(ARGS)

test: $(VENV)/.dev ## Run the tests but the thorough ones
	$(BIN)/pytest -n auto --dist loadgroup $(ARGS)

test-all: $(VENV)/.dev ## Run the thorough ones as well, as CI does
	$(BIN)/pytest -n auto --dist loadgroup -m "not crash" $(ARGS)

crash: $(VENV)/.dev ## Kill runs at every boundary of what they write: minutes
	$(BIN)/pytest -n auto -m crash $(ARGS)

torture: $(VENV)/.dev ## Kill workers of 200 runs a database: make torture SEED=1
	$(BIN)/python -m tests.torture $(if $(SEED),--seed $(SEED)) $(ARGS)

langgraph-tests: $(VENV)/.dev ## Run LangGraph's own tests with SQLSaver as saver
	$(BIN)/python -m tests.langgraph_suite -n auto $(ARGS)

lint: $(VENV)/.dev ## Check style, types and imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy threadloom tests bench examples
	$(BIN)/pyright

format: $(VENV)/.dev ## Format the code and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## Measure against the official savers: half an hour
	$(BIN)/python -m bench $(ARGS)

bench-quick: $(VENV)/.dev ## The same in less than two minutes
	$(BIN)/python -m bench --quick $(ARGS)

studio: $(VENV)/.dev ## Open the graphs in LangGraph Studio
	$(BIN)/langgraph dev $(ARGS)

clean: ## Remove the environment and what was built
	rm -rf $(VENV) .cache build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

export QUESTION
# pip reinstalls only when what is declared has changed.
$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[draw]'
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
