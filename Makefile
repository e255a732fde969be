# agentcgi.  GNU make; what there is to make: make help.
#
# User's settings: CC CFLAGS CPPFLAGS LDFLAGS LDLIBS PKG_CONFIG DESTDIR PREFIX
# and the directories below.  Ours are kept apart in ALL_*, with the user's
# last, so that the user wins and a make called by a script of ours, which
# inherits the environment, sees the user's settings and not ours twice.
#
#	V=1                           show the commands
#	WERROR=1                      warnings are errors (CI)
#	SANITIZE=address,undefined    instrument; give it a B of its own
#	STATIC=1                      with no library to be found at run time
#	B=build/asan                  where to build
#	PROGRAM=build/static/agentcgi what make install takes, made before
#	PACKAGES=1                    make check tries packages, too (needs root)

VERSION := $(shell cat VERSION)

PKG_CONFIG ?= pkg-config
CFLAGS     ?= -O2 -g
B          ?= build

DESTDIR    ?=
PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/sbin
SYSCONFDIR ?= /etc
DATADIR    ?= $(PREFIX)/share
LIBDIR     ?= $(PREFIX)/lib
CGIDIR     ?= $(LIBDIR)/agentcgi
MANDIR     ?= $(DATADIR)/man
DOCDIR     ?= $(DATADIR)/doc/agentcgi
# Empty: nothing for systemd, as where there is none.
UNITDIR    ?= $(if $(filter Linux,$(shell uname -s)),$(PREFIX)/lib/systemd/system)
SYSUSERSDIR   ?= $(PREFIX)/lib/sysusers.d
COMPLETIONDIR ?= $(DATADIR)/bash-completion/completions
# Who may connect to the socket: as whom the web server runs.
WEBUSER    ?= www-data
WEBGROUP   ?= www-data

FUZZ_SECONDS ?= 30

LIBS := libcurl libcrypto libcjson libuv inih
# Some distributions ship libfcgi without its .pc file.
ifeq ($(shell $(PKG_CONFIG) --exists fcgi 2>/dev/null && echo yes),yes)
LIBS += fcgi
else
FCGI := -lfcgi
endif

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion \
	-Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wwrite-strings \
	-Wundef -Wvla -Wformat=2 -Wimplicit-fallthrough -Wswitch-enum \
	-Wnull-dereference $(if $(filter 1,$(WERROR)),-Werror)

# $(call knows,FLAG): the flag, if the compiler takes it.
knows = $(shell $(CC) -Werror $(1) -x c -c -o /dev/null /dev/null \
	2>/dev/null && echo $(1))
HARDEN := -fPIE -fstack-protector-strong \
	$(call knows,-fstack-clash-protection) $(call knows,-fcf-protection)
ifneq ($(SANITIZE),)
# The sanitizers watch the plain functions, not their fortified twins.
HARDEN += -fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer -U_FORTIFY_SOURCE
else ifneq ($(filter-out -O0,$(lastword $(filter -O%,$(CFLAGS)))),)
# Level 3 needs both a compiler and a libc that have it; else the libc
# falls back to 2 by itself, but says so in every file.
fortify_level = $(lastword $(shell echo __USE_FORTIFY_LEVEL | $(CC) -O2 \
	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -include features.h -E -P - \
	2>/dev/null))
HARDEN += -U_FORTIFY_SOURCE \
	-D_FORTIFY_SOURCE=$(if $(filter 3,$(fortify_level)),3,2)
endif

ALL_CPPFLAGS := -D_GNU_SOURCE -DVERSION=\"$(VERSION)\" \
	-DSYSCONFDIR=\"$(SYSCONFDIR)\" -iquote src -MMD -MP \
	$(if $(STATIC),-DSTATIC) \
	$(shell $(PKG_CONFIG) --cflags $(LIBS) 2>/dev/null) $(CPPFLAGS)
ALL_CFLAGS  := -std=c11 $(WARN) $(HARDEN) $(CFLAGS)
ALL_LDFLAGS := $(if $(STATIC),-static-pie,-pie) -Wl,-z,relro -Wl,-z,now \
	$(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)
ALL_LDLIBS  := $(shell $(PKG_CONFIG) $(if $(STATIC),--static) --libs $(LIBS) \
	2>/dev/null) $(FCGI) -lpthread $(LDLIBS)

SRC  := $(sort $(filter-out src/main.c,$(wildcard src/*.c src/*/*.c)))
OBJ  := $(SRC:%.c=$(B)/%.o)
LIB  := $(B)/libagentcgi.a
HELP := $(patsubst %.c,$(B)/%.o, \
	$(filter-out %_test.c,$(wildcard tests/unit/*.c)))
TEST := $(patsubst tests/%_test.c,$(B)/%,$(wildcard tests/unit/*_test.c))
FUZZ := $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
REPLAY  := $(FUZZ:%=$(B)/fuzz/%-replay)
FUZZERS := $(FUZZ:%=$(B)/%)

comma := ,
ifneq ($(V),1)
Q := @
endif
say = $(if $(Q),@printf '  %-4s%s\n' $(1) $(2))

##
all: $(B)/agentcgi ## build/agentcgi

$(B)/agentcgi: $(B)/src/main.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LDLIBS)

$(LIB): $(OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

# Changes when the compiler or a flag does, and takes all objects with it.
$(B)/flags: export FLAGS := $(shell $(CC) --version 2>/dev/null | head -n 1) \
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(ALL_LDLIBS)
$(B)/flags: force
	@mkdir -p $(@D)
	@echo "$$FLAGS" | cmp -s - $@ || { \
		{ command -v $(firstword $(CC)) >/dev/null && \
		  $(PKG_CONFIG) --exists --print-errors $(LIBS); } || { \
			echo "No $(CC), or no library: packaging/install-deps" \
				"installs what is missing" >&2; \
			exit 1; }; \
		echo "$$FLAGS" >$@; }

# Unit tests: fakes come before the library, allocations can be failed.
WRAP := $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc strdup)
$(TEST): $(B)/%: $(B)/tests/%_test.o $(HELP) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(WRAP) -o $@ $^ $(ALL_LDLIBS)

# A fuzz driver runs its corpus under any compiler, and explores under clang.
$(REPLAY): $(B)/fuzz/%-replay: $(B)/tests/fuzz/%_fuzz.o \
    $(B)/tests/fuzz/replay.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LDLIBS)

$(FUZZERS): $(B)/%: $(B)/tests/fuzz/%_fuzz.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ \
		$(ALL_LDLIBS)

units: $(TEST)
replays: $(REPLAY)
fuzzers: $(FUZZERS)

##
run: ## try it: lighttpd, agentcgi and a demo agent (AGENTCGI_PORT=8080)
	@packaging/install-deps build run
	+@$(MAKE) --no-print-directory all
	@packaging/demo

unit: $(TEST) ## the unit tests alone, without installing anything
	@for test in $(TEST); do echo "# $$test"; $$test || exit 1; done

test: ## all tests, here and now
	@packaging/install-deps build run test
	+@tests/run unit fuzz web browser

lint: ## what a machine can say about the sources
	+@tests/run lint

check: ## lint, tests, sanitizers, the other compiler; PACKAGES=1: packages
	@packaging/install-deps build run test $(if $(PACKAGES),package)
	+@tests/run lint unit fuzz web browser asan clang $(if $(PACKAGES),packages)

fuzz: ## explore each parser for FUZZ_SECONDS=30 (clang)
	+@$(MAKE) CC=clang SANITIZE=address,undefined,fuzzer-no-link \
		B=build/fuzz fuzzers
	@set -e; for name in $(FUZZ); do echo "# $$name"; \
		mkdir -p build/fuzz/corpus/$$name; \
		build/fuzz/$$name -max_total_time=$(FUZZ_SECONDS) \
			-print_final_stats=1 -verbosity=0 \
			-artifact_prefix=build/fuzz/$$name- \
			build/fuzz/corpus/$$name tests/fuzz/corpus/$$name; \
	done

bench: all ## measure against nginx and a Node relay
	@packaging/install-deps build run test
	@tests/bench/run

format: ## put the sources into the one format
	clang-format -i $$(git ls-files --cached --others \
		--exclude-standard '*.c' '*.h')

##
install: $(if $(PROGRAM),,all) $(if $(UNITDIR),install-units) ## into DESTDIR, below PREFIX=/usr/local
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(CGIDIR)
	install -m 755 $(or $(PROGRAM),$(B)/agentcgi) $(DESTDIR)$(BINDIR)/agentcgi
	ln -sfr $(DESTDIR)$(BINDIR)/agentcgi $(DESTDIR)$(CGIDIR)/agentcgi.cgi || \
		ln -sf $(BINDIR)/agentcgi $(DESTDIR)$(CGIDIR)/agentcgi.cgi
	$(call install_tree,htdocs,$(DESTDIR)$(DATADIR)/agentcgi/htdocs)
	$(call install_tree,docs,$(DESTDIR)$(DOCDIR))
	install -d $(DESTDIR)$(DOCDIR)/conf
	umask 022; for file in conf/*; do \
		$(placed) $$file >$(DESTDIR)$(DOCDIR)/$$file || exit 1; done
	umask 022; for page in man/*.[1-9]; do dir=$(DESTDIR)$(MANDIR)/man$${page##*.}; \
		install -d $$dir && $(placed) $$page >$$dir/$${page#man/} || exit 1; done
	install -d $(DESTDIR)$(COMPLETIONDIR)
	install -m 644 packaging/completion/agentcgi $(DESTDIR)$(COMPLETIONDIR)
	install -d $(DESTDIR)$(SYSCONFDIR)/agentcgi
	[ -e $(DESTDIR)$(SYSCONFDIR)/agentcgi/agentcgi.conf ] || \
		{ umask 022; $(placed) conf/agentcgi.conf \
			>$(DESTDIR)$(SYSCONFDIR)/agentcgi/agentcgi.conf; }

# What systemd wants.  Instances are made of the same units.
install-units:
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSUSERSDIR) \
		$(DESTDIR)$(DOCDIR)/examples
	umask 022; for unit in socket service; do \
		$(placed) packaging/systemd/agentcgi.$$unit \
			>$(DESTDIR)$(UNITDIR)/agentcgi.$$unit && \
		sed -f packaging/systemd/instance.sed \
			packaging/systemd/agentcgi.$$unit | $(placed) \
			>$(DESTDIR)$(UNITDIR)/agentcgi@.$$unit || exit 1; done
	umask 022; $(placed) packaging/systemd/credential-process.conf \
		>$(DESTDIR)$(DOCDIR)/examples/credential-process.conf
	install -m 644 packaging/sysusers.d/agentcgi.conf $(DESTDIR)$(SYSUSERSDIR)

# $(placed) [FILE]: with the paths and users of this installation.
placed = sed -e 's|/usr/share/agentcgi|$(DATADIR)/agentcgi|g' \
	-e 's|/usr/lib/agentcgi/|$(CGIDIR)/|g' \
	-e 's|"/usr/lib/agentcgi"|"$(CGIDIR)"|g' \
	-e 's|/usr/sbin/agentcgi|$(BINDIR)/agentcgi|g' \
	-e 's|/etc/agentcgi|$(SYSCONFDIR)/agentcgi|g' \
	-e 's|^SocketUser=.*|SocketUser=$(WEBUSER)|' \
	-e 's|^SocketGroup=.*|SocketGroup=$(WEBGROUP)|'

install_tree = cd $(1) && find . -type f -exec sh -c 'install -d \
	"$$0/$$(dirname "$$1")" && install -m 644 "$$1" "$$0/$$1"' $(2) {} \;

uninstall: ## takes out what install put in, except the configuration
	rm -f $(DESTDIR)$(BINDIR)/agentcgi $(DESTDIR)$(CGIDIR)/agentcgi.cgi
	rm -rf $(DESTDIR)$(DATADIR)/agentcgi $(DESTDIR)$(DOCDIR)
	rm -f $(DESTDIR)$(COMPLETIONDIR)/agentcgi $(if $(UNITDIR), \
		$(DESTDIR)$(UNITDIR)/agentcgi.* $(DESTDIR)$(UNITDIR)/agentcgi@.* \
		$(DESTDIR)$(SYSUSERSDIR)/agentcgi.conf)
	cd man && for page in *.[1-9]; do \
		rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page; done
	-rmdir $(DESTDIR)$(CGIDIR)

##
dist: ## the release's source, build/dist/agentcgi-VERSION.tar.gz
	@packaging/dist

deb: ## Debian's packages, below build/deb
	@packaging/install-deps build package
	@packaging/build-deb

rpm: static ## RPM's packages, below build/rpm
	@packaging/install-deps package
	@packaging/build-rpm

static: ## build/static/agentcgi, which needs no library at run time
	@packaging/install-deps build package
	+@packaging/static/build

tarball: static ## for shared hosts, build/tarball/agentcgi-VERSION-....tar.gz
	@packaging/build-tarball

check-packages: ## whether they install, work, upgrade and go (needs root)
	@packaging/install-deps build run test package
	+@tests/run packages

##
clean: ## remove build/
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^##$$/ { print "" } \
		/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

force:
.PHONY: all units replays fuzzers run unit test lint check fuzz bench format \
	install install-units uninstall dist deb rpm static tarball \
	check-packages clean help force
.DELETE_ON_ERROR:

-include $(patsubst %.o,%.d,$(OBJ) $(B)/src/main.o $(HELP) \
	$(TEST:$(B)/%=$(B)/tests/%_test.o) \
	$(FUZZ:%=$(B)/tests/fuzz/%_fuzz.o) $(B)/tests/fuzz/replay.o)
