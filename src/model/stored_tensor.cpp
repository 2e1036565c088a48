#include "stored_tensor.hpp"

#include "orograph/core/error.hpp"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace orograph::model {
namespace {

// Calls visit(place) for the place of each element in the storage, in C order.
template <class Visit>
void for_each_place(const StoredTensor& tensor, const Visit& visit) {
    const auto& shape = tensor.shape;
    if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return;
    std::vector<std::int64_t> index(shape.size());
    std::int64_t place = tensor.offset;
    for (;;) {
        visit(place);
        std::size_t axis = shape.size();
        for (; axis > 0; --axis) {
            place += tensor.strides[axis - 1];
            if (++index[axis - 1] < shape[axis - 1]) break;
            place -= tensor.strides[axis - 1] * shape[axis - 1];
            index[axis - 1] = 0;
        }
        if (axis == 0) return;
    }
}

template <class Element>
Conversion copy(const StoredTensor& tensor, float* out) {
    Conversion conversion;
    for_each_place(tensor, [&](std::int64_t place) {
        Element value;
        std::memcpy(&value, tensor.storage.data() + static_cast<std::size_t>(place) * sizeof value, sizeof value);
        *out = static_cast<float>(value);
        if (!std::isfinite(*out)) ++(std::isfinite(static_cast<double>(value)) ? conversion.overflowed : conversion.not_finite);
        ++out;
    });
    return conversion;
}

}  // namespace

std::vector<std::int64_t> dense_strides(const std::vector<std::int64_t>& shape) {
    std::vector<std::int64_t> strides(shape.size(), 1);
    for (std::size_t axis = shape.size(); axis > 1; --axis) {
        // Only an empty tensor's product can overflow, and its strides are never used.
        strides[axis - 2] =
            static_cast<std::int64_t>(static_cast<std::uint64_t>(strides[axis - 1]) * static_cast<std::uint64_t>(shape[axis - 1]));
    }
    return strides;
}

std::string_view float_name(std::string_view dtype) {
    static constexpr std::pair<std::string_view, std::string_view> names[] = {
        {"F32", "float32"}, {"F64", "float64"}, {"F16", "float16"}, {"BF16", "bfloat16"}};
    for (const auto& [known, name] : names) {
        if (known == dtype) return name;
    }
    return {};
}

Conversion copy_as_float(const StoredTensor& tensor, float* out) {
    OROGRAPH_EXPECT(!float_name(tensor.dtype).empty());
    if (tensor.dtype == "F64") return copy<double>(tensor, out);
    if (tensor.dtype == "F16") return copy<c10::Half>(tensor, out);
    if (tensor.dtype == "BF16") return copy<c10::BFloat16>(tensor, out);
    return copy<float>(tensor, out);
}

}  // namespace orograph::model
