# The developer's commands. `make check` is what CI runs.
.PHONY: help run test race lint fmt generate servers fuzz bench release check

FUZZTIME ?= 60s
BENCHTIME ?= 1s

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "%-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## gateway with stand-in backends on http://127.0.0.1:8080
	go run ./cmd/portico demo

test: ## what needs nothing but Go
	go test ./...

race: ## the same under the race detector
	go test -race ./...

lint: ## golangci-lint; installs it when it is missing
	.ci/run lint

fmt: ## format the files
	$(shell go env GOPATH)/bin/golangci-lint fmt ./...

generate: ## write what follows from schema/*.graphql: executor, models, new resolvers, the printed schema
	go tool gqlgen generate
	go test ./schema -run '^TestPrintedSchema$$' -update

servers: ## suites against a real Redis, Redis Cluster and PostgreSQL
	.ci/run tools servers

fuzz: ## each decoder for FUZZTIME
	FUZZTIME=$(FUZZTIME) .ci/run fuzz

bench: ## every benchmark for BENCHTIME
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

release: ## programs for every platform, built twice and compared, bill of materials and digests, into dist
	scripts/release dist

check: ## everything that CI runs
	.ci/run
