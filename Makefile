# Two commands: `make serve` starts a registry on this machine, `make test` runs every check.

PYTHON ?= python3
VENV := .venv

# What the tests start beside our own server; each is a real component, none is required to serve.
PACKAGES := skopeo buildah umoci podman containerd docker.io docker-registry nginx-light wrk hey curl

.PHONY: serve test packages clean

serve: $(VENV)/bin/distribution
	$(VENV)/bin/distribution serve

test: packages $(VENV)/bin/tox
	$(VENV)/bin/tox run

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/bin/distribution: $(VENV)/bin/python pyproject.toml
	$(VENV)/bin/pip install -q -e .
	@touch $@

$(VENV)/bin/tox: $(VENV)/bin/python
	$(VENV)/bin/pip install -q 'tox>=4.22,<5'

# Debian's packages where we may install them; elsewhere the tests that want them say so and skip.
packages:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		missing=$$(for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done); \
		if [ -n "$$missing" ]; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
		fi; \
	fi

clean:
	rm -rf $(VENV) .tox
