# Included by the Makefile: what `make check` looks at in deploy/. No container engine is needed.

deploy-check: deploy-yaml deploy-compose deploy-container deploy-scripts

.PHONY: deploy-yaml
deploy-yaml: $(VENV)/dev.installed
	$(BIN)/yamllint --strict --config-file deploy/yamllint.yaml deploy

.PHONY: deploy-compose
deploy-compose: $(VENV)/dev.installed
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
	@if docker compose version >/dev/null 2>&1; then \
		docker compose --env-file deploy/env.sample --file deploy/compose.yaml --profile tools config --quiet; \
	else \
		echo "no docker compose here: deploy/compose.yaml was held to the schema only"; \
	fi

.PHONY: deploy-container
deploy-container: $(VENV)/dev.installed
	$(BIN)/hadolint --config deploy/container/hadolint.yaml deploy/container/Containerfile

.PHONY: deploy-scripts
deploy-scripts: $(VENV)/dev.installed
	@if [ -x $(BIN)/shellcheck ]; then \
		$(BIN)/shellcheck deploy/temporal/*.sh; \
	else \
		for script in deploy/temporal/*.sh; do sh -n "$$script" || exit 1; done; \
		echo "no shellcheck for this machine: deploy/temporal/*.sh were parsed only"; \
	fi
