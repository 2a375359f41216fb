# The two commands a newcomer needs: make run · make test. The rest is for whoever works on pganalytics.

BUILD := build
JOBS  ?= $(shell nproc)
# Everything but what runs long (deep) and what needs other versions of PostgreSQL (compat).
QUICK := -LE 'deep|compat'

.PHONY: run build test test-deep test-compat bench bench-prediction lint format coverage update-cases setup fuzz clean help

run: build
	@./$(BUILD)/pganalytics up

help:
	@sed -n 's/^\([a-z-]*\):.*##/  make \1 —/p' $(MAKEFILE_LIST)

setup: ## install what is missing
	@scripts/setup

build: setup ## build/pganalytics
	@test -f $(BUILD)/build.ninja || cmake --preset release > /dev/null
	@cmake --build $(BUILD) -j $(JOBS)

test: build ## unit, case and integration tests
	ctest --test-dir $(BUILD) --output-on-failure --no-tests=error -j 1 $(QUICK)

test-deep: build ## long runs: fuzzing, soaks, kill loops, the fleet
	ctest --test-dir $(BUILD) --output-on-failure --no-tests=error -L deep

test-compat: build ## PostgreSQL 13 to 18
	@scripts/setup --compat
	cd tests/compat && npm ci --no-audit --no-fund --silent
	ctest --test-dir $(BUILD) --output-on-failure --no-tests=error -L compat

bench: ## benchmarks; figures go to docs/benchmarks.md
	@scripts/setup --bench
	@cmake --preset bench > /dev/null
	@cmake --build build-bench -j $(JOBS)
	@for bench in build-bench/*_bench; do echo "== $$bench"; $$bench || exit 1; done

# What bench-prediction scores on; bench/corpus/README.md.
CORPUS_SEED ?= 1
CORPUS = build-bench/corpus-$(CORPUS_SEED)
SCORE = build-bench/pganalytics evaluate prediction --samples /dev/stdin

bench-prediction: $(CORPUS)/corpus.jsonl.gz ## predictions scored on statements that were really run
	@cmake --build build-bench -j $(JOBS) --target pganalytics
	@echo "== schemas that the model has not seen"
	@gzip -dc $(CORPUS)/corpus.jsonl.gz | $(SCORE) --group schema --folds leave-group-out
	@echo "== templates that the model has not seen"
	@gzip -dc $(CORPUS)/corpus.jsonl.gz | $(SCORE) --group template --folds leave-group-out
	@echo "== repeated statements, from their past"
	@gzip -dc $(CORPUS)/repeated.jsonl.gz | $(SCORE) --group template --folds time

$(CORPUS)/corpus.jsonl.gz:
	@scripts/setup --bench
	@cmake --preset bench > /dev/null
	@cmake --build build-bench -j $(JOBS) --target prediction_corpus
	build-bench/prediction_corpus --schemas bench/corpus/schemas --out $(CORPUS) --seed $(CORPUS_SEED) --jobs $(JOBS)
	@gzip -f $(CORPUS)/corpus.jsonl $(CORPUS)/repeated.jsonl && rm -r $(CORPUS)/parts

lint: ## formatting, layering, scripts, clang-tidy
	@scripts/setup --lint
	git ls-files '*.cpp' '*.hpp' | xargs clang-format --dry-run --Werror
	scripts/check_layering
	shellcheck scripts/setup .ci/run
	@cmake --preset tidy > /dev/null
	@cmake --build build-tidy -j $(JOBS)

format: ## clang-format in place
	@git ls-files '*.cpp' '*.hpp' | xargs clang-format -i

coverage: ## line coverage of src/, held above 80 %
	@scripts/setup --coverage
	@cmake --preset coverage > /dev/null
	@cmake --build build-coverage -j $(JOBS)
	ctest --test-dir build-coverage --output-on-failure --no-tests=error $(QUICK)
	gcovr --root . --filter 'src/' --exclude '.*_test\.cpp' --exclude-throw-branches --fail-under-line 80 --print-summary build-coverage

update-cases: build ## rewrite the expected part of tests/cases; review the diff
	PGANALYTICS_UPDATE_CASES=1 ctest --test-dir $(BUILD) -L unit

fuzz: ## libFuzzer targets, one minute each
	@scripts/setup --fuzz
	@cmake --preset fuzz > /dev/null
	@cmake --build build-fuzz -j $(JOBS) --target fuzzers
	@for target in build-fuzz/fuzz/*_fuzz; do \
	  name=$$(basename $$target _fuzz); mkdir -p build-fuzz/corpus/$$name; echo "== $$target"; \
	  $$target -max_total_time=60 -max_len=3000 build-fuzz/corpus/$$name fuzz/corpus/$$name || exit 1; \
	done

clean: ## remove every build folder
	rm -rf build build-*
