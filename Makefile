# SupportOps. `make run` starts it, `make test` tests it, `make help` lists the rest.

HOST ?= 127.0.0.1
PORT ?= 8000
# Public data sets for measuring; they are not part of the project.
DATA ?= ../shared/data
# How often `make crash` kills the server.
ROUNDS ?= 5
VENV := .venv
PY := $(VENV)/bin/python
# Without bytecode of what is never imported: half the time of an installation.
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-compile
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

# Newest first, as far as every library has been tried; then whatever is called python.
PYTHONS := $(PYTHON) python3.13 python3.12 python3.11 python3 python
ENOUGH := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))

export OMP_NUM_THREADS ?= 1

.PHONY: help
help:  ## List what make can do
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 14

# --- Environment ----------------------------------------------------------------------------------

# An environment that is there and good enough is kept, whoever made it.
$(VENV)/.made:
	@if $(PY) -c '$(ENOUGH)' 2>/dev/null; then touch $@; exit; fi; \
	for python in $(PYTHONS); do \
	  if $$python -c '$(ENOUGH)' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
	  echo "SupportOps needs Python 3.11 or newer with its venv module, and found none." >&2; \
	  echo "Debian, Ubuntu: apt-get install python3 python3-venv. macOS: brew install python." >&2; \
	  echo "One that lies elsewhere: make run PYTHON=/path/to/python3" >&2; \
	  exit 1; \
	fi; \
	echo "Environment: $$($$found --version) in $(VENV)"; \
	rm -rf $(VENV); $$found -m venv $(VENV) && touch $@

# What is installed stands in the lock files, each with its hash; requirements*.txt say what may.
$(VENV)/.run: $(VENV)/.made requirements.lock
	@echo "Environment: installing what the product needs."
	@$(PIP) -r requirements.lock && touch $@

$(VENV)/.encoder: $(VENV)/.run requirements-encoder.lock
	@echo "Environment: installing what the sentence encoder needs."
	@$(PIP) -r requirements-encoder.lock && touch $@

$(VENV)/.dev: $(VENV)/.made requirements-dev.lock
	@echo "Environment: installing what tests and checks need."
	@$(PIP) -r requirements-dev.lock && touch $(VENV)/.run $(VENV)/.encoder $@

# One version of a library in all of them: the others are held to what the largest has found.
LOCK := $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --custom-compile-command "make lock"

.PHONY: lock
lock: $(VENV)/.dev  ## Write the lock files from requirements*.txt: make lock [ARGS=--upgrade]
	@$(LOCK) $(ARGS) requirements-dev.txt -o requirements-dev.lock
	@for set in requirements requirements-postgres requirements-celery requirements-encoder; do \
	  $(LOCK) --constraints requirements-dev.lock $$set.txt -o $$set.lock; \
	done

.env:
	@umask 077; { \
	  echo "# Written at the first start. .env.example explains these and lists all others."; \
	  echo "SECRET_KEY=$$(head -c 48 /dev/urandom | base64 | tr '+/' '-_')"; \
	  echo "ALLOWED_HOSTS=localhost,127.0.0.1"; \
	  echo "PUBLIC_URL=http://localhost:$(PORT)"; \
	} > $@

.PHONY: environment
environment: $(VENV)/.run .env $(if $(ENCODER),$(VENV)/.encoder)

# --- Running --------------------------------------------------------------------------------------

# Before anything is installed; whether the port may be listened on is asked again when it is served.
.PHONY: port
port:
	@if (exec 3<>/dev/tcp/$(HOST)/$(PORT)) 2>/dev/null; then \
	  echo "Something answers on $(HOST), port $(PORT) already. Another port: make run PORT=8010" >&2; \
	  exit 1; \
	fi

.PHONY: run
run: port environment  ## Start everything: make run [PORT=8000] [HOST=127.0.0.1] [ENCODER=1]
	@$(if $(ENCODER),$(PY) manage.py prepare_encoder)
	@$(PY) manage.py prepare --demo --host $(HOST) --port $(PORT)
	@exec $(PY) manage.py serve --host $(HOST) --port $(PORT)

.PHONY: doctor
doctor: environment  ## Look whether all is well, and say what to do
	@$(PY) manage.py doctor

.PHONY: encoder
encoder: environment $(VENV)/.encoder  ## Fetch and prepare the sentence encoder's weights
	@$(PY) manage.py prepare_encoder $(ARGS)

.PHONY: evaluate
evaluate: environment  ## Measure classifiers and certificates: make evaluate [DATA=directory] [ARGS=--quick]
	@$(PY) manage.py prepare
	@$(PY) manage.py evaluate
	@$(PY) -m supportops.benchmarks.quality.classifiers --data $(DATA) $(ARGS)
	@$(PY) -m supportops.benchmarks.quality.certificate_checks --data $(DATA) $(ARGS)
	@$(PY) -m supportops.benchmarks.quality.spike_checks $(ARGS)

.PHONY: bench
bench: environment  ## Measure speed against what is measured beside it: make bench [ARGS=--quick]
	@$(PY) -m supportops.benchmarks.bench $(ARGS)

.PHONY: crash
crash: environment  ## Kill the server under load, see that nothing is lost: make crash [ROUNDS=5]
	@$(PY) -m supportops.benchmarks.crash --rounds $(ROUNDS) $(ARGS)

.PHONY: screenshots
screenshots: $(VENV)/.dev  ## Take the documentation's pictures of a running install: ARGS="--password …"
	@$(PY) docs/take_screenshots.py $(ARGS)

# --- Tests and checks -----------------------------------------------------------------------------

.PHONY: test
test: $(VENV)/.dev  ## Run every test, in parallel: make test [ARGS="-k jobs"]
	@$(PY) -m pytest -n auto $(ARGS)

# What `check --deploy` is asked about: a production that is set up as the documentation says.
PRODUCTION := env -u DEBUG -u TESTING SECRET_KEY=$$(head -c 48 /dev/urandom | base64) \
  ALLOWED_HOSTS=help.example.com PUBLIC_URL=https://help.example.com CACHE_URL=database \
  EMAIL_URL=smtp+tls://user:password@mail.example.com:587 SILENCED_CHECKS=supportops.W001

.PHONY: check
check: $(VENV)/.dev  ## Format, lint, types, migrations, deployment checks, templates, imports
	@echo "ruff";       $(PY) -m ruff format --check . && $(PY) -m ruff check .
	@echo "mypy";       $(PRODUCTION) $(PY) -m mypy .
	@echo "migrations"; $(PRODUCTION) $(PY) manage.py makemigrations --check --dry-run
	@echo "deployment"; $(PRODUCTION) $(PY) manage.py check --deploy --fail-level WARNING
	@echo "templates";  $(PY) -m djlint templates --check --lint --quiet
	@echo "imports";    $(PY) -m pytest supportops/tests/test_imports.py

.PHONY: format
format: $(VENV)/.dev  ## Format code and templates
	@$(PY) -m ruff format . && $(PY) -m ruff check --fix .
	@$(PY) -m djlint templates --reformat --quiet
