# Corvo: one Makefile, one room = one archive, wildcards, no generator. `make help` lists the targets.
#
# A build's flavour is its directory: build/release, build/asan (address, undefined), build/tsan (thread), build/cover.
# V=1 shows the commands, WERROR= is for packagers, ARGS= goes to bench and run, SEED= to sim.
CC ?= gcc
BUILD ?= build/release
SAN ?=
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wcast-qual -Wpointer-arith -Wformat=2 -Wundef -Wimplicit-fallthrough
WERROR ?= -Werror
OPT ?= -O2 -D_FORTIFY_SOURCE=2
DIALECT := -std=gnu17 -D_GNU_SOURCE -Isrc -I.
CFLAGS := $(DIALECT) $(WARN) $(WERROR) $(OPT) -g -fstack-protector-strong -fno-omit-frame-pointer -fPIE $(SAN)
LDFLAGS := -pie -Wl,-z,relro,-z,now $(SAN)
LIBS := -lcurl -luv -lllhttp -lrocksdb -lsqlite3 -l:libraft.a -lyyjson -lxxhash -lssl -lcrypto -lz -lpthread
PYTHON := /usr/bin/python3
CLANG_FORMAT := clang-format-19
Q := $(if $(V),,@)

ROOMS := cli server api node http replica view store core wire base bench
EXE := $(BUILD)/corvo
archive = $(BUILD)/lib$(1).a
ARCHIVES := $(foreach room,$(ROOMS),$(call archive,$(room)))
ROOM_LIBS = -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(LIBS)
objects = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(1)))

# Unit tests are a program each; any other folder of tests is one program. The other files of tests/unit help them all:
# they are an archive, so that a test gets only those that it calls.
UNIT := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c))
HELPERS := $(BUILD)/libhelpers.a
SUITES := $(filter-out unit,$(sort $(patsubst tests/%/,%,$(dir $(wildcard tests/*/*.c)))))
TESTS := $(UNIT) $(SUITES:%=$(BUILD)/tests/%/run)
# A fuzz target is fuzz/NAME.c with a corpus; the other files of fuzz/ serve them all, and tests/codec. With clang,
# FUZZ_ENGINE=-fsanitize=fuzzer links libFuzzer.
FUZZERS := $(patsubst fuzz/corpus/%,$(BUILD)/fuzz/%,$(wildcard fuzz/corpus/*))
FUZZ_ENGINE := $(BUILD)/fuzz/main.o
FUZZ_HELPERS := $(BUILD)/libfuzz.a
GEN := $(BUILD)/gen
COMMIT := $(or $(shell git log -1 --abbrev=12 --format='%h %cs' 2>/dev/null),unknown unknown)

.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

all: $(EXE) ## the server and its command line

$(EXE): $(BUILD)/src/main.o $(ARCHIVES)
	@echo "  link $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(ROOM_LIBS)

define room_rule
$(call archive,$(1)): $(call objects,src/$(1)/*.c src/$(1)/*/*.c)
	@mkdir -p $$(@D) && rm -f $$@
	$(Q)ar rcs $$@ $$^
endef
$(foreach room,$(ROOMS),$(eval $(call room_rule,$(room))))

# `make clean all -j` builds all of it, after the cleaning: nothing else tells make that the two follow each other.
CLEAN_FIRST := $(filter clean,$(MAKECMDGOALS))
$(BUILD)/%.o: %.c $(CLEAN_FIRST)
	@mkdir -p $(@D)
	@echo "  cc   $<"
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

# The files that name the commit are compiled again when it is another one.
$(BUILD)/commit: FORCE $(CLEAN_FIRST)
	@mkdir -p $(@D)
	@echo $(COMMIT) | cmp -s - $@ || echo $(COMMIT) >$@
COMMIT_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(shell grep -lE 'VERSION_(COMMIT|LINE)' src/*.c src/*/*.c src/*/*/*.c))
$(COMMIT_OBJECTS): $(BUILD)/commit
$(COMMIT_OBJECTS): CFLAGS += -DVERSION_COMMIT='"$(word 1,$(COMMIT))"' -DVERSION_DATE='"$(word 2,$(COMMIT))"'

$(HELPERS): $(filter-out $(UNIT:=.o),$(call objects,tests/unit/*.c))
$(FUZZ_HELPERS): $(filter-out $(FUZZERS:=.o) $(BUILD)/fuzz/main.o,$(call objects,fuzz/*.c))
$(HELPERS) $(FUZZ_HELPERS):
	@mkdir -p $(@D) && rm -f $@
	$(Q)ar rcs $@ $^

$(UNIT): $(BUILD)/%: $(BUILD)/%.o $(HELPERS) $(ARCHIVES)
	@echo "  link $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(HELPERS) $(ROOM_LIBS) -lcmocka

define suite_rule
$(BUILD)/tests/$(1)/run: $(call objects,tests/$(1)/*.c) $(HELPERS) $(FUZZ_HELPERS) $(ARCHIVES)
	@echo "  link $$@"
	$(Q)$(CC) $(LDFLAGS) -o $$@ $(call objects,tests/$(1)/*.c) $(HELPERS) $(FUZZ_HELPERS) $(ROOM_LIBS) -lcmocka
endef
$(foreach suite,$(SUITES),$(eval $(call suite_rule,$(suite))))

# A generator is one program over the rooms' tables: `gen DIR` writes every derived file below DIR.
$(GEN): $(call objects,tools/gen/*.c) $(ARCHIVES)
	@echo "  link $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(call objects,tools/gen/*.c) $(ROOM_LIBS)

# The engine of the fuzzers is not instrumented: it watches the rest.
$(FUZZ_HELPERS) $(FUZZ_ENGINE): CFLAGS := $(filter-out -fsanitize-coverage=%,$(CFLAGS))
$(FUZZERS): $(BUILD)/fuzz/%: $(BUILD)/fuzz/%.o $(filter %.o,$(FUZZ_ENGINE)) $(FUZZ_HELPERS) $(HELPERS) $(ARCHIVES)
	@echo "  link $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(FUZZ_ENGINE) $(FUZZ_HELPERS) $(HELPERS) $(ROOM_LIBS)

fuzzers: $(FUZZERS)
tests: all $(TESTS) $(if $(wildcard tools/gen/*.c),$(GEN))

# The same tree in another flavour. What a sanitizer adds makes gcc see unset values: that warning is the release build's.
ASAN := BUILD=build/asan SAN="-fsanitize=address,undefined -fno-sanitize-recover=undefined -Wno-maybe-uninitialized" OPT=-O1
TSAN := BUILD=build/tsan SAN=-fsanitize=thread OPT=-O1
FUZZED := $(subst asan SAN=",fuzz SAN="-fsanitize-coverage=trace-pc -fsanitize-coverage=trace-cmp ,$(ASAN))
COVER := BUILD=build/cover SAN=--coverage OPT=-O0

check: tests ## what one runs before each commit: tidy, unit, golden, model, codec, 50 simulated seeds, fuzzers
	+$(MAKE) $(FUZZED) fuzzers
	tests/run check

check-all: tests ## everything: check, end to end, the sanitized builds; `./dev test` and CI are exactly this
	+$(MAKE) $(ASAN) tests
	+$(MAKE) $(TSAN) tests
	+$(MAKE) $(FUZZED) fuzzers
	tests/run check-all

test: check-all ## the same as check-all

tidy: $(call archive,core) ## the checker of the house style
	tools/tidy

fmt: ## formats every C file
	$(CLANG_FORMAT) -i $$(git ls-files --cached --others --exclude-standard '*.c' '*.h')

gen: $(GEN) ## derives proto, OpenAPI and the operations reference from the tables
	$(GEN) .

unit: ## the unit tests
golden: ## the golden transcripts
model: ## random operations against the model of a queue
codec: ## our codec against protoc and Python's protobuf
e2e: ## tests with real processes
unit golden model codec e2e: tests
	tests/run --build $(BUILD) $@

golden-accept: $(BUILD)/tests/golden/run ## rewrites the golden transcripts' output; read the diff
	$(BUILD)/tests/golden/run --accept

sim: tests ## simulated crashes; SEED=n replays one with its trace
	$(if $(SEED),$(BUILD)/tests/sim/run --seed $(SEED),SEEDS=200 tests/run --build $(BUILD) sim)

asan: ## unit, golden, model, codec, sim and e2e with the address and undefined sanitizers
	+$(MAKE) $(ASAN) tests
	SEEDS=20 tests/run --build build/asan unit golden model codec sim e2e

tsan: ## unit and e2e with the thread sanitizer
	+$(MAKE) $(TSAN) tests
	tests/run --build build/tsan unit e2e

fuzz: ## tries mutated inputs on T=json, for TIME=60 seconds of CPU; fuzz/README.md lists the targets
	+$(MAKE) $(FUZZED) fuzzers
	build/fuzz/fuzz/$(or $(T),$(error say which, like T=json)) --seconds $(or $(TIME),60) $(ARGS) \
		$(patsubst %,--dictionary %,$(wildcard fuzz/dict/$(T).dict)) fuzz/corpus/$(T)

cover: ## coverage of the unit tests, golden transcripts and model, a room
	+$(MAKE) $(COVER) tests
	tests/run --build build/cover unit golden model
	tools/cover build/cover

stats: ## the scoreboard: longest functions and files, assertions, duplicates
	tools/stats

bench: all ## the load generator; ARGS="--help" tells more
	$(EXE) bench $(ARGS)

run: all ## a server on .data/run; ARGS="--bind :9090" and the like
	$(EXE) server --data-dir .data/run $(ARGS)

demo: all ## works through access logs and leaves the server running
	@$(PYTHON) examples/access_log/demo.py --corvo $(EXE) --data-dir .data/demo

demo-once: all ## the same, but stops the server and checks every result
	@$(PYTHON) examples/access_log/demo.py --corvo $(EXE) --data-dir .data/demo-once --once

demo-stop: ## stops the server that demo left running
	@$(PYTHON) examples/access_log/demo.py --data-dir .data/demo --stop

install: all ## into PREFIX (/usr/local) below DESTDIR: executable, manual, unit, example configuration
	@packaging/install $(EXE) install

uninstall: ## takes that away again; configuration and data stay
	@packaging/install $(EXE) uninstall

deb: all ## a Debian package in build/deb
	@packaging/debian/build $(EXE) build/deb

clean: ## removes what was built, not data
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)$$/  \1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
		while IFS='|' read -r name text; do printf '%-16s %s\n' "$$name" "$$text"; done

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all tests check check-all test tidy fmt gen unit golden golden-accept model codec sim e2e asan tsan fuzz fuzzers cover \
	stats bench run demo demo-once demo-stop install uninstall deb clean help FORCE
