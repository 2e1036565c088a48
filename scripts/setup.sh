#!/usr/bin/env bash
# Makes a Debian 12 (or like) machine ready to build and run Orograph: packages of packages.txt, then .venv with LibTorch (requirements.txt) and, where the machine has no CUDA
# compiler, nvcc. Installs only what is missing; the second run takes a second. Sourced or run, it says what it does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '[setup] %s\n' "$*"; }

install_packages() {
    command -v dpkg-query > /dev/null || { say "this is not a Debian-like system; install what scripts/packages.txt names yourself"; return; }
    local missing=() package
    while read -r package; do
        dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'install ok installed' || missing+=("$package")
    done < scripts/packages.txt
    [ ${#missing[@]} -eq 0 ] && return
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo > /dev/null || { say "missing packages, and no right to install them: apt-get install ${missing[*]}" >&2; exit 69; }
        as_root=(sudo)
    fi
    say "installing ${#missing[@]} packages: ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
}

# pip into .venv unless exactly these requirements are there already.
install_python() {
    local requirements=$1 stamp=.venv/.installed-$(basename "$1")
    cmp -s "$requirements" "$stamp" && return
    say "installing $(basename "$requirements") into .venv (LibTorch with its CUDA libraries is 5 GB; a few minutes)"
    .venv/bin/pip install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$stamp"
}

# The CUDA wheels lack what a toolkit has: lib64 and unversioned library names.
link_cuda_libraries() {
    local root library
    root=$(echo .venv/lib/python3*/site-packages/nvidia/cu13)
    [ -e "$root/lib64" ] || ln -s lib "$root/lib64"
    for library in "$root"/lib/lib*.so.*; do
        local plain="${library%%.so.*}.so"
        [ -e "$plain" ] || ln -s "$(basename "$library")" "$plain"
    done
}

install_packages
if [ ! -x .venv/bin/pip ]; then
    say "making the virtual environment .venv"
    python=/usr/bin/python3
    [ -x "$python" ] || python=python3
    "$python" -m venv .venv
fi
install_python scripts/requirements.txt
if ! command -v nvcc > /dev/null && [ ! -x /usr/local/cuda/bin/nvcc ]; then
    install_python scripts/cuda-requirements.txt
    link_cuda_libraries
fi
if [ ! -e .venv/bin/orograph-plot ]; then
    say "installing the Python package orograph into .venv"
    .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e python
fi
