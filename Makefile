# Each target installs what it needs first. On a fresh machine `make demo` and `make test` are all there is to do.
.DEFAULT_GOAL := help
.PHONY: help build demo test bench lint e2e web sbom install-test

help: ## list the targets
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

web/node_modules: web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	@touch web/node_modules

web/dist/index.html: web/node_modules $(shell find web/src web/scripts web/public web/*.html web/*.ts web/*.json -type f 2>/dev/null)
	cd web && npm run build

web: web/dist/index.html ## build the pages (TypeScript, fonts)

build: web ## build the binary: target/release/kommunalatlas
	cargo build --release --locked

demo: build ## make the demo atlas and serve it at http://localhost:8080
	target/release/kommunalatlas demo

install-test:
	@tests/install.sh

lint: web ## formatting, lints, documentation
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items
	cd web && npm run check

test: install-test lint ## every test: units, SQLite and PostGIS, browser, QGIS
	cd web && npm test
	tests/run.sh

e2e: install-test web ## only the tests in a real browser and in QGIS
	cargo build --locked
	tests/e2e.sh

sbom: ## the bill of materials (CycloneDX): target/sbom.json
	@mkdir -p target
	node deploy/sbom.mjs >target/sbom.json

bench: web ## benchmarks; they print ratios
	cargo bench --locked --bench pipeline
