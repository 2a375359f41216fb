# The commands anyone must know: make run · make test. The rest is for whoever works on pganalytics.

BUILD := build
JOBS  ?= $(shell nproc)

.PHONY: run build test test-deep test-compat bench lint format coverage update-cases setup clean

run: build
	./$(BUILD)/pganalytics up

setup:
	@scripts/setup

build: setup
	@test -f $(BUILD)/build.ninja || cmake --preset release > /dev/null
	@cmake --build $(BUILD) -j $(JOBS)

test: build
	ctest --test-dir $(BUILD) --output-on-failure -j 1 -LE 'deep|compat'

test-deep: build
	ctest --test-dir $(BUILD) --output-on-failure -L deep

clean:
	rm -rf $(BUILD)
