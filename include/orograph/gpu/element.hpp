#pragma once

// C++17, for nvcc too.
namespace orograph::gpu {

// Of activations and folded weights. bfloat16 as 16-bit words, the upper half of a float32, rounded to the nearest (even).
enum class Element { float32, bfloat16 };

constexpr int size_of(Element element) {
    return element == Element::float32 ? 4 : 2;
}

}  // namespace orograph::gpu
