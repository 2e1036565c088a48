#pragma once

#include <cstdint>

// C++17, for nvcc too.
namespace orograph::gpu {

// A matrix [rows, columns] in C order.
struct ColumnPart {
    const void* values = nullptr;
    std::int64_t columns = 0;
};

}  // namespace orograph::gpu
