# Everything a person types: make, make demo, make test, make audit, make lab, make arm64, make dist, make fuzz, make clean.

MOVES    ?= 5
NODES    ?= 2
MONITORS ?= domain
MINUTES  ?= 10

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1
export DOTNET_CLI_USE_MSBUILD_SERVER := 0
export MSBUILDDISABLENODEREUSE := 1

# The builder's summary of nothing having gone wrong.
QUIET := '/^[[:space:]]*$$$$/d; /(Warning|Error)\(s\)|Time Elapsed|Build (succeeded|FAILED)/d'

# The compiler leaves folders behind.
SCRATCH := export TMPDIR=$$(mktemp -d) && trap 'rm -rf "$$TMPDIR"' EXIT;

OUT    := out
BIN    := $(OUT)/bin
IMAGES := $(OUT)/images
CROSS  := aarch64-linux-gnu-

# A freestanding image is a project that says so (docs/architecture.md); an ordinary program is published for itself.
IMAGE_PROJECTS   := $(sort $(shell grep -ls '<FreestandingKind>' */*.csproj */*/*.csproj */*/*/*.csproj | grep -v '^tests/'))
ARM64_PROJECTS   := packetd/packetd.csproj launcher/Launcher.csproj
PROGRAM_PROJECTS := $(wildcard domain/Domain.csproj evilman/Evilman.csproj tokenbroker/Tokenbroker.csproj)
SOURCES := $(shell git ls-files '*.cs' '*.csproj' '*.props' '*.targets' '*.S' '*.ld' 2>/dev/null)

.PHONY: all images arm64 programs deps test demo audit audit-raise audit-reproduce bench-packetd bench-overload bench-migration fuzz bench-wire bench-cpu lab dist clean

all: images programs $(OUT)/guest.cpio

images: $(OUT)/.images
programs: $(OUT)/.programs

$(OUT)/.images: $(SOURCES) | deps
	@mkdir -p $(IMAGES)
	@$(SCRATCH) for project in $(IMAGE_PROJECTS); do \
	    echo "image    $$project"; \
	    dotnet build -c Release -m:1 -v:q -nologo -tl:off -clp:ErrorsOnly "$$project" | sed -E $(QUIET); \
	done
	@touch $@

# packetd and the launcher for arm64, of the same sources. Takes the cross binutils (deploy/dependencies).
arm64: $(OUT)/.arm64

$(OUT)/.arm64: $(SOURCES) | deps
	@command -v $(CROSS)ld >/dev/null || { echo "packetd for arm64 needs binutils-aarch64-linux-gnu (install it with the system's package manager)" >&2; exit 1; }
	@$(SCRATCH) for project in $(ARM64_PROJECTS); do \
	    echo "image    $$project for arm64"; \
	    dotnet build -c Release -m:1 -v:q -nologo -tl:off -clp:ErrorsOnly -p:FreestandingArchitecture=arm64 "$$project" | sed -E $(QUIET); \
	done
	@touch $@

$(OUT)/.programs: $(SOURCES) | deps
	@mkdir -p $(BIN)
	@$(SCRATCH) for project in $(PROGRAM_PROJECTS); do \
	    echo "program  $$project"; \
	    dotnet publish -c Release -m:1 -v:q -nologo -tl:off -clp:ErrorsOnly -o $(BIN) "$$project" | sed -E $(QUIET); \
	done
	@touch $@

# The guest's first files: Debian's own busybox, our /bin/migrate, and a few scripts.
$(OUT)/guest.cpio: $(OUT)/.images $(wildcard guestos/rootfs/* guestos/rootfs/*/* guestos/rootfs/*/*/*) deploy/pack-initramfs
	@echo "archive  $@"
	@deploy/pack-initramfs $@ guestos/rootfs $(IMAGES)/migrate $(IMAGES)/loader-checkpoint

deps:
	@deploy/dependencies

test: all
	@[ "$$(id -u)" -ne 0 ] || deploy/arm64-kernel $(OUT)/arm64-kernel || true
	@tests/run

demo: all
	@$(BIN)/evilman demo --moves $(MOVES) --nodes $(NODES) --monitors $(MONITORS)

bench-cpu: | deps
	@dotnet publish -c Release -m:1 -v:q -nologo -tl:off "-clp:ErrorsOnly;NoSummary" -r linux-x64 -o $(OUT)/bench bench/Cpu/CpuBench.csproj
	@$(OUT)/bench/bench-cpu

audit: images
	@if [ -f audit/Audit.csproj ]; then dotnet run -c Release -v:q --project audit/Audit.csproj -- ; else echo "audit: not part of this tree" >&2; exit 1; fi

# Writes what ring 0 measures now into its budget: for the person who agrees that it grows.
audit-raise: images
	@dotnet run -c Release -v:q --project audit/Audit.csproj -- --raise

# The same sources in two other folders give the same packetd to the byte.
audit-reproduce: images
	@audit/reproduce

bench-packetd: all
	@dotnet publish -c Release -m:1 -v:q -nologo -tl:off "-clp:ErrorsOnly;NoSummary" -o $(OUT)/bench bench/BouncyCastle/BouncyCastleBench.csproj
	@bench/packetd

# What a domain keeps of its throughput while the node is flooded.
bench-overload: all
	@bench/overload

# The guest's migration of itself beside QEMU's live migration of it.
bench-migration: all
	@$(SCRATCH) dotnet publish -c Release -m:1 -v:q -nologo -tl:off "-clp:ErrorsOnly;NoSummary" -o $(OUT)/bench bench/LiveMigration/LiveMigration.csproj
	@MOVES=$(MOVES) bench/migration

# TCP on bad wires against the kernel's.
bench-wire: | deps
	@bench/wire

# Looks that long for packets and moments that break ring 0's decisions; what is new joins fuzz/corpus.
fuzz:
	@fuzz/run $(MINUTES)

lab: all
	@$(BIN)/evilman lab up --nodes $(NODES) --monitors $(MONITORS)

# What an operator installs: static, stripped, with their sums.
dist: all $(if $(shell command -v $(CROSS)ld),arm64)
	@rm -rf dist && mkdir -p dist
	@for file in $(BIN)/evilman $(BIN)/domain $(BIN)/tokenbroker $(IMAGES)/packetd $(IMAGES)/launcher $(IMAGES)/cstrap $(IMAGES)/loader-kernel $(IMAGES)/loader-checkpoint $(IMAGES)/guestos $(IMAGES)/migrate $(IMAGES)/plug $(OUT)/guest.cpio; do \
	    if [ -f "$$file" ]; then install -m 755 "$$file" dist/; fi; \
	done
	@if [ -f $(OUT)/.arm64 ]; then for name in packetd launcher; do install -m 755 $(IMAGES)/arm64/$$name dist/$$name-arm64; done; fi
	@install -m 755 deploy/qemu-monitor dist/ && install -m 644 deploy/packetd@.service README.md dist/
	@cd dist && sha256sum -- * >SHA256SUMS && cat SHA256SUMS

clean:
	@rm -rf $(OUT) dist
	@find . -path ./.git -prune -o -type d \( -name bin -o -name obj -o -name TestResults \) -print0 | xargs -0 rm -rf
