# agentcgi: make help
VERSION := $(shell cat VERSION)

CC         ?= cc
PKG_CONFIG ?= pkg-config
PREFIX     ?= /usr/local
CFLAGS     ?= -O2 -g
B          ?= build

LIBS := libcurl libcrypto libcjson libuv inih
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion \
	-Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wwrite-strings \
	-Wundef -Wvla -Wformat=2 -Wimplicit-fallthrough -Wswitch-enum \
	-Wnull-dereference
HARDEN := -fstack-protector-strong -fPIE
override CFLAGS += -std=c11 $(WARN) $(HARDEN)
override CPPFLAGS += -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -MMD -MP \
	$(shell $(PKG_CONFIG) --cflags $(LIBS))
override LDFLAGS += -pie -Wl,-z,relro -Wl,-z,now
override LDLIBS += $(shell $(PKG_CONFIG) --libs $(LIBS)) -lfcgi -lpthread

SRC := $(filter-out src/main.c,$(wildcard src/*.c src/credentials/*.c))
OBJ := $(SRC:%.c=$(B)/%.o)
UNIT := $(patsubst tests/unit/%_test.c,$(B)/unit/%,$(wildcard tests/unit/*_test.c))

all: $(B)/agentcgi
$(B)/agentcgi: $(B)/src/main.o $(B)/libagentcgi.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(B)/libagentcgi.a: $(OBJ)
	rm -f $@ && ar rcs $@ $^
$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
WRAP := malloc calloc realloc strdup
$(B)/unit/%: $(B)/tests/unit/%_test.o $(B)/tests/unit/alloc.o $(B)/libagentcgi.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(WRAP:%=-Wl,--wrap=%) -o $@ $^ $(LDLIBS)
unit: $(UNIT)
	@for t in $(UNIT); do $$t || exit 1; done
-include $(shell find $(B) -name '*.d' 2>/dev/null)
.PHONY: all unit
