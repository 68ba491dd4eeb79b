# What a person types; the work is done by scripts/ and .ci/run. `make` alone says what there is.
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Directories too: a deleted file changes only the time of its directory.
sources := $(shell find src config) Directory.Build.props Directory.Packages.props global.json nuget.config

# For another container engine with the same commands: make docker-smoke DOCKER=podman.
DOCKER ?= docker
IMAGE ?= llm-proxy:local

.PHONY: help build run demo test check e2e bench format docker-build docker-run docker-smoke

help: ## Print this list.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

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
	@bench/run.sh $(ARGS)

format: ## Rewrite the sources as the formatter wants them.
	@scripts/prerequisites
	@dotnet format LlmProxy.slnx

docker-build: ## Build the container image llm-proxy:local (another name: IMAGE=name:tag).
	@$(DOCKER) build --tag $(IMAGE) --build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null)" .

docker-run: docker-build ## Run the image on port 8080 of this machine; MANAGEMENT_TOKEN comes from the environment.
	@: "$${MANAGEMENT_TOKEN:?is not set: make one with openssl rand -base64 32}"
	@$(DOCKER) run --rm --name llm-proxy --read-only --cap-drop ALL --security-opt no-new-privileges \
		--publish 127.0.0.1:8080:8080 --volume llm-proxy-data:/app/data \
		--env MANAGEMENT_TOKEN $(ARGS) $(IMAGE)

docker-smoke: docker-build ## Show that the image works locked down: it starts, proxies, stops and keeps its data.
	@DOCKER=$(DOCKER) scripts/docker-smoke $(IMAGE)
