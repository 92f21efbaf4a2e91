# Everything a person types; "make help" lists it. A line "## target: text" below is what help says of a target.

MOVES    ?= 5
NODES    ?= 2
MONITORS ?= domain
MINUTES  ?= 10
SIZES    ?= 64 256 1024 3000
USES     ?= empty full scattered busy
SUITE    ?= trixie
KILLS    ?= 10000
CASES    ?= 10000000

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1
export DOTNET_CLI_USE_MSBUILD_SERVER := 0
export MSBUILDDISABLENODEREUSE := 1

# The builder's summary of nothing having gone wrong.
QUIET := '/^[[:space:]]*$$$$/d; /(Warning|Error)\(s\)|Time Elapsed|Build (succeeded|FAILED)/d'

OUT    := out
BIN    := $(OUT)/bin
IMAGES := $(OUT)/images
CROSS  := aarch64-linux-gnu-

# The compiler leaves folders behind; and its scripts fail below a folder whose name has a blank, which TMPDIR may be.
SCRATCH := mkdir -p $(OUT) && export TMPDIR=$$(mktemp -d "$(CURDIR)/$(OUT)/build.XXXXXX") && trap 'rm -rf "$$TMPDIR"' EXIT;

# A freestanding image is a project that says so (docs/architecture.md); an ordinary program is published for itself.
IMAGE_PROJECTS   := $(sort $(shell grep -ls '<FreestandingKind>' */*.csproj */*/*.csproj */*/*/*.csproj | grep -v '^tests/'))
ARM64_PROJECTS   := packetd/packetd.csproj launcher/Launcher.csproj
PROGRAM_PROJECTS := $(wildcard domain/Domain.csproj evilman/Evilman.csproj)
SOURCES := $(shell git ls-files '*.cs' '*.csproj' '*.props' '*.targets' '*.S' '*.ld' 2>/dev/null)

.PHONY: help all images arm64 programs broker deps test demo demo-tokens newcomer audit audit-raise lint coverage layout audit-reproduce bench-packetd bench-overload bench-migration fuzz fuzz-syscalls fuzz-devices fuzz-cpu fuzz-commands system-programs kernels bench-wire bench-net bench-guest bench-cpu conformance bench-broker soak lab kill-broker dist clean

## all: builds everything into out/ (what "make" alone does); as root it also installs what is missing
all: images programs $(OUT)/guest.cpio

## help: this list
help:
	@echo "Targets:"
	@awk -F': ' '/^## [a-z0-9-]+: / { line = sprintf("  %-16s", substr($$1, 4)); count = split(substr($$0, length($$1) + 3), words, " "); \
	    for (i = 1; i <= count; i++) { \
	        if (length(line) + length(words[i]) > 78) { print line; line = sprintf("%18s", "") } \
	        line = line " " words[i] } \
	    print line }' Makefile
	@echo "Variables: MOVES=$(MOVES) NODES=$(NODES) MINUTES=$(MINUTES)"
	@echo "  MONITORS=$(MONITORS) (domain, qemu, or domain,qemu)"
	@echo "  of soak:          SIZES=\"$(SIZES)\" USES=\"$(USES)\""
	@echo "                    SOAK_MONITORS=\"domain qemu\""
	@echo "  of fuzz:          KEEP=1"
	@echo "  of fuzz-syscalls, fuzz-cpu, fuzz-commands, system-programs and"
	@echo "    kill-broker:    SEED=N"
	@echo "  of kill-broker:   KILLS=$(KILLS) DATABASE=sqlite or postgres (otherwise both)"
	@echo "  of kernels:       SUITE=$(SUITE)"
	@echo "  of conformance:   CASES=$(CASES) SEED=N"

## images: the freestanding images: packetd, launcher, plug, firmware, loaders, guest
images: $(OUT)/.images

## programs: domain and evilman, compiled ahead of time
programs: $(OUT)/.programs

$(OUT)/.images: $(SOURCES) | deps
	@mkdir -p $(IMAGES)
	@printf 'image    %s\n' $(IMAGE_PROJECTS)
	@$(SCRATCH) PROJECTS="$$(tr ' ' ';' <<<'$(IMAGE_PROJECTS)')" \
	    dotnet build -c Release -m -v:q -nologo -tl:off -clp:ErrorsOnly Several.proj | sed -E $(QUIET)
	@touch $@

## arm64: packetd and the launcher for arm64, of the same sources; takes the cross binutils (deploy/dependencies)
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

## broker: tokenbroker, compiled ahead of time; takes SQLite's library (deploy/dependencies)
broker: | deps
	@[ -e /usr/include/sqlite3.h ] || { echo "tokenbroker needs libsqlite3-dev (install it with the system's package manager)" >&2; exit 1; }
	@mkdir -p $(BIN)
	@$(SCRATCH) dotnet publish -c Release -m:1 -v:q -nologo -tl:off -clp:ErrorsOnly -o $(BIN) tokenbroker/Tokenbroker.csproj | sed -E $(QUIET)

# The guest's first files: Debian's own busybox, our /bin/migrate and /bin/tokend, and a few scripts.
$(OUT)/guest.cpio: $(OUT)/.images $(wildcard guestos/rootfs/* guestos/rootfs/*/* guestos/rootfs/*/*/*) deploy/pack-initramfs
	@echo "archive  $@"
	@deploy/pack-initramfs $@ guestos/rootfs $(IMAGES)/migrate $(IMAGES)/loader-checkpoint $(IMAGES)/tokend

## deps: installs what building and testing take, as root; otherwise says what is missing
deps:
	@deploy/dependencies

## test: the whole test suite; its last line is "N passed, N failed"
test: all
	@[ "$$(id -u)" -ne 0 ] || deploy/debian-kernel $(OUT)/arm64-kernel arm64 linux-image-cloud-arm64 || true
	@deploy/debian-kernel $(OUT)/kernels/cloud amd64 linux-image-cloud-amd64 || true
	@$(MAKE) --no-print-directory broker || true
	@tests/run

## demo: two nodes, a client, and a guest that moves itself while it is being used
demo: all
	@$(BIN)/evilman demo --moves $(MOVES) --nodes $(NODES) --monitors $(MONITORS)

## newcomer: a Go server of one's own, run, reached, moved under load, listed and stopped: timed; takes go and curl
newcomer: all
	@deploy/newcomer

## demo-tokens: a broker, two nodes, and machines that are bought, paid by home, moved, given back, and purged
demo-tokens: all broker
	@$(BIN)/evilman demo-tokens

## bench-cpu: the emulated processor beside the host's and QEMU's, in user mode, as a kernel sees it, and a guest's boot
bench-cpu: all
	@$(SCRATCH) dotnet publish -c Release -m:1 -v:q -nologo -tl:off "-clp:ErrorsOnly;NoSummary" -r linux-x64 -o $(OUT)/bench bench/Cpu/CpuBench.csproj
	@$(SCRATCH) dotnet publish -c Release -m:1 -v:q -nologo -tl:off "-clp:ErrorsOnly;NoSummary" -r linux-x64 -o $(OUT)/bench bench/Workload/Workload.csproj
	@$(CC) -O2 -static -pthread -o $(OUT)/bench/guest-loops bench/Guest/loops.c
	@$(OUT)/bench/bench-cpu

## conformance: CASES instructions on random operands, both engines beside the host's processor; SEED=N plays a run again
conformance: | deps
	@$(SCRATCH) dotnet publish -c Release -m:1 -v:q -nologo -tl:off "-clp:ErrorsOnly;NoSummary" -r linux-x64 -o $(OUT)/bench bench/Cpu/CpuBench.csproj
	@$(OUT)/bench/bench-cpu conformance $(CASES) $(SEED)

## audit: measures the trusted computing base; fails when it grows past audit/budget.json
audit: images
	@if [ -f audit/Audit.csproj ]; then dotnet run -c Release -v:q --project audit/Audit.csproj -- ; else echo "audit: not part of this tree" >&2; exit 1; fi

## audit-raise: writes what ring 0 measures now into its budget, for the person who agrees that it grows
audit-raise: images
	@dotnet run -c Release -v:q --project audit/Audit.csproj -- --raise

## lint: lists where the rules of .editorconfig are broken; compiles everything for it, once, and builds nothing
lint:
	@audit/lint

## coverage: lines that the unit tests of the guest's memory, processes, files and migration reach, by folder
coverage: | deps
	@tests/coverage

## layout: lists where freestanding code breaks the layout rule, and lowers the numbers in audit/layout.json
layout: | deps
	@dotnet run -c Release -v:q --project audit/Audit.csproj -- --layout

## audit-reproduce: the same sources in two other folders give the same packetd to the byte
audit-reproduce: images
	@audit/reproduce

## bench-packetd: tokens, relay and echo beside OpenSSL and the kernel
bench-packetd: all
	@$(SCRATCH) dotnet publish -c Release -m:1 -v:q -nologo -tl:off "-clp:ErrorsOnly;NoSummary" -o $(OUT)/bench bench/BouncyCastle/BouncyCastleBench.csproj
	@bench/packetd

## bench-overload: what a domain keeps of its throughput while the node is flooded
bench-overload: all
	@bench/overload

## bench-migration: the guest's migration of itself beside QEMU's live migration of it, by memory and write rate; MINUTES=8
bench-migration: all
	@$(SCRATCH) dotnet publish -c Release -m:1 -v:q -nologo -tl:off "-clp:ErrorsOnly;NoSummary" -o $(OUT)/bench bench/LiveMigration/LiveMigration.csproj
	@$(foreach name,MOVES MINUTES SIZES RATES,$(if $(filter command environment,$(firstword $(origin $(name)))),$(name)="$($(name))")) bench/migration

## bench-net: TCP between a guest and the host's kernel, beside QEMU's
bench-net: all
	@$(SCRATCH) dotnet build -c Release -m:1 -v:q -nologo -tl:off "-clp:ErrorsOnly;NoSummary" -o $(OUT)/bench/net bench/Net/NetBench.csproj
	@bench/net

## bench-guest: the guest's kernel beside Debian's Linux on the same monitor: single operations, sqlite3, redis and nginx
bench-guest: all
	@deploy/debian-kernel $(OUT)/kernels/cloud amd64 linux-image-cloud-amd64
	@mkdir -p $(OUT)/bench && $(CC) -O2 -static -pthread -o $(OUT)/bench/guest-loops bench/Guest/loops.c
	@bench/guest

## bench-wire: TCP on bad wires beside the kernel's
bench-wire: | deps
	@bench/wire

## bench-broker: purchases in a second beside inserts that wait for the disk, on SQLite and PostgreSQL, and what a sale costs as its chain is sold
bench-broker: broker
	@$(SCRATCH) dotnet build -c Release -m:1 -v:q -nologo -tl:off "-clp:ErrorsOnly;NoSummary" -o $(OUT)/bench/broker bench/Broker/BrokerBench.csproj
	@TOKENBROKER=$(CURDIR)/$(BIN)/tokenbroker $(OUT)/bench/broker/bench-broker

## fuzz: looks MINUTES long for packets and moments that break ring 0's decisions; KEEP=1 adds what is new to fuzz/corpus
fuzz:
	@KEEP=$(KEEP) fuzz/run $(MINUTES)

## fuzz-syscalls: random system calls with hostile arguments in the guest, MINUTES long
fuzz-syscalls: all
	@fuzz/syscalls $(MINUTES)

## fuzz-devices: random drivers, peers and memory against the machine's devices for MINUTES; what breaks is told by its seed
fuzz-devices: | deps
	@DEVICE_FUZZ_MINUTES=$(MINUTES) dotnet test -c Release -m:1 -v:q --nologo tests/Domain.Tests --filter FullyQualifiedName~DeviceFuzz --logger "console;verbosity=detailed"

## fuzz-cpu: random code and generated programs in the emulated processor, with both engines, MINUTES long each; SEED=N plays a run again
fuzz-cpu: | deps
	@for project in Cpu Translator; do \
	    RANDOM_MINUTES=$(MINUTES) RANDOM_SEED=$(SEED) dotnet test -c Release -m:1 -v:q --nologo tests/Domain.$$project.Tests \
	        --filter 'FullyQualifiedName~RandomCodeTests|FullyQualifiedName~GeneratedProgramTests' --logger "console;verbosity=detailed"; \
	done

## fuzz-commands: random command lines for evilman, domain, packetd and the launcher, MINUTES long each; SEED=N plays a run again
fuzz-commands: all
	@for project in Evilman Domain Packetd; do \
	    RANDOM_MINUTES=$(MINUTES) RANDOM_SEED=$(SEED) dotnet test -c Release -m:1 -v:q --nologo tests/$$project.Tests \
	        --filter 'FullyQualifiedName~Ten_thousand_random|FullyQualifiedName~Packetd.Tests.CommandLineTests' --logger "console;verbosity=detailed"; \
	done

## system-programs: page walks, gates, segments and privileges, case by case on domain and on QEMU, for MINUTES
system-programs: | deps
	@SYSTEM_PROGRAM_MINUTES=$(MINUTES) SYSTEM_PROGRAM_SEED=$(or $(SEED),1) dotnet test -c Release -m:1 -v:q --nologo tests/Domain.Tests --filter FullyQualifiedName~SystemProgram --logger "console;verbosity=detailed"

## kernels: boots Debian's kernels on domain, the ordinary one, the one with PREEMPT_RT, and those of clouds, also a newer one
kernels: | deps
	@deploy/debian-kernel $(OUT)/kernels/cloud amd64 linux-image-cloud-amd64
	@deploy/debian-kernel $(OUT)/kernels/ordinary amd64 linux-image-amd64
	@deploy/debian-kernel $(OUT)/kernels/rt amd64 linux-image-rt-amd64
	@deploy/debian-kernel $(OUT)/kernels/newer amd64 linux-image-cloud-amd64 $(SUITE)
	@KERNELS=cloud,ordinary,rt,newer dotnet test -c Release -m:1 -v:q --nologo tests/Domain.Tests --filter FullyQualifiedName~KernelTests --logger "console;verbosity=normal"

## lab: two nodes and a client that stay up until "evilman lab down"
lab: all
	@$(BIN)/evilman lab up --nodes $(NODES) --monitors $(MONITORS)

## soak: fifty moves in a row of guests of every size, empty, full, scattered and busy, for MINUTES; every move is checked (root)
soak: all
	@: >$(OUT)/soak.log; tail -n +1 -f $(OUT)/soak.log & tail=$$!; trap 'kill $$tail' EXIT; status=0; \
	SOAK_MINUTES=$(MINUTES) SOAK_SIZES="$(SIZES)" SOAK_USES="$(USES)" SOAK_LOG=$(CURDIR)/$(OUT)/soak.log \
	    dotnet test tests/Migration.Tests -c Release -m:1 -v:q --nologo --filter Moves_in_a_row >$(OUT)/soak-tests.log 2>&1 || status=$$?; \
	sleep 1; [ $$status -eq 0 ] || { tail -n 30 $(OUT)/soak-tests.log >&2; exit $$status; }

## kill-broker: KILLS kills of the broker at random instants of start, migration and load, on each database, or on DATABASE alone (sqlite or postgres); SEED=N plays a run again
kill-broker: broker
	@$(SCRATCH) dotnet build -c Release -m:1 -v:q -nologo -tl:off "-clp:ErrorsOnly;NoSummary" -o $(OUT)/bench/broker bench/Broker/BrokerBench.csproj
	@TOKENBROKER=$(CURDIR)/$(BIN)/tokenbroker $(OUT)/bench/broker/bench-broker kill $(KILLS) $(DATABASE) $(SEED)

## dist: what an operator installs, stripped, with SHA-256 sums, into dist/
dist: all broker $(if $(shell command -v $(CROSS)ld),arm64)
	@rm -rf dist && mkdir -p dist
	@for file in $(BIN)/evilman $(BIN)/domain $(BIN)/tokenbroker $(IMAGES)/packetd $(IMAGES)/launcher $(IMAGES)/cstrap $(IMAGES)/loader-kernel $(IMAGES)/loader-checkpoint $(IMAGES)/guestos $(IMAGES)/migrate $(IMAGES)/plug $(OUT)/guest.cpio; do \
	    if [ -f "$$file" ]; then install -m 755 "$$file" dist/; fi; \
	done
	@if [ -f $(OUT)/.arm64 ]; then for name in packetd launcher; do install -m 755 $(IMAGES)/arm64/$$name dist/$$name-arm64; done; fi
	@install -m 755 deploy/qemu-monitor deploy/cgroups dist/ && install -m 644 deploy/packetd@.service deploy/tokenbroker.service deploy/evilman-home.service README.md dist/
	@cd dist && sha256sum -- * >SHA256SUMS && echo "dist     $$(wc -l <SHA256SUMS) files, and SHA256SUMS beside them"

## clean: removes all that was built
clean:
	@rm -rf $(OUT) dist
	@find . -path ./.git -prune -o -type d \( -name bin -o -name obj -o -name TestResults \) -print0 | xargs -0 rm -rf
