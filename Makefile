# The commands of the project. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash

JOBS ?= $(shell nproc)
# In CI a warning is an error.
WERROR := $(if $(CI),-DTERRACE_WERROR=ON)
# What failed is all a test says: the rest would bury it.
CTEST := GTEST_BRIEF=1 ctest --output-on-failure --no-tests=error -j $(JOBS)
SOURCES = $(shell git ls-files '*.cpp' '*.hpp')
CLANG_FORMAT = $(shell command -v clang-format-14 || command -v clang-format)

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install missing tools and libraries (Debian 12 and 13)
	@scripts/setup.sh

configure: setup
	cmake --preset release $(WERROR)

program: configure ## build the program only (build/release/bin/terrace)
	cmake --build build/release -j $(JOBS) --target terrace_program

build: configure ## build the program, tests and examples
	cmake --build build/release -j $(JOBS)

build-times: ## show the time of the newest build; fails if a source takes over 25 s or a test program over 20 s
	scripts/build_times.py build/release --limit 25 --test-limit 20

demo: program ## replay a workload through memory, Redis and SQLite; TRACE=file for your own
	scripts/demo.sh

python: configure ## build the Python package (build/wheel) and install it into .venv
	cmake --build build/release -j $(JOBS) --target terrace_libraries terrace_program
	JOBS=$(JOBS) scripts/build_wheel.sh

wheels: configure ## build a wheel for each CPython from 3.11 on in PATH, or in PYTHONS="…" (build/wheels)
	cmake --build build/release -j $(JOBS) --target terrace_libraries terrace_program
	JOBS=$(JOBS) scripts/build_wheels.sh

python-stubs: python ## write python/terrace/_core.pyi again, from the extension module
	.venv/bin/python -m nanobind.stubgen --quiet --include-private -m terrace._core -p python/stub_patterns.txt -o python/terrace/_core.pyi

test: build ## run the tests
	$(MAKE) --no-print-directory python
	cd build/release && $(CTEST) -LE long
	scripts/test_python.sh

# SUITES="django dogpile" for some.
test-peers: python ## run the test suites of other projects on terrace's adapters; downloads them
	.venv/bin/python tests/peers/run.py $(SUITES)

test-long: setup ## run all tests, including the long ones, under ASan+UBSan and TSan, and the build with clang
	@scripts/setup.sh long
	scripts/test_long.sh

deb: setup ## build Debian packages (build/deb/packages)
	@scripts/setup.sh deb
	scripts/deb.sh

test-packages: deb ## install, use, serve and purge the packages in a clean Debian (as root)
	scripts/check_packages.sh
	tests/packages/package_test.sh

chaos: build ## run the fault tests at full size, with a table of results
	$(MAKE) --no-print-directory python
	scripts/chaos.py build/release

# SCHEDULES=100000 for a night; SEED=n replays one schedule, and makes it small if it breaks a promise.
SCHEDULES ?= 10000
sim: configure ## run SCHEDULES (10,000) simulated worlds of whole caches, or the one of SEED=n
	cmake --build build/release -j $(JOBS) --target sim
	build/release/bin/sim --jobs $(JOBS) $(if $(SEED),--seed $(SEED),--schedules $(SCHEDULES))

attack: build ## run the attack tests at full size, with a table of results
	$(MAKE) --no-print-directory python
	scripts/attack.py build/release

fuzz: setup ## run each fuzzer for FUZZ_SECONDS (60)
	@scripts/setup.sh long
	scripts/fuzz.sh

bench: setup ## run the benchmarks; their output goes into docs/benchmarks.md
	cmake --preset release $(WERROR) -DTERRACE_BENCH=ON
	cmake --build build/release -j $(JOBS)
	scripts/bench.sh

bench-python: python ## run benchmarks of the Python package and its peers; their output goes into docs/benchmarks.md
	.venv/bin/pip install -q --disable-pip-version-check -r bench/python/requirements.txt
	.venv/bin/python bench/python/bench_memory.py
	.venv/bin/python bench/python/bench_redis.py
	.venv/bin/python bench/python/bench_django.py
	.venv/bin/python bench/python/bench_atomic.py

format: ## run clang-format over all sources
	@scripts/setup.sh long
	@$(CLANG_FORMAT) -i $(SOURCES)

lint: ## check the tidy rules, the words of the documentation, and clang-format; changes nothing
	python3 tests/house/tidy.py .
	python3 tests/house/prose.py .
	@scripts/setup.sh long
	@$(CLANG_FORMAT) --dry-run -Werror $(SOURCES)

clean: ## remove all build output
	rm -rf build .venv

.PHONY: help setup configure program build build-times deb test-packages demo python wheels python-stubs bench-python test test-peers test-long chaos attack sim fuzz bench format lint clean
