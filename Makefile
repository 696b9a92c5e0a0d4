# Everything that a person or a build machine does here. "make" lists it.

# Tools, each pinned here and nowhere else, in build/tools. The Go ones are
# built from source, once for each version.
GOLANGCI_LINT_VERSION = v2.15.0
NFPM_VERSION = v2.45.2
CYCLONEDX_VERSION = v1.10.0
ACTIONLINT_VERSION = v1.7.12
GOVULNCHECK_VERSION = v1.9.0
# For systems whose own Node.js is too old.
export NODE_VERSION = 22.23.3
export NODE_FOLDER = $(CURDIR)/build/tools/node-$(NODE_VERSION)
export PATH := $(NODE_FOLDER)/bin:$(PATH)

# One set of flags everywhere: other flags build the whole toolkit again.
export GOFLAGS = -tags=x11 -trimpath -buildvcs=false
# An older Go fetches the one that go.mod asks for.
export GOTOOLCHAIN ?= auto

VERSION ?= $(or $(shell git describe --tags --match 'v[0-9]*' 2>/dev/null | sed 's/^v//'),0.1.0-dev)
# What was built from what; the date is the commit's, so that two builds are alike.
BUILDINFO = github.com/cardea-agent/cardea/agent/buildinfo
COMMIT ?= $(shell git rev-parse HEAD 2>/dev/null)
DATE ?= $(shell TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null)
# Without symbols: a stack trace needs none, and the packages are a third smaller.
LDFLAGS = -s -w -X main.version=$(VERSION) -X $(BUILDINFO).commit=$(COMMIT) -X $(BUILDINFO).date=$(DATE)
FUZZTIME ?= 10s
CYCLES ?= 1000
SIGNATURES ?= 10000
DEMO_FLAGS ?=
BENCH_FLAGS ?=

GOLANGCI_LINT = build/tools/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint
NFPM = build/tools/nfpm-$(NFPM_VERSION)/nfpm
CYCLONEDX = build/tools/cyclonedx-gomod-$(CYCLONEDX_VERSION)/cyclonedx-gomod
ACTIONLINT = build/tools/actionlint-$(ACTIONLINT_VERSION)/actionlint
NODE_MODULES = web/client/node_modules/.package-lock.json

# The packages that do without the toolkit's OpenGL driver, which needs cgo.
WITHOUT_GL = CGO_ENABLED=1 go list -f '{{.ImportPath}} {{join .Deps " "}}' ./... | \
	grep -v ' github.com/go-gl/' | cut -d ' ' -f 1

# Those that do without the toolkit at all: on macOS even its drawing needs cgo.
WITHOUT_TOOLKIT = CGO_ENABLED=1 go list -f '{{.ImportPath}} {{join .Deps " "}}' ./... | \
	grep -v ' fyne.io/' | cut -d ' ' -f 1

SHELL = /bin/bash
.SHELLFLAGS = -euo pipefail -c
.DEFAULT_GOAL = help
.PHONY: help deps deps-e2e deps-package build demo test test-client test-systems race lint vulnerabilities fuzz soak \
	e2e pictures bench msi pkg deb rpm pkg-check docs-check clean FORCE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install what building and testing need (Debian, Ubuntu; only what is missing)
	@.ci/deps build test

# The desktop and the browser, which only the tests through them need.
deps-e2e: deps
	@.ci/deps e2e

deps-package:
	@.ci/deps package

build: build/cardea-agent build/cardea-broker build/cardea-tray build/cardea-demo build/cardea-portal ## build the programs into build/

build/cardea-agent: FORCE
	go build -ldflags '$(LDFLAGS)' -o $@ ./agent

# Without cgo: what owns the port for everybody loads no C library.
build/cardea-broker: FORCE
	CGO_ENABLED=0 go build -ldflags '$(LDFLAGS)' -o $@ ./agent/broker

build/cardea-tray: FORCE
	go build -ldflags '$(LDFLAGS)' -o $@ ./ui

build/cardea-demo: FORCE
	go build -ldflags '$(LDFLAGS)' -o $@ ./agent/demo

build/cardea-portal: FORCE
	go build -ldflags '$(LDFLAGS)' -o $@ ./web/portal/server

# Without a screen the demo asks in the terminal and has no use for the tray.
# Its check drives a browser.
demo: $(if $(filter --check,$(DEMO_FLAGS)),deps-e2e,deps) ## build and start the demo; DEMO_FLAGS=--check lets it sign in by itself
	@$(MAKE) --no-print-directory build/cardea-demo $(if $(DISPLAY),build/cardea-tray)
	@build/cardea-demo $(DEMO_FLAGS)

test: deps ## run all tests but those through a desktop, and type-check for Windows and macOS
	go test ./...
	@$(MAKE) --no-print-directory test-client test-systems

test-client: $(NODE_MODULES)
	cd web/client && npm test

$(NODE_MODULES): web/client/package-lock.json web/client/package.json
	cd web/client && npm ci --no-audit --no-fund
	@touch $@

test-systems:
	for system in windows darwin; do \
		GOOS=$$system CGO_ENABLED=0 go vet $$(GOOS=$$system $(WITHOUT_TOOLKIT)); \
	done

# What of Windows' own code has its tests under Wine. Go cannot remove files there,
# which is why tests with folders of their own are not among them.
WINE_PACKAGES = $(addprefix ./agent/,handover loopback peer prompt supervisor trust winservice)

.PHONY: test-wine
test-wine: deps ## run the tests of Windows' own code, and its services, under Wine
	@.ci/deps wine
	GOOS=windows CGO_ENABLED=0 go test -count=1 -exec $(CURDIR)/.ci/wine $(WINE_PACKAGES)
	GOOS=windows CGO_ENABLED=0 go test -count=1 -exec $(CURDIR)/.ci/wine -run 'Registry|WhatTheInstaller' ./agent/policy
	CARDEA_WINE=1 go test -count=1 -v -run '^TestTheServicesOfWindows$$' ./agent/supervisor

race: deps ## run the Go tests with the race detector
	go test -race $$($(WITHOUT_GL))

lint: deps $(GOLANGCI_LINT) $(ACTIONLINT) ## check formatting, the Go code, the shell scripts and the workflows
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard --deduplicate '*.go')); \
	[ -z "$$unformatted" ] || { echo "not formatted by gofmt: $$unformatted"; exit 1; }
	$(GOLANGCI_LINT) run --build-tags x11,e2e ./...
	git ls-files -co --exclude-standard -z | \
		xargs -0 awk 'FNR == 1 && /^#!.*[\/ ](ba)?sh$$/ { print FILENAME } { nextfile }' | \
		xargs -d "\n" shellcheck
	$(ACTIONLINT)

# It asks a database on the network, so it is no part of .ci/run.
vulnerabilities: deps ## look for known faults in the modules that are used
	go run golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION) ./...

# Before 1.27 Go may end a target whose time is up with "context deadline
# exceeded" (golang/go issue 75804). A finding says "Failing input" as well.
fuzz: deps ## run every fuzz target for FUZZTIME (10s)
	@mkdir -p build
	@targets=$$(go test -list '^Fuzz' $$($(WITHOUT_GL)) | \
		awk '/^Fuzz/ { name[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, name[i]; n = 0 }'); \
	[ -n "$$targets" ] || { echo "no fuzz target was found"; exit 1; }; \
	while read -r package target; do \
		echo "$$package $$target"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" | tee build/fuzz.txt || \
			{ grep -qx '    context deadline exceeded' build/fuzz.txt && ! grep -q 'Failing input' build/fuzz.txt; } || exit 1; \
	done <<< "$$targets"

soak: deps ## put cards in, swap and sign with modules killed at random: CYCLES (1000), SIGNATURES (10000)
	CARDEA_SOAK_CYCLES=$(CYCLES) CARDEA_SOAK_SIGNATURES=$(SIGNATURES) CARDEA_E2E_REQUIRED=1 \
		go test -count=1 -v -timeout 12h -run '^TestSoak' ./agent/card

# These tests have the build tag e2e or ask for CARDEA_E2E. No file of the
# toolkit has that tag, so it is not built again. One of npm's packages is
# axe-core, which judges the site's pages.
e2e: deps-e2e build $(NODE_MODULES) ## run the tests through a browser, a desktop and pcscd; pictures in build/
	@packages=$$(grep -rlE --include='*_test.go' --exclude-dir=node_modules '^//go:build e2e|"CARDEA_E2E"' agent pcsc ui web | \
		xargs -r -n 1 dirname | sort -u | sed 's,^,./,'); \
	[ -n "$$packages" ] || { echo "no end-to-end test was found"; exit 1; }; \
	CARDEA_E2E=1 CARDEA_E2E_REQUIRED=1 CARDEA_BIN=$(CURDIR)/build go test -tags 'x11 e2e' -count=1 -p 1 -timeout 20m $$packages

# The README's pictures, by what they are made of: pages of the site, and parts of
# the screen with a window in front.
PAGES = register=portal-en-register-name-light helpdesk=portal-en-helpdesk-remove-light help=portal-en-help-agent-pinBlocked-light
SCREENS = sign-in=sign-in-2-pin-typed locked=removal-1-locked

pictures: ## take the README's pictures from those that make e2e has made
	for picture in $(PAGES); do \
		convert build/e2e/$${picture#*=}.png -trim +repage -bordercolor '#f3f6f7' -border 24 -resize 700x +dither -colors 64 -strip PNG8:docs/images/$${picture%%=*}.png; \
	done
	for picture in $(SCREENS); do \
		convert build/e2e/$${picture#*=}.png -crop 1000x879+40+30 +repage -resize 800x +dither -colors 64 -strip PNG8:docs/images/$${picture%%=*}.png; \
	done

# Takes a few minutes. A goal that is missed is told, and fails nothing.
bench: deps-e2e build ## measure the agent against the raw card; figures in build/bench.json
	go build -o build/cardea-bench ./agent/bench
	build/cardea-bench $(BENCH_FLAGS)

# Programs of Windows, by mingw where C is called. The tray takes ten minutes the
# first time. SIGN_PFX and SIGN_PASSWORD_FILE name the certificate to sign with;
# see installer/windows/sign.sh.
WINDOWS_PROGRAMS = $(addprefix build/windows/cardea-,agent.exe broker.exe supervisor.exe tray.exe)
MSI = build/packages/cardea-$(VERSION)-x64.msi

msi: deps deps-package $(WINDOWS_PROGRAMS) $(CYCLONEDX) ## build the Windows installer, with signed programs, into build/packages
	rm -rf build/windows/signed
	installer/windows/sign.sh build/windows/signed $(WINDOWS_PROGRAMS)
	installer/sbom.sh $(CYCLONEDX) $(VERSION) build/windows/signed/sbom $(WINDOWS_PROGRAMS)
	installer/notices.sh $(WINDOWS_PROGRAMS) >build/windows/signed/third-party.txt
	@mkdir -p build/packages
	rm -f build/packages/*.msi
	installer/windows/build.sh $(VERSION) build/windows/signed build/windows/$(notdir $(MSI))
	installer/windows/sign.sh build/packages build/windows/$(notdir $(MSI))
	rm build/windows/$(notdir $(MSI))

build/windows/cardea-agent.exe: WINDOWS_SOURCE = ./agent
build/windows/cardea-tray.exe: WINDOWS_SOURCE = ./ui
build/windows/cardea-agent.exe build/windows/cardea-tray.exe: export CC = x86_64-w64-mingw32-gcc
build/windows/cardea-agent.exe build/windows/cardea-tray.exe: export CGO_ENABLED = 1
build/windows/cardea-tray.exe: WINDOWS_LDFLAGS = -H=windowsgui
build/windows/cardea-broker.exe: WINDOWS_SOURCE = ./agent/broker
build/windows/cardea-supervisor.exe: WINDOWS_SOURCE = ./agent/supervisor
build/windows/cardea-broker.exe build/windows/cardea-supervisor.exe: export CGO_ENABLED = 0

$(WINDOWS_PROGRAMS): FORCE
	GOOS=windows GOARCH=amd64 go build -ldflags '$(LDFLAGS) $(WINDOWS_LDFLAGS)' -o $@ $(WINDOWS_SOURCE)

deb: build/packages.deb ## build the Debian package of agent and tray into build/packages

rpm: build/packages.rpm ## build the RPM package of agent and tray into build/packages

# Only a Mac can: build.sh says so elsewhere, before anything is built for it.
pkg: $(if $(filter Darwin,$(shell uname -s)),$(CYCLONEDX)) ## build the package for macOS into build/packages (on a Mac)
	@LDFLAGS='$(LDFLAGS)' installer/macos/build.sh $(CYCLONEDX) $(VERSION) build/packages

build/share: build/cardea-agent build/cardea-broker build/cardea-tray $(CYCLONEDX) FORCE
	installer/linux/share.sh $(CYCLONEDX) $(VERSION) $(DATE) $@ build/cardea-agent build/cardea-broker build/cardea-tray

build/packages.%: deps build/share $(NFPM) FORCE
	@mkdir -p build/packages
	rm -f build/packages/*.$*
	VERSION=$(VERSION) ARCH=$$(go env GOARCH) $(NFPM) package -f installer/linux/nfpm.yaml -p $* -t build/packages/

# The Debian in which the packages are installed, under a systemd of its own. It
# has rpm too: what an rpm and its scripts do shows there as well.
DEBIAN = build/debian/bookworm-rpm
DEBIAN_PACKAGES = rpm,systemd,systemd-sysv,dbus,libpam-systemd,polkitd,pcscd,vsmartcard-vpcd,libgl1,libx11-6,libxext6,libxrender1,libxcursor1,libxrandr2,libxinerama1,libxi6,libxxf86vm1

# Without an MSI its tests are skipped: only Debian and its kin build one.
pkg-check: deps deps-package $(NFPM) $(DEBIAN)/installed ## open the packages that were built, install them in a Debian and under Wine, and use them
	CARDEA_PACKAGES=$(CURDIR)/build/packages CARDEA_VERSION=$(VERSION) CARDEA_DEBIAN=$(CURDIR)/$(DEBIAN) \
		CARDEA_NFPM=$(CURDIR)/$(NFPM) CARDEA_FOOTPRINT=$(CURDIR)/build/footprint.json \
		CARDEA_WINDOWS=$$([ ! -e $(MSI) ] || echo $(CURDIR)/build/windows/signed) \
		go test -count=1 -v -timeout 20m ./installer/verify

$(DEBIAN)/installed:
	@.ci/deps package
	rm -rf $(DEBIAN) && mkdir -p $(dir $(DEBIAN))
	debootstrap --variant=minbase --include=$(DEBIAN_PACKAGES) bookworm $(DEBIAN)
	rm -rf $(DEBIAN)/var/cache/apt/archives/*.deb $(DEBIAN)/var/lib/apt/lists/*
	touch $@

docs-check: deps $(NODE_MODULES) ## check the docs' links, and that generated files are what their source says
	go test -count=1 -run '^TestDocs' ./agent
	go test -count=1 ./agent/protocol/... ./agent/policy/gen ./agent/doctor/gen ./ui/tray/icongen ./agent/manual
	go test -count=1 -run '^TestTheManual' ./agent ./agent/broker ./ui
	cd web/client && npm run build:check

clean: ## delete what was built and the client's packages, but not the built tools
	[ ! -d build ] || find build -mindepth 1 -maxdepth 1 ! -name tools -exec rm -rf {} +
	rm -rf web/client/node_modules

$(GOLANGCI_LINT):
	GOBIN=$(CURDIR)/$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

$(CYCLONEDX):
	GOBIN=$(CURDIR)/$(@D) go install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(CYCLONEDX_VERSION)

$(ACTIONLINT):
	GOBIN=$(CURDIR)/$(@D) go install github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION)

$(NFPM):
	GOBIN=$(CURDIR)/$(@D) go install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)
