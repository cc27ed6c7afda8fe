# mm tools. `make help` lists the targets.
#
# Programs go to build/bin, everything else that is made to build/. With SANITIZE=1 (address and undefined behaviour),
# SANITIZE=thread (data races) or another compiler (CC=clang-14) a build directory of its own is used, so that builds do not mix.

# as many jobs as there are processors where -j does not say otherwise
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif

VERSION  := 0.1.0
PREFIX   ?= /usr/local
DESTDIR  ?=
CC       ?= cc
ifeq ($(origin CC),default)
CC := gcc
endif
SANITIZE ?=
RACES    := $(filter thread,$(SANITIZE))
BUILD    ?= build$(if $(RACES),/thread,$(if $(SANITIZE),/sanitize))$(if $(filter-out gcc cc,$(CC)),/$(notdir $(CC)))

WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes
OPT      ?= -O2 -g
CFLAGS   ?=
# -ffp-contract=off: what the source says is what is computed, on every compiler; kernels ask for FMA by name
ALL_CFLAGS := -std=c17 -D_GNU_SOURCE $(WARN) $(OPT) -fno-math-errno -ffp-contract=off -Ilib -pthread \
              -DMM_VERSION='"$(VERSION)"' $(CFLAGS)
ALL_LDFLAGS := -pthread -Wl,--as-needed $(LDFLAGS)
ifneq ($(RACES),)
ALL_CFLAGS += -fsanitize=thread -fno-omit-frame-pointer
ALL_LDFLAGS += -fsanitize=thread
else ifneq ($(SANITIZE),)
ALL_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
ALL_LDFLAGS += -fsanitize=address,undefined
endif

PKG := pkg-config
# msgpack-c's pkg-config file is msgpack.pc in Debian 12 and msgpack-c.pc in later releases
MSGPACK := $(shell $(PKG) --exists msgpack-c 2>/dev/null && echo msgpack-c || echo msgpack)
BASE_PKGS  := $(MSGPACK) jansson libutf8proc
MEDIA_PKGS := libarchive zlib liblzma libavformat libavcodec libavutil libswresample libswscale libjpeg libwebp libwebpdemux libtiff-4
FETCH_PKGS := libcurl
# system headers with -isystem: their warnings are not ours
ALL_CFLAGS += $(patsubst -I%,-isystem %,$(shell $(PKG) --cflags $(BASE_PKGS) $(MEDIA_PKGS) $(FETCH_PKGS) 2>/dev/null))
# volk finds Vulkan's loader when a device is asked for: nothing links to libvulkan. Debian 12 has its source only.
VOLK_SOURCE := $(wildcard /usr/include/volk.c)
# libheif is optional; its header is needed alone, the library is loaded when a HEIC comes
ifeq ($(shell $(PKG) --exists 'libheif >= 1.13' 2>/dev/null && echo yes),yes)
ALL_CFLAGS += -DMM_HAVE_HEIF $(patsubst -I%,-isystem %,$(shell $(PKG) --cflags libheif))
endif
BASE_LIBS  := $(shell $(PKG) --libs $(BASE_PKGS) 2>/dev/null) $(if $(VOLK_SOURCE),,-lvolk) -ldl -lm
MEDIA_LIBS := $(shell $(PKG) --libs $(MEDIA_PKGS) 2>/dev/null)
FETCH_LIBS := $(shell $(PKG) --libs $(FETCH_PKGS) 2>/dev/null)

TOOLS    := $(patsubst tools/%.c,%,$(wildcard tools/mm-*.c))
LIB_SRC  := $(shell find lib -name '*.c' | LC_ALL=C sort)
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/%.o)
BINS     := $(TOOLS:%=$(BUILD)/bin/%)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
REPLAY   := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/replay/%)
MANPAGES := $(patsubst man/%.in,$(BUILD)/man/%,$(wildcard man/*.in)) \
            $(patsubst man/%,$(BUILD)/man/%,$(filter-out %.in,$(wildcard man/*.[157])))

# ---- building ----
all: $(BINS) man ## the tools into build/bin, their manual pages into build/man (the default)
programs: $(BINS) $(UNIT_BIN) $(REPLAY) ## everything that is compiled: the tools, the unit tests, the fuzz targets' replays
clean: ## removes build/
	rm -rf build
format: ## clang-format over the sources
	clang-format-14 -i $$(git ls-files '*.c' '*.h')
help: ## this list
	@awk -F ':.*## ' '/^# ---- .* ----$$/ { title = $$0; gsub(/^# ---- |:.*| ----$$/, "", title) } \
	    /^[a-z-]+:.*## / { if (title) print (n++ ? "\n" : "") title; title = ""; printf "  %-16s%s\n", $$1, $$2 }' Makefile

# ---- compiling ----
# one line a step; V=1 shows the commands
V ?=
step = $(if $(V),,@printf '  %-5s %s\n' $(1) $@;)
.SECONDARY:

# Kernels are compiled for the instruction set that their file name ends in and chosen at run time.
ifneq ($(findstring x86_64,$(shell $(CC) -dumpmachine 2>/dev/null)),)
ISA_avx2   := -mavx2 -mfma -mf16c
ISA_avx512 := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512
ISA_avx512bf16 := $(ISA_avx512) -mavx512bf16
ISA_avx512vnni := $(ISA_avx512) -mavx512vnni
ISA_amx := $(ISA_avx512) -mavx512bf16 -mamx-tile -mamx-bf16 -mamx-int8
ISA_avxvnni := $(ISA_avx2) -mavxvnni
endif
ifneq ($(findstring aarch64,$(shell $(CC) -dumpmachine 2>/dev/null)),)
ISA_neondot := -march=armv8.2-a+dotprod
ISA_neonbf16 := -march=armv8.2-a+bf16
endif
isa = $(ISA_$(lastword $(subst _, ,$(basename $(notdir $(1))))))
OPT_KERNEL := $(if $(SANITIZE),,-O3)

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call step,CC)$(CC) $(ALL_CFLAGS) $(if $(filter lib/backend/cpu/% lib/tape/% lib/train/%,$<),$(OPT_KERNEL)) $(call isa,$<) -MMD -MP -c -o $@ $<

# What objects are compiled with: they are rebuilt when it changes, not with every edit of this file.
FLAGS := $(CC) $(ALL_CFLAGS) $(OPT_KERNEL) $(foreach v,$(sort $(filter ISA_%,$(.VARIABLES))),$($(v)))
ifneq ($(strip $(FLAGS)),$(strip $(file <$(BUILD)/flags)))
$(BUILD)/flags: FORCE
endif
$(BUILD)/flags:
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(FLAGS))' >$@

# PREFIX is compiled into one object and written into the pages, which are rebuilt when it changes.
$(BUILD)/prefix: FORCE
	@mkdir -p $(@D)
	@[ "$$(cat $@ 2>/dev/null)" = '$(PREFIX)' ] || echo '$(PREFIX)' >$@
$(BUILD)/lib/model/find.o: $(BUILD)/prefix
$(BUILD)/lib/model/find.o: ALL_CFLAGS += -DMM_PREFIX='"$(PREFIX)"'
.PHONY: FORCE

# ---- shaders: the rows of shaders.def, compiled and written as C arrays into one file, which shaders.c includes ----
GLSLC := glslc
SHADER_LIST := lib/backend/vulkan/shaders.def
# the names in rows of one kind, and what glslc is given for one name
shaders_of = $(shell sed -n 's/^$(1).\(\w*\),.*/\1/p' $(SHADER_LIST))
shader = $(shell sed -n -e 's|^SHADER($(1), \(\w*\), "\(.*\)")$$|--target-env=vulkan1.1 \2 shaders/\1.comp|p' \
                        -e 's|^MATRIX($(1), \(\w*\), "\(.*\)")$$|--target-env=vulkan1.2 \2 shaders/\1.comp|p' $(SHADER_LIST))
SHADERS := $(call shaders_of,SHADER)
# a glslc that knows cooperative matrices (Debian 13) adds the shaders for matrix units
ifneq ($(shell $(GLSLC) $(call shader,LINEAR_COOP) -o /dev/null 2>/dev/null && echo yes),)
SHADERS += $(call shaders_of,MATRIX)
$(BUILD)/lib/backend/vulkan/shaders.o: ALL_CFLAGS += -DMM_HAVE_COOPMAT
endif
SPIRV := $(SHADERS:%=$(BUILD)/shaders/%.spv)

$(BUILD)/shaders/%.spv: $(wildcard shaders/*) $(SHADER_LIST)
	@mkdir -p $(@D)
	$(call step,GLSL)$(GLSLC) -O $(call shader,$*) -o $@
$(BUILD)/shaders/spirv.inc: $(SPIRV)
	$(call step,SPIRV)for s in $(SHADERS); do echo "static const uint32_t spirv_$$s[] = {" && \
	    od -An -v -tx4 $(@D)/$$s.spv | sed 's/ \([0-9a-f]*\)/0x\1,/g' && echo '};' || exit 1; done >$@
$(BUILD)/lib/backend/vulkan/shaders.o: $(BUILD)/shaders/spirv.inc
$(BUILD)/lib/backend/vulkan/shaders.o: ALL_CFLAGS += -I$(BUILD)
$(BUILD)/lib/backend/vulkan/volk.o: ALL_CFLAGS += $(if $(VOLK_SOURCE),-DVOLK_IMPLEMENTATION)

# ---- linking ----
$(BUILD)/libmm.a: $(LIB_OBJ)
	@rm -f $@
	$(call step,AR)$(AR) rcs $@ $^

# only mm-decode needs the media libraries: they map 130 libraries, 30 ms a start
$(BUILD)/bin/mm-decode: TOOL_LIBS := $(MEDIA_LIBS)
$(BUILD)/bin/mm-model:  TOOL_LIBS := $(FETCH_LIBS)
$(BINS): $(BUILD)/bin/%: $(BUILD)/tools/%.o $(BUILD)/libmm.a
	@mkdir -p $(@D)
	$(call step,LINK)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(TOOL_LIBS) $(BASE_LIBS)

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libmm.a
	@mkdir -p $(@D)
	$(call step,LINK)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(MEDIA_LIBS) $(FETCH_LIBS) $(BASE_LIBS)

# the test of the Vulkan device puts failing functions in the place of the driver's
$(BUILD)/unit/test_vulkan: ALL_LDFLAGS += -Wl,--wrap=mm_vk_instance

-include $(shell find $(BUILD)/lib $(BUILD)/tools $(BUILD)/tests -name '*.d' 2>/dev/null)

# ---- manual pages: the OPTIONS section comes from the tool's own option table ----
man: $(MANPAGES)
page := sed -e 's/@VERSION@/$(VERSION)/' -e 's|@PREFIX@|$(PREFIX)|'
$(BUILD)/man/%: man/%.in $(BINS) $(BUILD)/prefix
	@mkdir -p $(@D)
	$(call step,MAN)$(page) -e '/^@OPTIONS@$$/{r /dev/stdin' -e 'd;}' $< < <($(BUILD)/bin/$(basename $*) --help=mdoc) >$@.tmp && mv $@.tmp $@
$(BUILD)/man/%: man/% $(BUILD)/prefix
	@mkdir -p $(@D)
	$(call step,MAN)$(page) $< >$@
SHELL := bash

# ---- installing ----
MANDIR  := $(DESTDIR)$(PREFIX)/share/man
DOCDIR  := $(DESTDIR)$(PREFIX)/share/doc/mm-tools
BASHDIR := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR  := $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISHDIR := $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
DOCS     := README.md CHANGELOG.md LICENSE
EXAMPLES := $(wildcard examples/* examples/*/*)
STRIP   ?= strip --strip-unneeded

# rm -rf of a name in two parts would remove what was never installed
ifneq ($(and $(filter install uninstall,$(MAKECMDGOALS)),$(word 2,_$(DESTDIR)$(PREFIX))),)
$(error DESTDIR and PREFIX cannot have blanks)
endif

install: all ## programs, manual pages, completions, documents and examples below DESTDIR/PREFIX; STRIP= keeps the symbols
	install -d $(DESTDIR)$(PREFIX)/bin $(MANDIR)/man1 $(MANDIR)/man5 $(MANDIR)/man7 $(BASHDIR) $(ZSHDIR) $(FISHDIR) $(DOCDIR)
	install -m 755 $(BINS) $(DESTDIR)$(PREFIX)/bin
	$(if $(STRIP),$(STRIP) $(TOOLS:%=$(DESTDIR)$(PREFIX)/bin/%))
	for page in $(MANPAGES); do install -m 644 $$page $(MANDIR)/man$${page##*.} || exit 1; done
	for tool in $(TOOLS); do \
	    $(BUILD)/bin/$$tool --help=bash >$(BASHDIR)/$$tool && $(BUILD)/bin/$$tool --help=zsh >$(ZSHDIR)/_$$tool && \
	    $(BUILD)/bin/$$tool --help=fish >$(FISHDIR)/$$tool.fish || exit 1; done
	install -m 644 $(DOCS) $(DOCDIR)
	for file in $(EXAMPLES); do [ -d $$file ] || install -D -m 644 $$file $(DOCDIR)/$$file || exit 1; done
uninstall: ## removes what install put there
	for tool in $(TOOLS); do \
	    rm -f $(DESTDIR)$(PREFIX)/bin/$$tool $(BASHDIR)/$$tool $(ZSHDIR)/_$$tool $(FISHDIR)/$$tool.fish; done
	for page in $(notdir $(MANPAGES)); do rm -f $(MANDIR)/man$${page##*.}/$$page; done
	rm -rf $(DOCDIR)
# In a copy of the sources, because debhelper wants its folder at their top.
deb: ## a Debian package for this release of Debian or Ubuntu, into build/deb
	@command -v dh >/dev/null && command -v dpkg-buildpackage >/dev/null || \
		{ echo "make deb needs debhelper: apt-get install debhelper dpkg-dev"; exit 1; }
	rm -rf build/deb/source && mkdir -p build/deb/source
	tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C build/deb/source
	cp -r tools/setup/debian build/deb/source/debian
	sed -i 's/@VERSION@/$(VERSION)/' build/deb/source/debian/changelog
	cd build/deb/source && dpkg-buildpackage -b -us -uc $(DEBFLAGS)
.PHONY: install uninstall deb

# ---- tests ----
ifneq ($(RACES),)
check: all $(UNIT_BIN)
	BUILD=$(BUILD) tests/races/run
check-sample: $(addprefix $(BUILD)/bin/mm-,decode encode-image) $(addprefix $(BUILD)/unit/test_,ordered threads filter)
	BUILD=$(BUILD) tests/races/run sample
.PHONY: check-sample
else
# What the tests use is installed first; then a make of its own, because the libraries' flags are looked up when make starts.
check: ## unit tests, bats tests and lint, with what they use installed first; SANITIZE=1 for the sanitised build
	@tools/setup/deps.sh tests || echo "make check: packages are missing; tests that need them are skipped"
	@$(MAKE) check-here
check-here: all $(UNIT_BIN) $(REPLAY)
	@$(MAKE) models || echo "make check: default models are missing; tests that need them are skipped"
	BUILD=$(BUILD) tests/run
endif
check-races: ## a short look for data races; `make check SANITIZE=thread` is the long one
	$(MAKE) SANITIZE=thread check-sample
check-kill: all ## tools are killed 200 times and resumed
	PATH="$(abspath $(BUILD))/bin:$$PATH" python3 tests/kill.py $(KILLS)
check-live: all ## a client with 1,000 requests through live pipelines; it or a stage is killed half way
	PATH="$(abspath $(BUILD))/bin:$$PATH" $(or $(MM_PYTHON),python3) tests/live/client.py
check-walks: all probes ## the recipes of CONTRIBUTING.md on a copy of the tree: an encoder, an operation, a format, an output, a tool
	tests/lint/walks/run -b
check-deb: ## the Debian package is built, installed, used and purged in new systems of Debian 12 and 13; needs root
	tests/deb/run
check-all: ## everything, for hours; TESTING.md says what that is and when it last ran
	tests/suites <tests/all.txt
.PHONY: check-races check-kill check-live check-walks check-deb check-all

# Every shader is valid SPIR-V for the version that it asks for; then every Vulkan driver of the machine, see tests/gpu/run.
check-shaders: $(SPIRV)
	@$(foreach s,$(SHADERS),spirv-val $(subst =, ,$(firstword $(call shader,$s))) $(BUILD)/shaders/$s.spv &&) echo '$(words $(SHADERS)) shaders are valid SPIR-V'
check-gpu: all $(UNIT_BIN) check-shaders ## every operation and architecture through Vulkan, on lavapipe and the machine's GPUs; 77: there is none
	BUILD=$(BUILD) tests/gpu/run
check-gpu-full: all $(UNIT_BIN) check-shaders ## the same on SwiftShader as well, and models of the real sizes
	BUILD=$(BUILD) tests/gpu/run full
.PHONY: check-shaders check-gpu check-gpu-full

# The backend's tests for 64-bit ARM: built with Debian's cross compiler, run by qemu's user emulation.
CROSS_CC  := aarch64-linux-gnu-gcc
CROSS_RUN := qemu-aarch64
CROSS_LIB := $(patsubst %.c,$(BUILD)/%.o,$(shell find lib/backend lib/base lib/tensor -name '*.c' | LC_ALL=C sort))
NEON_TESTS := backend ops_linear ops_conv ops_attend ops_rowwise ops_identical ops_decode precision precision_ops
$(BUILD)/cross/lib.a: $(CROSS_LIB)
	@mkdir -p $(@D)
	@rm -f $@
	$(call step,AR)$(AR) rcs $@ $^
$(BUILD)/cross/%: $(BUILD)/tests/unit/%.o $(BUILD)/cross/lib.a
	$(call step,LINK)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ -lm
check-neon: ## the backend's tests for 64-bit ARM, where its cross compiler and qemu-user are installed
	@if ! { command -v $(CROSS_CC) && command -v $(CROSS_RUN); } >/dev/null; then \
	    echo "check-neon: skipped: it needs gcc-aarch64-linux-gnu and qemu-user"; else \
	    $(MAKE) CC=$(CROSS_CC) PKG=: BUILD=build/neon CFLAGS='$(CFLAGS) -Itests/cross' LDFLAGS=-static \
	        $(NEON_TESTS:%=build/neon/cross/test_%) && \
	    printf '%s\n' $(NEON_TESTS) | xargs -P $$(nproc) -I NAME $(CROSS_RUN) build/neon/cross/test_NAME; fi
.PHONY: check-neon
# small programs through which tests/parity/*.py call single functions of the library
PROBES := $(patsubst tests/parity/%.c,$(BUILD)/parity/%,$(wildcard tests/parity/probe_*.c))
probes: $(PROBES) ## programs for tests/parity
$(BUILD)/parity/%: $(BUILD)/tests/parity/%.o $(BUILD)/libmm.a
	@mkdir -p $(@D)
	$(call step,LINK)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(BASE_LIBS)
parity-light: all probes ## beside tokenizers, Pillow, onnxruntime and CTranslate2 on the default models (no torch)
	BUILD=$(BUILD) tests/parity/run light
parity: all probes ## beside transformers and torch as well; writes tests/parity/RESULTS.md
	BUILD=$(BUILD) tests/parity/run full
parity-heads: all ## heads beside torch and scikit-learn on real data; writes tests/parity/RESULTS-heads.md
	BUILD=$(BUILD) tests/parity/run heads
.PHONY: parity-light parity parity-heads
lint: all ## layering of includes, manual pages, formatting
	BUILD=$(BUILD) tests/lint/run

# ---- fuzzing ----
# tests/fuzz/fuzz_NAME.c is built twice: as a libFuzzer program (build/fuzz/fuzz_NAME, clang), and with any compiler as
# a program that replays files ($(BUILD)/replay/fuzz_NAME). Seeds: tests/fuzz/corpus/NAME and tests/goldens/NAME.
SECONDS    := 30
FUZZ_CC    := clang-14
FUZZ_FLAGS := -fsanitize=fuzzer-no-link
$(BUILD)/replay/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/replay.o $(BUILD)/libmm.a
	@mkdir -p $(@D)
	$(call step,LINK)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(MEDIA_LIBS) $(FETCH_LIBS) $(BASE_LIBS)
build/fuzz/fuzz_%: build/fuzz/tests/fuzz/fuzz_%.o build/fuzz/libmm.a
	$(call step,LINK)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(MEDIA_LIBS) $(FETCH_LIBS) $(BASE_LIBS)
fuzz: ## builds tests/fuzz/fuzz_*.c with libFuzzer into build/fuzz
	$(MAKE) CC=$(FUZZ_CC) SANITIZE=1 BUILD=build/fuzz CFLAGS='$(CFLAGS) $(FUZZ_FLAGS)' $(FUZZ_SRC:tests/fuzz/%.c=build/fuzz/%)
fuzz-run: fuzz ## runs every fuzz target for SECONDS=30
	for t in $(FUZZ_SRC:tests/fuzz/fuzz_%.c=%); do \
	  mkdir -p build/fuzz/corpus/$$t; seeds=; \
	  for d in tests/fuzz/corpus/$$t tests/goldens/$$t; do [ -d $$d ] && seeds="$$seeds $$d"; done; \
	  build/fuzz/fuzz_$$t -max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
	    -artifact_prefix=build/fuzz/crash-$$t- build/fuzz/corpus/$$t $$seeds || exit 1; \
	done
.PHONY: fuzz fuzz-run

# ---- measuring ----
# The tools beside torch, onnxruntime, OpenVINO, CTranslate2, Pillow and scikit-learn. `make bench BENCH='-r 3 whisper cold'` measures
# a part, into build/bench.
BENCH :=
bench: all $(addprefix $(BUILD)/bench/bench_,gemm encode pipe) ## speed, start-up and memory beside peers: tests/bench/RESULTS.md
	BUILD=$(BUILD) MM_PYTHON=$$(tools/setup/python.sh full) python3 tests/bench/run.py $(BENCH)
# programs that measure; `make $(BUILD)/bench/bench_gemm`
$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(BUILD)/libmm.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(BASE_LIBS)

# bench_encode times every dispatch of a Vulkan device
$(BUILD)/bench/bench_encode: ALL_LDFLAGS += -Wl,--wrap=mm_vk_run

$(BUILD)/shaders/ceiling.inc $(BUILD)/shaders/ceiling_loads.inc: tests/bench/ceiling.comp
	@mkdir -p $(@D)
	$(GLSLC) --target-env=vulkan1.1 -O $(if $(findstring loads,$@),-DLOADS) -mfmt=c $< -o $@
$(BUILD)/tests/bench/bench_ceiling.o: $(BUILD)/shaders/ceiling.inc $(BUILD)/shaders/ceiling_loads.inc
$(BUILD)/tests/bench/bench_ceiling.o: ALL_CFLAGS += -I$(BUILD)
bench-live: all ## answers of live pipelines: latency, what marks cost, delay of windows, two hours; LIVE='-n 20 utterance' is a part
	BUILD=$(BUILD) $(or $(MM_PYTHON),python3) tests/bench/live.py $(LIVE)
bench-gpu: all $(addprefix $(BUILD)/bench/bench_,encode device ceiling) ## encoders through Vulkan beside ncnn, and on a GPU beside torch
	$(BUILD)/bench/bench_device
	$(BUILD)/bench/bench_ceiling
	python=$$(tools/setup/python.sh full) && export BUILD=$(BUILD) && $$python tests/gpu/beside_ncnn.py && $$python tests/gpu/bench.py
readme: ## README's figures, from tests/bench/RESULTS.md and tests/gpu/RESULTS.md
	python3 tests/bench/readme.py
.PHONY: bench bench-live bench-gpu readme

# ---- setting up, trying out ----
deps: ## installs what is missing to build and test (Debian 12, 13, Ubuntu 24.04); without root it prints the command
	tools/setup/deps.sh tests
demo: ## everything: dependencies, build, default models, and the main job on real media
	tools/setup/deps.sh
	$(MAKE) all models
	BUILD=$(BUILD) tools/setup/demo.sh
.PHONY: deps demo

models: $(BUILD)/bin/mm-model ## the default models, by pip, into the user's model directory (or MM_MODELS)
	MM_MODEL=$(BUILD)/bin/mm-model tools/setup/models.sh
.PHONY: models

# the default alignment: any pictures with captions; examples/image-text/Makefile says what can be set
align: $(BINS) ## projection heads over the default image and text models: IMAGES=DIR CAPTIONS=FILE.csv, into build/align
	@test -n "$(IMAGES)" -a -n "$(CAPTIONS)" || { echo "make align needs IMAGES=DIR and CAPTIONS=FILE.csv"; exit 1; }
	PATH="$(abspath $(BUILD))/bin:$$PATH" $(MAKE) -C examples/image-text OUT=$(abspath $(BUILD))/align \
	  IMAGES=$(abspath $(IMAGES)) CAPTIONS=$(abspath $(CAPTIONS)) report
search: $(BINS) ## the pictures that words describe, after align: QUERY='two dogs in the snow'
	@test -f $(BUILD)/align/settings.mk || { echo "search: 'make align IMAGES=DIR CAPTIONS=FILE.csv' comes first"; exit 1; }
	@PATH="$(abspath $(BUILD))/bin:$$PATH" $(MAKE) -s -C examples/image-text OUT=$(abspath $(BUILD))/align search
.PHONY: align search
.PHONY: all programs help man check check-here lint clean probes format
.DELETE_ON_ERROR:
