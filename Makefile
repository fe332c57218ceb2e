# Everything is set up on demand: these targets need make and Python 3.11 or later, no more.

VENV := .venv
READY := $(VENV)/.ready
RUN := $(VENV)/bin

.PHONY: serve test faults lint types check bench docs openapi clean

serve: $(READY)  ## Run the service on http://127.0.0.1:8000
	@exec $(RUN)/vestibule serve

test: $(READY)  ## Run all tests
	sh scripts/test-requirements
	$(RUN)/pytest --numprocesses auto --dist worksteal

faults: $(READY)  ## Kill and restart what it stands on, under load; boot a system that it is installed on
	sh scripts/test-requirements faults
	$(RUN)/pytest tests/faults tests/deploy -m faults

lint: $(READY)  ## Style, types, structure
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports

check: $(READY)  ## What is generated and committed is up to date
	$(RUN)/python scripts/generate.py --check

openapi: $(READY)  ## Write what is generated: the OpenAPI document and the reference pages
	$(RUN)/python scripts/generate.py

docs: $(READY)  ## Build the documentation site in docs/dist
	sh scripts/docs

bench: $(READY)  ## Measure, and print ratios of one run
	sh scripts/test-requirements
	$(RUN)/python -m bench

clean:  ## Remove the environment; the data folder stays
	rm -rf $(VENV)

$(READY): pyproject.toml uv.lock scripts/setup
	sh scripts/setup $(VENV)
	@touch $@
