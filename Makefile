# What a newcomer types. Needs Python 3.11 or newer with venv, make and git; uses uv when it is there.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# tests/types says what a type checker must accept and refuse of the public interface.
TYPED  := src examples $(wildcard tests/types)
UV     := $(shell command -v uv 2>/dev/null)

.PHONY: help demo test check format docs bench soak clean

help:
	@echo 'make demo     see it run, on SQLite, with nothing else installed'
	@echo 'make test     the whole suite, on every engine'
	@echo 'make check    style, types, floors and house rules, in seconds'
	@echo 'make format   let ruff put the layout right'
	@echo 'make docs     the documentation as a site, in site/'
	@echo 'make bench    the benchmarks'
	@echo 'make soak     the long tests, with their full figures'
	@echo 'make clean    remove what these made'

demo: $(VENV)/.installed
	@$(BIN)/headrace demo

# A file of tests stays on one worker, so that a server or a store is started once for it.
test: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -n 2 --dist loadscope $(ARGS)

# The answer of each is wanted even when an earlier one fails, and all fail the target together.
check: $(VENV)/.installed-dev
	@code=0; \
	$(BIN)/ruff check -q . || code=1; \
	$(BIN)/ruff format -q --check . || { echo 'ruff format would change files: make format'; code=1; }; \
	$(BIN)/mypy --no-error-summary $(TYPED) || code=1; \
	out=$$(PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright $(TYPED) 2>&1) || { echo "$$out"; code=1; }; \
	out=$$($(BIN)/lint-imports 2>&1) || { echo "$$out"; code=1; }; \
	$(BIN)/python -m pytest -q -p no:xdist tests/house || code=1; \
	exit $$code

format: $(VENV)/.installed-dev
	@$(BIN)/ruff check -q --fix . ; $(BIN)/ruff format -q .

# Broken links fail. The pages need no network and may be opened as files; the search in them needs a server.
docs: $(VENV)/.installed-docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -q --strict
	@echo 'open site/index.html, or run: $(BIN)/python -m http.server -b 127.0.0.1 -d site'

bench: $(VENV)/.installed-dev
	@$(BIN)/python -m benchmarks

soak: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -m soak -rA tests $(ARGS)

clean:
	rm -rf $(VENV) build dist site htmlcov .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

# The stamps are older than pyproject.toml exactly when something may have to be installed.
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@$(call install,.)
	@touch $@

$(VENV)/.installed-docs: pyproject.toml | $(BIN)/python
	@$(call install,.[docs])
	@touch $(VENV)/.installed $@

# What the checks and tests need contains what the others need.
$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	@$(call install,.[dev$(,)docs$(,)redis$(,)postgres])
	@touch $(VENV)/.installed $(VENV)/.installed-docs $@

$(BIN)/python:
ifdef UV
	@$(UV) venv -q --allow-existing --python '>=3.11' $(VENV)
else
	@command -v $(PYTHON) >/dev/null || { echo 'Headrace needs Python 3.11 or newer, and there is no $(PYTHON) here.' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Headrace needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Name another: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo '$(PYTHON) has no venv module; on Debian it is the package python3-venv.' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
endif

, := ,
ifdef UV
install = echo 'Installing $(1)'; $(UV) pip install -q --python $(BIN)/python -e '$(1)'
else
# A venv that uv made has no pip of its own.
install = echo 'Installing $(1)'; $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip -U >/dev/null; \
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '$(1)'
endif
