#pragma once

#include "orograph/core/error.hpp"
#include "orograph/core/safetensors.hpp"

#include <torch/types.h>

#include <algorithm>
#include <string>

// Tensors of the safetensors files that the Python tests exchange with their C++ programs.
namespace orograph::testing_support {

inline at::Tensor find_tensor(const TensorFile& file, const std::string& name) {
    for (const FileTensor& tensor : file.tensors) {
        if (tensor.name != name) continue;
        at::Tensor out = at::empty(tensor.shape, tensor.dtype == "I64" ? at::kLong : at::kFloat);
        std::copy(tensor.data.begin(), tensor.data.end(), static_cast<std::byte*>(out.data_ptr()));
        return out;
    }
    throw Error(ExitCode::data, "the request's input has no " + name);
}

inline FileTensor to_file(const std::string& name, const at::Tensor& tensor) {
    const at::Tensor dense = tensor.detach().contiguous();
    const auto* first = static_cast<const std::byte*>(dense.const_data_ptr());
    return {name, dense.scalar_type() == at::kDouble ? "F64" : "F32", dense.sizes().vec(), {first, first + dense.nbytes()}};
}

}  // namespace orograph::testing_support
