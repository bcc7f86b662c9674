# Every target sets up what it needs; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo down test test-compose test-faults test-browser chaos drills bench bench-check

PYTHON ?= python3
COMPOSE ?= docker compose
RUN := .venv/bin/

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 14

setup: .venv/.demo ## Install what the pipeline needs into .venv

demo: .venv/.demo ## Start the pipeline without Docker, send 10,000 events, print the ledger; it stays up
	@$(RUN)python -m stack demo

down: .venv/.demo ## Stop what `make demo` has started
	@$(RUN)python -m stack down

test: .venv/.dev ## Run every test that needs no Docker
	$(RUN)ruff check . && $(RUN)ruff format --check . && $(RUN)mypy
	$(RUN)python -m stack promtool check config prometheus/prometheus.yml
	$(RUN)python -m stack promtool test rules prometheus/tests/*.yml
	$(RUN)pytest -m "not long" tests/unit tests/integration tests/faults

test-compose: .venv/.dev ## Run the journey through docker-compose.yml; COMPOSE="..." names another compose command
	COMPOSE="$(COMPOSE)" $(RUN)pytest -v --exitfirst tests/system

test-faults: .venv/.dev ## Run all fault tests, also those that take minutes (25 min)
	$(RUN)pytest tests/faults

test-browser: .venv/.dev ## Look at the board in Chromium, live and saved (2 min; needs chromium on the PATH)
	$(RUN)pytest tests/browser

SECONDS ?= 600
chaos: .venv/.dev ## Draw faults and load for SECONDS from SEED, then balance the books
	@$(RUN)python -m tests.faults.chaos --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

drills: .venv/.demo ## Inject eight faults into a stack of its own; the right alerts must fire and clear (20 min)
	@$(RUN)python -m stack drill all --own

bench: .venv/.dev ## Measure it next to others on this machine; saves the table in docs/performance.md
	@$(RUN)python -m benchmarks run

bench-check: .venv/.dev ## Measure again, and fail when a ratio fell beyond the noise
	@$(RUN)python -m benchmarks check --rounds 3

.venv/.%: requirements/%.txt
	@$(PYTHON) -m stack.venv $< && touch $@
