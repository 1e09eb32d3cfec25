# Converge. `make help` lists what there is; each target does its own set-up, so any works first on a fresh clone.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
export NX_DAEMON := false
export NODE_OPTIONS := --conditions=source

PRISMA := docs/examples/outbox-with-your-orm/prisma
INSTALLED := node_modules/.converge-installed $(PRISMA)/generated/client.ts
MANIFESTS := package.json package-lock.json .npmrc $(wildcard libs/*/package.json services/*/package.json schemas/package.json)

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: install
install: $(INSTALLED) ## install the packages and Node 24 into node_modules, generate the client of an example

node_modules/.converge-installed: $(MANIFESTS)
	@command -v npm >/dev/null || { echo "npm was not found: install Node.js 20 or newer (it brings npm), then run make again" >&2; exit 1; }
	@echo "installing packages (once; about half a minute)" >&2
	@NODE_OPTIONS= npm ci --loglevel=error --no-progress >&2
	@case "$$(node -v)" in v24.*) ;; *) echo "node_modules/.bin/node is $$(node -v), expected v24: remove node_modules and run make install" >&2; exit 1;; esac
	@touch $@

# Prisma would download an engine, which it does not run here, unless it is given one.
$(PRISMA)/generated/client.ts: $(PRISMA)/schema.prisma node_modules/.converge-installed
	@NODE_OPTIONS= PRISMA_SCHEMA_ENGINE_BINARY="$$(type -P true)" prisma generate --schema $< --no-hints >&2
	@touch $@

.PHONY: test
test: $(INSTALLED) ## run the suite on a real Postgres and a real Kafka; ARGS="libs/core" for some files, ARGS="--affected" for what a change concerns
	@$(if $(filter --affected%,$(ARGS)),node test/affected.ts,vitest run) $(ARGS)

.PHONY: verify
verify: $(INSTALLED) ## run what the suite leaves out, in parts of at most 15 min; ARGS="--list", ARGS="--part packages"
	@node verification/verify/main.ts $(ARGS)

.PHONY: check
check: $(INSTALLED) ## types, floors, lint, format, dead code, generated schemas, graphs and dashboards
	@$(MAKE) --no-print-directory --jobs=2 check-lint check-others

# Takes as long as all others together.
.PHONY: check-lint
check-lint:
	@eslint . --max-warnings 0 --cache --cache-location node_modules/.cache/eslint/

.PHONY: check-others
check-others:
	@tsc -p tsconfig.json
	@tsc -b tsconfig.build.json
	@depcruise --config .dependency-cruiser.cjs --output-type err libs services schemas verification infra
	@prettier --check --log-level warn .
	@knip --exclude unlisted,optionalPeerDependencies
	@node schemas/src/main.ts check
	@node docs/reference/main.ts check
	@node infra/sbom/main.ts check
	@node infra/grafana/main.ts check

.PHONY: build
build: $(INSTALLED) ## compile the types of the publishable packages, which `make packages` bundles with their code
	@tsc -b tsconfig.build.json

.PHONY: packages
packages: build ## pack the packages, install them outside the repository and run what a user runs first (under 3 min)
	@node verification/packages/main.ts $(ARGS)

.PHONY: sbom
sbom: $(INSTALLED) ## write the bill of materials of the published packages (CycloneDX), and print their licenses
	@node infra/sbom/main.ts write

.PHONY: chart
chart: $(INSTALLED) ## render the Helm chart in every mode, validate it strictly, lint the workflows; installs its tools (once, some minutes)
	@node verification/verify/main.ts --part chart

.PHONY: weight
weight: build ## measure what a service weighs beside DBOS, pg-boss and graphile-worker; fails above the bars
	@node verification/weight/main.ts

.PHONY: registry
registry: build ## serve the packed packages on loopback, as if they were published; ARGS="--port 4873"
	@node infra/packages/serve.ts $(ARGS)

.PHONY: quickstart
quickstart: build ## do what the quickstart, the README and the first sections of guides say, from packed packages, without Java; ARGS="--only nest"
	@node verification/quickstart/main.ts $(ARGS)

.PHONY: quickstart-containers
quickstart-containers: build ## run the Dockerfile and the compose file that `converge init` writes, from packed packages; needs Docker
	@node verification/quickstart-containers/main.ts

.PHONY: lab
lab: $(INSTALLED) ## run workloads under faults and judge them; ARGS="--workload shop --faults kill,broker --minutes 5 --seed 7", ARGS="--list"
	@node verification/lab/main.ts $(ARGS)

.PHONY: demo
demo: $(INSTALLED) ## run the shop under faults for about 90 s, then audit it; BROKER=local needs no Kafka and no Java
	@node verification/lab/main.ts --preset demo $(if $(BROKER),--broker $(BROKER)) $(ARGS)

.PHONY: dev
dev: $(INSTALLED) ## like demo without the faults, and everything stays up until Ctrl-C
	@node verification/lab/main.ts --preset demo --keep $(if $(BROKER),--broker $(BROKER)) $(ARGS)

.PHONY: stack
stack: $(INSTALLED) ## keep a Postgres and a Kafka up and print how to connect, until Ctrl-C; ARGS="--brokers 3 --standby --pgbouncer" for a cluster of three, a standby, a PgBouncer
	@node infra/stack/main.ts up $(ARGS)

.PHONY: bench
bench: $(INSTALLED) ## measure the relay: drain rate, CPU per event, latency commit to consumer
	@node verification/benchmarks/main.ts $(ARGS)

.PHONY: soak
soak: $(INSTALLED) ## run relays under random faults for 30 min and compare the log with what was committed; ARGS="--minutes 5 --seed 1"
	@node verification/lab/main.ts --preset soak $(ARGS)

.PHONY: sagas
sagas: $(INSTALLED) ## 1,000 orders and 5,000 transfers under kills, hangs and failing steps, then judged; ARGS="--seed 1 --orders 100"
	@node verification/lab/main.ts --preset sagas $(ARGS)

.PHONY: scenarios
scenarios: $(INSTALLED) ## run each scenario (load, faults, what is expected) and write the report; ARGS="--only drift --seed 1"
	@node verification/lab/main.ts --preset scenarios $(ARGS)

.PHONY: outage
outage: $(INSTALLED) ## Kafka 30 s down, then Postgres 30 s down, under a consumer at work; ARGS="--seconds 5 --driver platformatic"
	@node verification/lab/main.ts --preset outage $(ARGS)

.PHONY: console
console: $(INSTALLED) ## run the console over CONVERGE__DATABASES__<NAME>, until Ctrl-C
	@node services/console/src/main.ts $(ARGS)

.PHONY: console-screenshots
console-screenshots: $(INSTALLED) ## write the screenshots of the console in docs/console, light and dark
	@node services/console/src/fixture/screenshots/main.ts $(ARGS)

.PHONY: console-bench
console-bench: $(INSTALLED) ## measure every page of the console over a million sagas and 100,000 dead letters (about 6 min)
	@node verification/console/main.ts $(ARGS)

.PHONY: cluster-switch
cluster-switch: $(INSTALLED) ## relay and consumers move to another Kafka cluster under load, mirrored by MirrorMaker 2; ARGS="--only lost"
	@node verification/lab/main.ts --preset cluster-switch $(ARGS)

.PHONY: upgrade
upgrade: $(INSTALLED) ## Postgres moves to its next major version under load, by pg_upgrade and by replication; ARGS="--only replication"
	@node verification/lab/main.ts --preset upgrade $(ARGS)

.PHONY: planted
planted: $(INSTALLED) ## plant known faults in a copy of the tree: each has to be caught by its tests; ARGS="--only 07"
	@node verification/planted/main.ts $(ARGS)

.PHONY: compare
compare: build ## run one program on the packages of a commit and of the tree, and compare what users see; OLD=<commit> ARGS="--seed 1,2"
	@node verification/compare/main.ts $(if $(OLD),--old $(OLD)) $(ARGS)

.PHONY: models
models: $(INSTALLED) ## check the models of ticks, leases, slices and steps with TLC (about 4 min); ARGS="--only Step", "--only Step/undo"
	@node verification/models/main.ts $(ARGS)

.PHONY: schemas
schemas: $(INSTALLED) ## write schemas/json, schemas/asyncapi.json and the graphs in docs/sagas from the definitions
	@node schemas/src/main.ts write

.PHONY: docs
docs: $(INSTALLED) ## write docs/reference from the settings' schemas, the commands, the metrics and the public names
	@node docs/reference/main.ts write

.PHONY: dashboards
dashboards: $(INSTALLED) ## write infra/grafana/dashboards from infra/grafana/source
	@node infra/grafana/main.ts write

.PHONY: dashboards-check
dashboards-check: $(INSTALLED) ## the shop with Postgres 60 s away beside a real Prometheus: every panel and alert; ARGS="--seconds 10 --kill"
	@node verification/dashboards/main.ts $(ARGS)

.PHONY: observability
observability: $(INSTALLED) ## check the configuration of Prometheus and of the Collector with their own programs; needs promtool and Go
	@node verification/observability/main.ts

.PHONY: format
format: $(INSTALLED) ## format the tree
	@prettier --write --log-level warn .

.PHONY: clean
clean: ## remove what was built and the development stack's data
	@rm -rf .converge .nx libs/*/dist
