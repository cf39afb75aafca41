# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Every target is one line here and one command of tests/run, tests/demo or tests/lab. `make` alone lists them.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' Makefile

.PHONY: demo
demo: ## a lab, a hub on it, a login that works, and the URL to open (LAB_KUBECONFIG=, INVENTORY=, Z2JH_CHART=, Z2JH_CHART_VERSION=)
	@python3 tests/demo/demo.py

.PHONY: demo-down
demo-down: ## stop what make demo started
	@tests/lab/lab down

.PHONY: test
test: ## everything below from lint to lab-test, with the sum at the end; what CI runs
	@tests/run test

.PHONY: lint unit sanity
lint: ## style, types, documentation, licences, what Galaxy would say (no root)
	@tests/run lint
unit: ## unit tests, newest and oldest versions (no root)
	@tests/run unit
sanity: ## ansible-test sanity, newest and oldest ansible-core (no root)
	@tests/run sanity

.PHONY: lab lab-down lab-test
lab: ## start the lab: a real single-node Kubernetes with DNS, ACME, OpenID Connect (root)
	@tests/lab/lab up
lab-down: ## stop the lab and leave nothing behind (root)
	@tests/lab/lab down
lab-test: ## test the lab itself (root)
	@tests/run lab-parts; parts=$$?; tests/run lab-test && exit $$parts

.PHONY: integration molecule e2e
integration: ## modules against the lab (root)
	@tests/run integration
molecule: ## roles against the lab (root)
	@tests/run molecule
e2e: ## whole stories against the lab, the bad input too (root)
	@tests/run e2e

.PHONY: bench nightly
bench: ## compare with the neighbours; writes docs/benchmarks.md (root)
	@tests/run bench
nightly: ## the long runs: every ansible-core and Python, every seed, Helm 3 (root)
	@tests/run nightly

.PHONY: docs format clean
docs: ## write docs/variables.md and the tables in the roles' READMEs from the argument specs
	@tests/run docs
format: ## lay out the Python code as lint wants it
	@tests/run format
clean: ## remove build/ (the cache outside the checkout stays; tests/run clean --cache removes it too)
	@tests/run clean
