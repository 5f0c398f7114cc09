# Few verbs; each prints the commands that it runs. `make help` lists them.
#   ARGS=…       passed on to the program (up, bench)
#   PRESET=…     release (default), dev, tsan: another build, in build/PRESET (build, check, test)
#   SEED=…       repeats what a test drew at random
#   PREFIX=…     where `make install` puts it (/usr/local); DESTDIR=… before that
#   SETUP=no     installs nothing
PRESET ?= release
JOBS   ?= $(shell nproc)
SETUP  ?= setup/install.sh
BUILD  := build/$(PRESET)
SOURCES := git ls-files '*.h' '*.cc'

ifeq ($(SETUP),no)
  override SETUP := @true
endif
ifdef SEED
  export DATASTORM_SEED := $(SEED)
endif

.PHONY: help up build installed build-tests install package check test test-long bench bench-docs format lint fuzz fuzz-coverage mutate deploy-check clean
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

up: build ## install what is missing, build, run everything; open the address that it prints
	@echo $(BUILD)/datastorm up $(ARGS)
	@tools/foreground.sh $(BUILD)/datastorm up $(ARGS)

build: installed $(BUILD)/build.ninja ## build the program: build/release/datastorm
	cmake --build $(BUILD) --target datastorm -j $(JOBS)

install: build ## install program, manual page, completion, units; PREFIX=/usr/local DESTDIR=
	cmake --build $(BUILD) --target installable -j $(JOBS)
	cmake --install $(BUILD) --prefix $(or $(PREFIX),/usr/local) --strip

package: build ## make a Debian package, in build/release
	$(SETUP) up package
	cmake --build $(BUILD) --target installable -j $(JOBS)
	cd $(BUILD) && cpack

installed:
	$(SETUP) up

# The first time without tests, so that the program needs no test packages. `check` and `test`
# turn them on in the same folder: that adds targets and rebuilds nothing.
$(BUILD)/build.ninja: | installed
	cmake --preset $(PRESET) -DDATASTORM_TESTS=OFF

build-tests:
	$(SETUP) up test
	cmake --preset $(PRESET) -DDATASTORM_TESTS=ON
	cmake --build $(BUILD) -j $(JOBS)

check: build-tests ## the quick loop: unit tests
	ctest --test-dir $(BUILD) --output-on-failure --no-label-summary -j $(JOBS) -L unit

test: build-tests ## everything, with real servers; ends in ctest's summary
	tests/fault/table.py $(BUILD)/fault -- ctest --test-dir $(BUILD) --output-on-failure --no-label-summary -j 2

test-long: build-tests ## the same at full size
	DATASTORM_TEST_SIZE=full tests/fault/table.py $(BUILD)/fault -- ctest --test-dir $(BUILD) --output-on-failure --no-label-summary -j 2 --timeout 7200

bench: build ## measure everything, some 15 minutes, into build/release/bench; ARGS="wire --runs 5" for some of it
	$(BUILD)/datastorm bench $(or $(ARGS),--runs 5 --duration 1s --out $(BUILD)/bench)

bench-docs: build ## the same, and write its tables into docs/benchmarks.md
	$(BUILD)/datastorm bench --runs 5 --duration 1s --out $(BUILD)/bench --tables docs/benchmarks.md

format: ## format the sources in place
	$(SETUP) dev
	$(SOURCES) | xargs clang-format-16 -i

lint: ## format, scripts, clang-tidy
	$(SETUP) up test dev
	$(SOURCES) | xargs clang-format-16 --dry-run -Werror
	git grep -lE '^#!.*bash$$' | xargs shellcheck -x -P SCRIPTDIR
	cmake --preset $(PRESET) -DDATASTORM_TESTS=ON
	run-clang-tidy-16 -quiet -j $(JOBS) -p $(BUILD) src/

fuzz: ## each fuzz target for 10 s; SECONDS_EACH=45
	$(SETUP) up dev
	cmake --preset fuzz
	cmake --build build/fuzz --target fuzzers -j $(JOBS)
	tools/fuzz.sh build/fuzz $(SECONDS_EACH)

fuzz-coverage: ## which share of each decoder the fuzz targets reach; 85 % or it fails
	$(SETUP) up dev
	cmake --preset coverage
	cmake --build build/coverage --target fuzzers -j $(JOBS)
	tools/fuzz_coverage.py build/coverage $(SECONDS_EACH)

mutate: build-tests ## plant small faults, one at a time; none may go unnoticed (half an hour)
	tools/mutate.py $(ARGS)

deploy-check: build ## hold deploy/ to schemas, linters, the program's flags and metrics
	tools/deploy_check.py --program $(BUILD)/datastorm

clean: ## remove what was built
	rm -rf build
