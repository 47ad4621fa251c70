#!/bin/sh
# Makes money/table.go from Unicode CLDR and the ISO 4217 list, in the versions
# pinned here, as the npm registry has them. Run by `go generate ./money`.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$dir" \
	cldr-core@48.2.0 cldr-numbers-full@48.2.0 currency-codes@2.2.0 >/dev/null
go run ./cldr -modules "$dir/node_modules" -out table.go
