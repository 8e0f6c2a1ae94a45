# Corvo: one Makefile, one room = one archive, wildcards, no generator. `make help` lists the targets.
CC ?= gcc
BUILD ?= build/release
SAN ?=
DEPS := libuv libllhttp rocksdb raft yyjson libxxhash openssl
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wcast-qual -Wpointer-arith -Wformat=2 -Wundef -Wimplicit-fallthrough
WERROR ?= -Werror
OPT ?= -O2 -D_FORTIFY_SOURCE=2
CFLAGS := -std=gnu17 -D_GNU_SOURCE $(WARN) $(WERROR) $(OPT) -g -fstack-protector-strong -fno-omit-frame-pointer \
	-fPIE -Isrc -I. $(SAN)
LDFLAGS := -pie -Wl,-z,relro,-z,now $(SAN)
LIBS := -luv -lllhttp -lrocksdb -lraft -lyyjson -lxxhash -lcrypto -lpthread

ROOMS := server api node http replica store core wire base bench
EXE := $(BUILD)/corvo
lib = $(BUILD)/lib$(1).a
ARCHIVES := $(foreach room,$(ROOMS),$(call lib,$(room)))
SOURCES := $(wildcard src/*/*.c src/*/*/*.c)
OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(SOURCES) src/main.c)
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))

.DEFAULT_GOAL := all
all: $(EXE) ## the server and its command line

$(EXE): $(BUILD)/src/main.o $(ARCHIVES)
	$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(LIBS)

define room_rule
$(call lib,$(1)): $(patsubst %.c,$(BUILD)/%.o,$(wildcard src/$(1)/*.c src/$(1)/*/*.c))
	@rm -f $$@
	ar rcs $$@ $$^
endef
$(foreach room,$(ROOMS),$(eval $(call room_rule,$(room))))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/%: $(BUILD)/tests/unit/%.o $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(LIBS) -lcmocka

unit-tests: $(UNIT_TESTS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all unit-tests
.SECONDARY:
