#!/usr/bin/env bash
# Configures and builds build/release. Arguments: targets (none: all).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

log=build/release/configure.log
mkdir -p build/release
if ! cmake --preset release > "$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
cmake --build --preset release --parallel "$(nproc)" ${1:+--target "$@"}
