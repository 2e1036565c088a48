#pragma once

namespace orograph {

// Cores that this process may run on (its affinity mask, as mpirun or Slurm set it).
int available_cores();

// The widest vector instruction set of this CPU that a kernel library would use: "avx512_bf16", "avx512", "avx2", "sse41" or the
// machine's name elsewhere.
const char* instruction_set();

// Keeps freed activation buffers in the heap: without it glibc maps and unmaps each one and every layer page-faults
// (1.1-2.2 times on LibTorch paths). Call at the top of main, before any thread.
void tune_malloc();

}  // namespace orograph
