#!/bin/sh
# Builds, tests and times the CUDA evaluator on a machine with one GPU, in one call of under nine minutes.
#
#   bench/gpu_check.sh pack DIR   here: builds the programs and packs them into DIR with the libraries that the other machine lacks
#   bench/gpu_check.sh run DIR    there: tests and times (bench/gpu/check.py has the order); exit code 1 where something failed
#   bench/gpu_check.sh dry        here: both, on the CPU at tiny sizes, with programs that are built, without torch.compile
#
# What must be carried: this source tree (bench/ and tests/model/ are enough) and DIR (14 MiB). DIR holds programs.tar.gz: programs with
# the kernels for sm_80 and sm_90, and what ldd finds for them in the system's folders (oneDNN, xxHash, zlib, OpenCL's loader).
# What must be there: Linux on x86-64 with a C library of Debian 12 or newer, an NVIDIA driver for CUDA 13, and a Python with torch 2.11.0
# for CUDA 13, numpy and safetensors. Neither nvcc nor CMake, MPI, HDF5 or a network is needed. LibTorch, CUDA's runtime and cuDNN are those
# of the torch package. Figures are printed; nothing is written but to the temporary folder (2 GiB).
#
# PYTHON: the Python to use (default: this tree's .venv, else python3). BUILD: the build folder (default: build/release).
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
build=${BUILD:-build/release}
programs="bench_gpu tests/gpu_cuda_kernels_test tests/gpu_device_test tests/gpu_fold_test tests/gpu_magnitude_test tests/gpu_losses_test
    tests/gpu_perturb_test tests/evaluate_cuda_test"

usage() {
    sed -n '4,6s/^# *//p' "$0" >&2
    exit 64
}

# Libraries in the system's folders, but for those of the C and C++ compilers, which every machine has in its own version.
system_libraries() {
    ldd "$@" | awk '$3 ~ /^\/(usr\/)?lib\// { print $3 }' | sort -u |
        grep -Ev '/(ld-linux|libc|libm|libdl|librt|libpthread|libutil|libgcc_s|libstdc\+\+|libgomp)[-.]' || true
}

pack() {
    [ -n "${SKIP_BUILD:-}" ] || cmake --build "$build" --target $(for program in $programs; do basename "$program"; done)
    mkdir -p "$1"
    scratch=$(mktemp -d)
    mkdir "$scratch/bin" "$scratch/lib"
    for program in $programs; do cp "$build/$program" "$scratch/bin/"; done
    cp -L $(system_libraries "$scratch"/bin/*) "$scratch/lib/"
    tar -C "$scratch" -czf "$1/programs.tar.gz" bin lib
    rm -r "$scratch"
    du -h "$1/programs.tar.gz" >&2
}

# Folders of LibTorch, CUDA's runtime and cuDNN in the torch package.
torch_libraries() {
    "$python" -c 'import pathlib, torch
site = pathlib.Path(torch.__file__).parents[1]
print(":".join(str(folder) for folder in [site / "torch" / "lib", *sorted(site.glob("nvidia/*/lib"))]))'
}

run() {
    folder=$1
    shift
    scratch=$(mktemp -d)
    trap 'rm -r "$scratch"' EXIT
    tar -C "$scratch" -xzf "$folder/programs.tar.gz"
    LD_LIBRARY_PATH=$(torch_libraries):$scratch/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    export LD_LIBRARY_PATH
    "$python" bench/gpu/check.py --programs "$scratch/bin" "$@"
}

dry() {
    packed=$(mktemp -d)
    SKIP_BUILD=${SKIP_BUILD:-1} pack "$packed"
    status=0
    (run "$packed" --device cpu --networks resnet20 mlp --images 32 --points 2 --batch 16 --surface mlp --side 3 --compile-s 1000) ||
        status=$?
    rm -r "$packed"
    return $status
}

case ${1:-}-$# in
    pack-2) pack "$2" ;;
    run-2) run "$2" ;;
    dry-1) dry ;;
    *) usage ;;
esac
