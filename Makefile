# Short names for common tasks. Each target works for root and for an ordinary user.
.DEFAULT_GOAL := help
.PHONY: help bootstrap build test fuzz test-faults test-console test-observe test-package test-image test-deploy test-clients test-api-schema install package demo stop drill-restore drill-upgrade drill-failover kafka kafka-stop stack stack-down seed e2e bench bench-big bench-webhooks bench-tenants bench-stages up down lint fmt clean

PRESET ?= release
ARGS ?=
# Each test program starts its own PostgreSQL clusters.
TEST_JOBS ?= 3
FUZZ_SECONDS ?= 60
PREFIX ?= /usr/local
KAFKA_DIR ?= .kafka
KAFKA_PORT ?= 9092
BROKER ?= redpanda
COMPOSE = docker compose -f infra/docker-compose.yml
need_compose = docker compose version >/dev/null 2>&1 || { echo "Docker with its compose plugin 2.24 or newer is required" >&2; exit 1; }

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

bootstrap: ## Install missing packages (Debian 12)
	@scripts/bootstrap

build: bootstrap ## Build build/release/ledgerline (PRESET=release, debug, asan or tsan)
	@cmake --preset $(PRESET) >/dev/null
	@cmake --build --preset $(PRESET) --target ledgerline

test: bootstrap ## Build everything and run every test; the tests start their own PostgreSQL and Kafka servers
	@cmake --preset $(PRESET) >/dev/null
	@cmake --build --preset $(PRESET)
	@ctest --preset $(PRESET) --parallel $(TEST_JOBS) || { scripts/show-failures build/$(PRESET); exit 1; }

test-faults: bootstrap ## Build everything and run the fault tests with all their rounds (about 25 minutes)
	@cmake --preset $(PRESET) >/dev/null
	@cmake --build --preset $(PRESET)
	@ctest --preset $(PRESET) --build-config faults --label-regex faults

fuzz: bootstrap ## Fuzz all that reads bytes from outside (FUZZ_SECONDS=60 for each target)
	@cmake --preset fuzz >/dev/null
	@cmake --build --preset fuzz --target ledgerline_fuzzer
	@scripts/fuzz $(FUZZ_SECONDS)

test-console: build ## Test every page and action of the console in Chromium, with pictures (about 6 minutes)
	@ctest --preset $(PRESET) --build-config console --label-regex console

test-observe: build ## Test dashboards and alerts on a live Prometheus, traces on a live Jaeger (about 6 minutes)
	@scripts/test-observe

drill-restore: build ## Lose the database and restore it to a moment, with Kafka ahead of it (about 2 minutes)
	@scripts/drill-restore

drill-upgrade: build ## Upgrade under load to later versions, compatible and not, and back (about 4 minutes)
	@cmake --build --preset $(PRESET) --target ledgerline_compatible ledgerline_incompatible
	@scripts/drill-upgrade

drill-failover: build ## Kill the primary under load, let Patroni promote its standby, and switch back (2 to 4 minutes)
	@scripts/bootstrap --failover
	@scripts/drill-failover

test-package: package ## Install the package in a bare Debian 12 and run it there (about 6 minutes; needs root)
	@scripts/test-package

test-image: build ## Run the Dockerfile's last steps in a bare Debian 12, and start what they make (about 3 minutes; needs root)
	@scripts/test-image

test-deploy: build ## Check the Helm chart with several sets of values, against Kubernetes' schemas (builds helm once)
	@scripts/test-deploy

test-clients: build ## Test the clients in Python, Go and TypeScript against a real server (about a minute)
	@scripts/test-clients

test-api-schema: build ## Call a real server with what Schemathesis makes of openapi.json (about 3 minutes; needs root, installs it once)
	@scripts/test-schemas

package: build ## Build the Debian package and an archive under build/package, with their checksums
	@scripts/package

install: build ## Install the program, its manual page and completions (PREFIX=/usr/local, DESTDIR=)
	@cmake --install build/$(PRESET) --prefix $(PREFIX) --strip

demo: build ## Start ledgerline, send it sample transactions, show the result, leave it running
	@scripts/demo start

stop: ## Stop what make demo left running
	@scripts/demo stop

kafka: bootstrap ## Start a Kafka broker on loopback (KAFKA_DIR=.kafka, KAFKA_PORT=9092)
	@scripts/kafka start --dir $(KAFKA_DIR) --port $(KAFKA_PORT)

kafka-stop: ## Stop that broker; its data stays
	@scripts/kafka stop --dir $(KAFKA_DIR)

stack: build ## Start each role as its own process, on PostgreSQL and Kafka; print their addresses
	@scripts/stack start

stack-down: ## Stop the stack; its data stays
	@scripts/stack stop

seed: build ## Send sample data to LEDGERLINE_URL (default: http://127.0.0.1:8080)
	@scripts/seed

e2e: bootstrap ## Run the end-to-end suite against LEDGERLINE_URL (default: http://127.0.0.1:8080)
	@cmake --preset $(PRESET) >/dev/null
	@cmake --build --preset $(PRESET) --target api_e2e
	@LEDGERLINE_URL=$${LEDGERLINE_URL:-http://127.0.0.1:8080} build/$(PRESET)/tests/e2e/api_e2e

bench: bootstrap ## Measure speed against pgbench's TPC-B on the same cluster (ARGS=--quick: under 3 minutes)
	@cmake --preset release >/dev/null
	@cmake --build --preset release --target ledgerline ledgerline_bench
	@scripts/bench $(ARGS)

bench-webhooks: bootstrap ## 1,000 events a second to one webhook, beside one that is silent and one that is down
	@cmake --preset release
	@cmake --build --preset release --target ledgerline
	@bench/webhooks.py build/release/ledgerline $(ARGS)

bench-tenants: bootstrap ## Latency of a tenant alone and beside the flood of another one
	@cmake --preset release
	@cmake --build --preset release --target ledgerline
	@bench/tenants.py build/release/ledgerline $(ARGS)

bench-stages: bootstrap ## What storing and deciding a payment costs PostgreSQL, by the size of the batch (ARGS="10 200")
	@cmake --preset release >/dev/null
	@cmake --build --preset release --target ledgerline_bench_stages
	@build/release/bench/ledgerline_bench_stages $(ARGS)

bench-big: bootstrap ## The same before and after 10 million rows are added; lists and verify on them (about 30 GB under /var/tmp)
	@cmake --preset release >/dev/null
	@cmake --build --preset release --target ledgerline ledgerline_bench
	@scripts/bench --big 10000000 $(ARGS)

up: ## Start everything in containers: the roles, PostgreSQL, a broker (BROKER=redpanda or kafka), Prometheus, Grafana, Jaeger
	@$(need_compose)
	@COMPOSE_PROFILES=$(BROKER) $(COMPOSE) up --build --detach --wait
	@echo "API http://127.0.0.1:8080  Grafana http://127.0.0.1:3000 (admin/admin)  Prometheus http://127.0.0.1:9090  Alertmanager http://127.0.0.1:9093  Jaeger http://127.0.0.1:16686"

down: ## Stop the containers; their data stays in volumes
	@$(need_compose)
	@COMPOSE_PROFILES=redpanda,kafka,console $(COMPOSE) down

lint: bootstrap ## Check formatting, clang-tidy's rules and the shell scripts
	@scripts/lint

fmt: bootstrap ## Format the C++ sources
	@scripts/lint --fix-format

clean: ## Remove all build output
	rm -rf build
