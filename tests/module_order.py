"""Checks design.md's module order on the include lines: a module includes only itself and lower ones, and MPI, HDF5, oneDNN, spdlog, CUDA and torch
appear only where they may. Also counts what it looked at, so that it cannot pass on nothing."""
import re
import sys
from pathlib import Path

ORDER = ["core", "par", "gpu", "h5", "data", "model", "evaluate", "train", "landscape", "survey", "app"]
FROM_TORCH_UP = ORDER[ORDER.index("data"):]
OUTSIDE = [  # pattern of the included header, modules that may include it
    (r"^mpi\.h$", ["par", "h5"]),
    (r"^(hdf5|hdf5_hl|H5\w+)\.h$", ["h5"]),
    (r"^spdlog/|^fmt/", ["core"]),
    (r"^yaml-cpp/|^CLI/", ["app"]),
    (r"^oneapi/dnnl|^dnnl", ["evaluate"]),
    (r"^(cuda|cublas|cudnn|curand)", ["gpu", "evaluate"]),
    (r"^(torch|ATen|c10)/", FROM_TORCH_UP),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)


def faults(path: Path, module: str):
    headers = INCLUDE.findall(path.read_text())
    for header in headers:
        own = re.match(r"orograph/(\w+)/", header)
        if own and ORDER.index(own[1]) > ORDER.index(module):
            yield f"{path}: {module} includes {header}, which is above it"
        for pattern, allowed in OUTSIDE:
            if re.search(pattern, header) and module not in allowed:
                yield f"{path}: {header} may be included in {', '.join(allowed)} only"
    if any(h.startswith(("oneapi/dnnl", "dnnl", "spdlog/")) for h in headers):
        torch = [h for h in headers if h.startswith(("torch/", "ATen/", "c10/"))]
        for header in torch:
            yield f"{path}: {header} beside oneDNN or spdlog, whose other versions lie in torch's include folder"


def main():
    root = Path(sys.argv[1])
    seen, found = 0, []
    for module in ORDER:
        for folder in (root / "include/orograph" / module, root / "src" / module):
            for path in sorted(folder.rglob("*")):
                if path.suffix in (".hpp", ".cpp", ".cu", ".cuh"):
                    seen += 1
                    found += faults(path, module)
    print("\n".join(found))
    print(f"{seen} files, {len(found)} faults")
    sys.exit(1 if found or seen < 40 else 0)


main()
