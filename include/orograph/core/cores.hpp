#pragma once

#include <span>
#include <string>
#include <vector>

namespace orograph {

// A core is what Linux numbers as a CPU: a hardware thread. Sets of them are sorted.

// Cores that this process may run on: its affinity mask, as mpirun, Slurm or taskset set it.
std::vector<int> own_cores();

// Cores that the process could give itself: all of the host, or those of its container or control group.
std::vector<int> cores_in_reach();

// All cores of the host.
int online_cores();

// `cores` and the hardware threads that share a physical core with one of them.
std::vector<int> with_siblings(std::span<const int> cores);

// As Linux writes and reads them: "0-3,8". What is no such list is no core.
std::string core_list(std::span<const int> cores);
std::vector<int> parse_core_list(const std::string& text);

// The widest vector instruction set of this CPU that a kernel library would use: "avx512_bf16", "avx512", "avx2", "sse41" or the
// machine's name elsewhere.
const char* instruction_set();

// Keeps freed activation buffers in the heap: without it glibc maps and unmaps each one and every layer page-faults
// (1.1-2.2 times on LibTorch paths). Call at the top of main, before any thread.
void tune_malloc();

}  // namespace orograph
