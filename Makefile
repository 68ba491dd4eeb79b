# What a person types; the work is done by scripts/ and .ci/run. `make` alone says what there is.
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Directories too: a deleted file changes only the time of its directory.
sources := $(shell find src config) Directory.Build.props Directory.Packages.props global.json nuget.config

.PHONY: help build run demo test check e2e bench format

help: ## Print this list.
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: bin/llm-proxy ## Build the native executable bin/llm-proxy.

bin/llm-proxy: $(sources) scripts/publish
	@scripts/prerequisites build
	@scripts/publish

run: build ## Run the server with the settings of the environment and .env (more flags: ARGS="--addr :9090").
	@bin/llm-proxy server $(ARGS)

demo: build ## Run the server before a simulated provider and print a curl command to try.
	@bin/llm-proxy demo $(ARGS)

test: build ## Run all tests: units and parts in process, then the executable from end to end.
	@scripts/prerequisites test
	@scripts/test tests/LlmProxy.Tests tests/LlmProxy.EndToEnd

e2e: build ## Run only the end-to-end tests.
	@scripts/prerequisites test
	@scripts/test tests/LlmProxy.EndToEnd

check: ## Run the whole gate that a change must pass: format, warnings, native build, tests.
	@.ci/run

bench: build ## Measure the executable beside nginx and YARP on this machine and print the table.
	@scripts/prerequisites bench
	@dotnet run --project bench/LlmProxy.Benchmarks --configuration Release -- $(ARGS)

format: ## Rewrite the sources as the formatter wants them.
	@scripts/prerequisites
	@dotnet format LlmProxy.slnx
