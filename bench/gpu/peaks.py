"""What the device can do, measured: one JSON line. Copy bandwidth in GB/s (bytes read and written), GEMM in GFLOP/s a precision."""
import argparse
import json
import time

import torch


def seconds(device, work, repeats):
    def wait():
        if device == "cuda":
            torch.cuda.synchronize()

    for _ in range(3):
        work()
    wait()
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    wait()
    return (time.perf_counter() - start) / repeats


def gemm(device, size, precision, repeats):
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
    return 2e-9 * size**3 / seconds(device, lambda: a @ b, repeats)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", type=int, default=8192)
    parser.add_argument("--bytes", type=int, default=1 << 32)
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args()
    source = torch.zeros(options.bytes // 4, device=options.device)
    target = torch.empty_like(source)
    copied = 2e-9 * options.bytes / seconds(options.device, lambda: target.copy_(source), options.repeats)
    peaks = {precision: gemm(options.device, options.size, precision, options.repeats) for precision in ("fp32", "tf32", "bf16")}
    name = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    print(json.dumps({"device": name, "torch": torch.__version__, "copy": copied} | peaks))


if __name__ == "__main__":
    main()
