# Verbs. What is built, and how, is in CMakeLists.txt.

BUILD  ?= build
PREFIX ?= /usr/local
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := all
.PHONY: all run test test-quick asan bench bench-peers bench-docs amalgamation format install uninstall clean help

all: ## build everything (this is what `make` does)
	@test -f $(BUILD)/CMakeCache.txt || cmake -S . -B $(BUILD) -DCMAKE_INSTALL_PREFIX=$(PREFIX)
	@cmake --build $(BUILD) --parallel $$(nproc)

run: ## the tutorial's program: make run ARGS="--seed 4"
	@./run $(ARGS)

test: ## all tests and checks
	@./test

test-quick: ## the unit tests
	@./test --quick

asan: ## the unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@./test --asan

bench: all ## measure, against an installed library; figures go to build/bench.csv too
	@cmake --install $(BUILD) --prefix $(BUILD)/stage --component Unspecified > $(BUILD)/stage.log
	@sh bench/run.sh $(BUILD)

bench-peers: all ## the same beside PyTorch, JAX, TensorFlow and DyNet, which are installed into build/peers
	@cmake --install $(BUILD) --prefix $(BUILD)/stage --component Unspecified > $(BUILD)/stage.log
	@sh bench/peers.sh $(BUILD)

bench-docs: ## put what these two measured last into the documents
	@python3 bench/docs.py $(BUILD)

amalgamation: all ## build/amalgamation/wick.c and wick.h: all of wick, to be compiled into a program (needs python3)
	@python3 tools/amalgamate.py . $(BUILD) $(BUILD)/amalgamation

format: ## clang-format the lines changed since the last commit
	@git clang-format --extensions c,h,inc HEAD

install: all ## install below PREFIX (/usr/local); DESTDIR is respected, STRIP=--strip strips
	@cmake --install $(BUILD) --prefix $(PREFIX) $(STRIP)

uninstall: ## remove what the last install from this build wrote
	@cmake --build $(BUILD) --target uninstall

clean: ## remove all that was built
	@rm -rf $(BUILD)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
