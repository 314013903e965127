# The developer's commands. `make check` is what CI runs (.ci/run).

GOLANGCI_VERSION := v2.15.0
GOBIN := $(shell go env GOPATH)/bin
LINT := $(GOBIN)/golangci-lint
FUZZTIME ?= 60s
BENCHTIME ?= 1s

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## gateway with stand-in backends on http://127.0.0.1:8080
	go run ./cmd/portico demo

.PHONY: test
test: ## what needs nothing but Go
	go test ./...

.PHONY: race
race: ## the same under the race detector
	go test -race ./...

.PHONY: servers
servers: ## suites against a real Redis, Redis Cluster and PostgreSQL
	.ci/run tools servers

.PHONY: lint
lint: $(LINT) ## golangci-lint, and the format of the files
	$(LINT) run ./...

.PHONY: fmt
fmt: $(LINT) ## format the files
	$(LINT) fmt ./...

$(LINT):
	go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

.PHONY: generate
generate: ## write graph/generated, graph/model and new resolvers from schema/*.graphql
	go tool gqlgen generate
	go test ./schema -run '^TestPrintedSchema$$' -update

.PHONY: fuzz
fuzz: ## each decoder for FUZZTIME
	FUZZTIME=$(FUZZTIME) .ci/run fuzz

.PHONY: bench
bench: ## every benchmark for BENCHTIME
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

.PHONY: check
check: ## everything CI runs
	.ci/run
