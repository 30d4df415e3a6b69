PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo
WHEELS := $(VENV)/share/fxnorm-data/wheels
TUNES := vizdoom==1.3.2
LITDATA := $(VENV)/share/litdata
LITDATA_PACKAGES := litdata==0.2.76 lightning-utilities==0.15.3 obstore==0.12.1 filelock==4.2.12 boto3==1.44.5 \
	botocore==1.44.5 s3transfer==0.19.3 jmespath==1.1.0 python-dateutil==2.9.0.post0
STAMP := $(VENV)/.set-up

.DEFAULT_GOAL := help
.PHONY: help setup catalog train test check docs agreement bench bench-loader bench-quality bench-leaks bench-export bench-listening bench-million bench-scaling bench-report notebooks clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## Make .venv with everything that development, the demo and the tests need

$(STAMP): pyproject.toml constraints.txt
	@echo 'setting up $(VENV), a few minutes on a fresh machine'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable '.[dev,demo,train,listening,report,docs]'
	$(BIN)/python -m pip download -qq --disable-pip-version-check --no-deps --only-binary=:all: \
		--platform manylinux_2_28_x86_64 --implementation cp --python-version 3.11 --dest $(WHEELS) $(TUNES)
	sh tests/browser.sh $(BIN)/python
	$(BIN)/python -m pipelines.warm
	touch $(STAMP)

catalog: $(STAMP) ## Render the demo corpus of real tunes, and build a catalog from it
	$(BIN)/fxnorm-data demo-corpus $(DEMO)/corpus
	$(BIN)/fxnorm-data build-catalog --corpus musdb18hq $(DEMO)/corpus --out $(DEMO)/catalog
	@$(BIN)/fxnorm-data inspect $(DEMO)/catalog
	@echo
	@echo 'The catalog is in $(DEMO)/catalog. What to do next:'
	@echo '  $(BIN)/fxnorm-data inspect $(DEMO)/catalog             what is in it'
	@echo '  $(BIN)/fxnorm-data stats show $(DEMO)/catalog          the averages that stems are normalised to'
	@echo '  $(BIN)/fxnorm-data validate $(DEMO)/catalog            check it; the page is $(DEMO)/catalog/report/validation.html'
	@echo '  $(BIN)/fxnorm-data report $(DEMO)/catalog              see it and listen to it: report.html'
	@echo '  $(BIN)/fxnorm-data build-catalog --help             a catalog from your own stems'

train: $(DEMO)/catalog/catalog.json ## Train the preset tiny on the demo catalog, and compare it with the normalised sum
	$(BIN)/fxnorm-data train $(DEMO)/catalog --out $(DEMO)/run --preset tiny
	$(BIN)/fxnorm-data evaluate --catalog $(DEMO)/catalog --split test --checkpoint $(DEMO)/run/best.pt --out $(DEMO)/evaluation

notebooks: $(DEMO)/catalog/catalog.json $(DEMO)/other-catalog/catalog.json ## Run the notebooks on the demo catalog, into demo/notebooks
	mkdir -p $(DEMO)/notebooks
	for notebook in notebooks/*.py; do \
		name=$$(basename $$notebook .py); \
		$(BIN)/jupytext --quiet --to ipynb --output $(DEMO)/notebooks/$$name.ipynb $$notebook && \
		FXNORM_CATALOG=$(abspath $(DEMO))/catalog FXNORM_OTHER_CATALOG=$(abspath $(DEMO))/other-catalog \
		$(BIN)/jupyter-nbconvert --log-level ERROR --execute --to html $(DEMO)/notebooks/$$name.ipynb || exit 1; \
	done

$(DEMO)/other-catalog/catalog.json: $(STAMP)
	$(BIN)/fxnorm-data demo-corpus $(DEMO)/other-corpus --seed 1
	$(BIN)/fxnorm-data build-catalog --corpus musdb18hq $(DEMO)/other-corpus --out $(DEMO)/other-catalog

$(DEMO)/catalog/catalog.json:
	$(MAKE) catalog

test: $(STAMP) check ## Run the checks and the tests
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

check: $(STAMP) ## Lint, format and type checks, and the documents as a site
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(MAKE) --no-print-directory docs

docs: $(STAMP) ## Build the documents as a site, in site/; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

agreement: $(STAMP) ## Compare with numbers and audio of the published code: make agreement REFERENCE=DIR
	$(BIN)/python -m tests.agreement $(REFERENCE)
	$(BIN)/python -m tests.agreement_networks $(REFERENCE)
	$(BIN)/python -m tests.agreement_metrics $(REFERENCE)

bench: $(STAMP) $(DEMO)/catalog/catalog.json ## What every step costs, and what the pipeline adds
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.chain $(DEMO)/corpus
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.pipeline $(DEMO)/corpus

bench-loader: $(STAMP) $(LITDATA) $(DEMO)/catalog/catalog.json ## Compare the loader with WebDataset and litdata
	OMP_NUM_THREADS=1 PYTHONPATH=$(LITDATA) $(BIN)/python -m tests.benchmarks.loader $(DEMO)/catalog
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.shards $(DEMO)/catalog

bench-quality: $(STAMP) $(DEMO)/catalog/catalog.json ## Plant faults in the demo corpus, and count what is found
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.quality $(DEMO)/corpus

bench-leaks: $(STAMP) $(DEMO)/catalog/catalog.json ## Plant copies of the demo songs, and count what is found
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.leakage $(DEMO)/corpus --folder $(DEMO)/leakage

bench-listening: $(STAMP) ## Simulate listeners with known opinions: errors and power of the analysis
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.listening

bench-million: $(STAMP) $(DEMO)/catalog/catalog.json ## Plan and validate a million tracks
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.million $(DEMO)/corpus

bench-scaling: $(STAMP) $(DEMO)/catalog/catalog.json ## Build a thousand small songs with one worker and with two
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.scaling $(DEMO)/corpus

bench-report: $(STAMP) $(DEMO)/catalog/catalog.json ## Make the report of a catalog of 10 000 stems, and open it in a browser
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.report $(DEMO)/catalog

bench-export: $(STAMP) $(LITDATA) $(DEMO)/catalog/catalog.json ## Export the demo catalog into every format, and read it with litdata
	OMP_NUM_THREADS=1 PYTHONPATH=$(LITDATA) $(BIN)/python -m tests.benchmarks.export $(DEMO)/catalog

# Apart from the environment: litdata asks for an older python-dateutil than the constraints, and for torchvision.
$(LITDATA): $(STAMP)
	rm -rf $@ && $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --target $@ $(LITDATA_PACKAGES)

clean: ## Remove the environment, the demo and caches
	rm -rf $(VENV) $(DEMO) site dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
