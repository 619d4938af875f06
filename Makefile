# `make` lists what there is. Everything is set up inside the tree, in .venv and node_modules.

PYTHON ?= python3
BIN := .venv/bin
ON ?= unix
TO_BOARD = $(if $(PORT),--port $(PORT)) $(ARGS)
export PATH := $(PATH):/usr/sbin:/sbin

.DEFAULT_GOAL := help
.PHONY: help demo test core lint types mutants size bench mpy readme servers setup setup-demo clean \
    flash provision console trace board-test undeploy firmware-manifest year packages \
    hostile soak

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | \
	    while IFS='|' read -r name what; do printf '  make %-17s %s\n' "$$name" "$$what"; done

demo: setup-demo ## a phone fails over, here: MODE=default|ttl|no-response|failback, DNS=, SERVERS=
	@$(BIN)/srvphone demo $(if $(MODE),--mode $(MODE)) $(if $(DNS),--dns $(DNS)) \
	    $(if $(SERVERS),--servers $(SERVERS)) $(ARGS)

# For a board at a USB port: PORT=/dev/ttyACM0 if there are several, ARGS="..." for what
# `srvphone COMMAND --help` says besides.
flash: setup-demo ## the phone onto a board, or up to date there: BOARD=RPI_PICO_W, PORT=
	@$(BIN)/srvphone flash $(if $(BOARD),--board $(BOARD)) $(TO_BOARD)

provision: setup-demo ## its settings, asked for or ARGS="--file srvphone.json": PORT=
	@$(BIN)/srvphone provision $(TO_BOARD)

console: setup-demo ## type on the board: PORT=
	@$(BIN)/srvphone console $(TO_BOARD)

trace: setup-demo ## watch the phone on the board: PORT=, ARGS=--raw for the short form
	@$(BIN)/srvphone trace $(TO_BOARD)

board-test: setup-demo ## tests and figures on the board: PORT=
	@$(BIN)/srvphone board-test $(TO_BOARD)

undeploy: setup-demo ## the phone off the board; its settings stay: PORT=
	@$(BIN)/srvphone undeploy $(TO_BOARD)

firmware-manifest: setup-demo ## how to freeze the phone into MicroPython: BOARD=
	@$(BIN)/srvphone firmware-manifest $(if $(BOARD),--board $(BOARD)) $(ARGS)

test: setup ## all tests, on CPython, MicroPython unix and wasm32; lint and types among them
	$(BIN)/python -m pytest

core: setup ## the portable tests alone: ON=cpython|unix|wasm32|mpy, K=part of a name
	@$(BIN)/python tools/core_tests.py $(ON) $(K)

lint: setup ## rules and format of the Python files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## types of the firmware, as the rp2 port has them, then as the esp32 port has them
	@for port in rp2 esp32; do echo "mypy, $$port:"; MYPYPATH=.venv/stubs/$$port $(BIN)/mypy \
	    --custom-typeshed-dir .venv/stubs/$$port --cache-dir .mypy_cache/$$port || exit 1; done

mutants: setup ## break every rule once: a test named after it must fail
	@$(BIN)/python tools/mutants.py

size: setup ## bytes of the compiled firmware, and of heap in use on wasm32
	@$(BIN)/python tools/size.py

bench: setup ## how fast the core is, on CPython and MicroPython
	@$(BIN)/python tools/bench.py

mpy: setup-demo ## the firmware compiled for a board, in build/mpy/firmware
	@$(BIN)/python tools/size.py --mpy

year: setup ## years of virtual time on wasm32: a quarter of an hour
	@$(BIN)/python tools/year.py

hostile: setup ## a hostile network around the phone: ARGS="--long", "--seed 7 --round 123 --on unix"
	@$(BIN)/python tools/hostile.py $(ARGS)

soak: setup ## what is too long for CI: all mutants, the long hostile campaign, the year; hours
	@$(BIN)/python tools/soak.py $(ARGS)

packages: setup ## bring the package.json of mip up to date
	@$(BIN)/python tools/packages.py

readme: setup ## bring the README's table of settings up to date
	@$(BIN)/python -m srvphone_host.settings_doc README.md

servers: ## Debian's Knot, dnsmasq, BIND, unbound, Kamailio, SIPp, tshark for tests; none is started
	@sh tools/servers.sh

setup: ## what all of this needs (the other targets see to it by themselves)
	@$(PYTHON) tools/bootstrap.py test

setup-demo:
	@$(PYTHON) tools/bootstrap.py

clean: ## remove all that was made: build, .venv, node_modules, caches
	rm -rf build .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis tools/wasm/node_modules
	find . -name __pycache__ -prune -exec rm -rf {} + -o -name '*.egg-info' -prune -exec rm -rf {} +
