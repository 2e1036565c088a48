#pragma once

#include <string>

namespace orograph::gpu {

// CUDA devices that this process can use; 0 where there is none, no driver, or the program was built without CUDA. Never throws.
int device_count();

// "NVIDIA H100 80GB HBM3", with its compute capability: "... (sm_90)". Error(unavailable) where that device is not there.
std::string device_name(int device);

// Checks that device `device` is there: Error(unavailable) that says why not and what to do.
void require_device(int device);

}  // namespace orograph::gpu
