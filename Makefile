# Every target works on a bare machine with Python 3.11 and no virtual environment active:
# .ci/install makes .venv and fills it, and does nothing when the lock files have not changed.

BIN := .venv/bin
# At least four, also on two cores: much of a test is waiting for another process.
PYTEST_WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 4 ? 4 : n)))
# Every test starts processes of ours: where bytecode is not kept, each of them compiles everything again.
pytest = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest

run_tests = $(pytest) -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder --ignore=tests/interop --ignore=tests/soak

.DEFAULT_GOAL := help
.PHONY: help demo test long search crash check interop live bench soak lock install install-run

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: install-run  ## Show the main job end to end, against the sandbox
	@$(BIN)/tandem demo

test: install  ## Run the tests, then judge everything that went over the wire in them
	@$(run_tests) $(if $(ARGS),$(ARGS),-m "not long")
	@$(BIN)/python -m tests.contracts.judge $(if $(ARGS),--partial)

long: install  ## The longer stories, which make test leaves out; judged too
	@$(run_tests) -m long $(ARGS)
	@$(BIN)/python -m tests.contracts.judge --partial

search: SEED ?= $(shell date +%s)
search: export EXAMPLES ?= 20
search: install  ## The properties of the pure parts on other cases each time, 20 times as many (SEED= to repeat, EXAMPLES=)
	@echo "SEED=$(SEED) EXAMPLES=$(EXAMPLES)"
	@FROM=$(SEED) TO=$$(($(SEED) + 10 * $(EXAMPLES))) $(pytest) -n $(PYTEST_WORKERS) --hypothesis-seed=$(SEED) tests/sync/deal tests/sync/quotes tests/sync/desired tests/sandbox/stripe/billing $(ARGS)

crash: install  ## Of the longer stories those of kills, frozen workers, lost notices and vendors' faults
	@$(run_tests) -m long tests/crash tests/e2e/test_faults.py tests/e2e/test_any_notices.py $(ARGS)
	@$(BIN)/python -m tests.contracts.judge --partial

check: install  ## Lint, types, import rules, lock files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python .ci/check_locks.py

interop: install  ## Clients that nobody here wrote, against the sandbox (Node comes from a wheel)
	@$(pytest) tests/interop $(ARGS)

live: install  ## Try docs/assumptions.md on a real Stripe test account (STRIPE_TEST_KEY=sk_test_...); without a key, say what it would do
	@$(BIN)/python -m tests.live $(ARGS)

bench: install  ## The benchmarks
	@$(BIN)/python -m benchmarks $(ARGS)

soak: install  ## 200 random deals over their whole life (SOAK_DEALS=, SEED= to repeat); not part of make test
	@$(pytest) -n $(PYTEST_WORKERS) -v --show-capture=no tests/soak $(ARGS)

lock: install  ## Resolve the requirements again, for all platforms, with hashes and without hosts
	@.ci/lock

install:
	@.ci/install dev

install-run:
	@.ci/install run
