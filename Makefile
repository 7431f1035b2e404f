# The same commands everywhere; each does the set-up that is missing and then its job.
PYTHON ?= python3
BIN := .venv/bin
.PHONY: demo test test-long test-polars test-meds check fix bench docs results clean

demo:
	@$(PYTHON) scripts/setup.py demo
	@$(BIN)/sequela demo

test:
	@$(PYTHON) scripts/setup.py test
	@$(BIN)/python -m pytest -n auto --dist worksteal -m "not long"

test-long:
	@$(PYTHON) scripts/setup.py test
	@SEQUELA_LAWS=explore $(BIN)/python -m pytest -n auto --dist worksteal -m "not long"
	@$(BIN)/python -m pytest -m "long"

# POLARS: the release, laid before the one of .venv, under which the rooms that see it are tested.
POLARS ?= 1.20.0
POLARS_ROOMS := events signals notes sources ingest cohort tasks guard simulate batches train \
	evaluate cli laws/test_cohorts.py
test-polars:
	@$(PYTHON) scripts/setup.py test
	@$(BIN)/python -m pip install --quiet --upgrade --target build/polars-$(POLARS) polars==$(POLARS)
	@PYTHONPATH=$(CURDIR)/build/polars-$(POLARS) $(BIN)/python -m pytest -n auto --dist worksteal \
		-m "not long" $(foreach room,$(POLARS_ROOMS),tests/$(room))

# What other people's MEDS tools (es-aces, meds-evaluation) make of our files.
test-meds:
	@$(PYTHON) scripts/setup.py test
	@$(BIN)/python scripts/meds_tools.py
	@$(BIN)/python -m pytest -m "long" tests/acceptance/test_meds_tools.py

check:
	@$(PYTHON) scripts/setup.py dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/pyrefly check --summary=none
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m pytest -q -n0 -p no:cacheprovider tests/house

fix:
	@$(PYTHON) scripts/setup.py dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# MINUTES: the budget of the engine's rows, which come in order of importance.
MINUTES ?= 60
bench:
	@$(PYTHON) scripts/setup.py test
	@$(BIN)/python benchmarks/engine.py --minutes $(MINUTES)
	@$(BIN)/python benchmarks/simulate.py
	@$(BIN)/python benchmarks/experiments.py
	@$(BIN)/python benchmarks/comparison.py
	@$(BIN)/python benchmarks/gradients.py
	@$(BIN)/python benchmarks/pipeline.py

docs:
	@$(PYTHON) scripts/setup.py dev
	@$(BIN)/python scripts/docs.py

# The page of what the experiments reached; benchmarks/experiments.py runs them.
results:
	@$(PYTHON) scripts/setup.py dev
	@$(BIN)/python scripts/results_page.py
	@$(BIN)/python scripts/guide_pictures.py

clean:
	rm -rf build .venv runs
