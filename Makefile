# Every target does its own set-up; the first run installs what it needs into .venv* folders here.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup demo airflow test test-browser images test-images test-cluster cluster-demo cluster-demo-end snowflake-smoke lint format faults bench race soak docs lock clean

PY := .venv/bin/python
PARTS := extractors dbt dags helm

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install everything that the other targets need (they do it themselves)
	@sh tools/setup.sh dev dbt airflow helm

demo: setup ## Two days of PestRoutes and Marketo to S3 to dbt, by the real DAGs, on embedded parts
	@$(PY) -m tools.demo

airflow: setup ## Open the real Airflow on these DAGs and the demo's data, and say its address
	@$(PY) -m tools.demo --airflow

test: setup ## Run all tests but those of images, on a cluster, and of whole builds on the stand-in for Snowflake
	@sh tools/test.sh $(PARTS)

test-browser: setup ## Look at the page of the architecture in a real browser; installs Debian's Chromium where there is none
	@command -v chromium >/dev/null || { apt-get update -q && apt-get install -y -q --no-install-recommends chromium; } >/dev/null
	@sh tools/test.sh browser

images: ## Build the images with plain docker
	@sh tools/images.sh

test-images: setup images ## Build the images and test them; needs docker
	@sh tools/test.sh images

test-cluster: setup ## Test the chart on the cluster of KUBECONFIG, which must have the images
	@sh tools/test.sh cluster

cluster-demo: setup ## The chart on the cluster of KUBECONFIG, with sandboxes: every daily DAG once, and how to open Airflow
	@$(PY) -m tools.cluster_demo

cluster-demo-end: setup ## Remove it
	@$(PY) -m tools.cluster_demo --end

snowflake-smoke: setup ## The first run on the Snowflake account of SNOWFLAKE_*, step by step
	@sh tools/snowflake_smoke.sh

lint: setup ## Check style, types, Dockerfiles, and DAGs by the architect's rules
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/hadolint images/*/Dockerfile && .venv/bin/architect check

format: setup ## Rewrite the code in the project's style
	@.venv/bin/ruff check --fix-only . && .venv/bin/ruff format .

faults: setup ## Kill, double and disturb every source in every way, and write docs/reliability.md
	@$(PY) -m tools.faults

bench: setup ## Measure speed and memory against a bare loop of requests, as ratios
	@$(PY) -m tests.benchmarks

race: setup ## Race against other tools for docs/performance.md, and write that page: an hour of a quiet machine
	@$(PY) -m tests.benchmarks race --publish

MINUTES ?= 30
soak: setup ## Extract changing data through faults and kills for MINUTES (30), then hold the warehouse against the truth
	@$(PY) -m tools.soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(if $(JSON),--json)

docs: setup ## Write the generated files anew: command reference, chart's README, dbt's, architecture, the architect's rules
	@$(PY) -m tools.reference && $(PY) -m tools.chart_readme && $(PY) -m tests.benchmarks race --page && for source in pestroutes marketo; do \
	  $(PY) dbt/generate.py $$source --command .venv/bin/$$source || exit 1; done
	@DBT_TARGET=duckdb TRANSLOAD_DESTINATION=. .venv-dbt/bin/dbt --quiet parse --project-dir dbt --profiles-dir dbt --no-partial-parse
	@.venv/bin/architect docs --manifest dbt/target/manifest.json

lock: setup ## Choose the versions of all dependencies anew
	@for file in requirements/*.in; do \
	  .venv/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	    --custom-compile-command "make lock" $$file -o $${file%.in}.txt; done

clean: ## Remove what was installed and made
	@rm -rf .venv .venv-airflow .venv-dbt .venv-helm .venv-rival-* .demo .soak .mypy_cache .ruff_cache .hypothesis dbt/target dbt/logs dbt/dbt_packages
