#pragma once

#include "orograph/core/error.hpp"
#include "orograph/core/safetensors.hpp"
#include "orograph/evaluate/evaluator.hpp"

#include <algorithm>
#include <filesystem>

// What inputs.py wrote into a folder: centre, x, y and data .safetensors.
namespace orograph::bench {

// The tensor `name`, int64 or float32 as the file has it. Error(data) where it is missing or of another type.
inline at::Tensor find(const TensorFile& file, const std::string& name) {
    const auto tensor = std::ranges::find(file.tensors, name, &FileTensor::name);
    OROGRAPH_VALIDATE(tensor != file.tensors.end(), ExitCode::data, "the benchmark's data have no ", name, "; let inputs.py write them");
    at::Tensor result = at::empty(tensor->shape, tensor->dtype == "I64" ? at::kLong : at::kFloat);
    OROGRAPH_VALIDATE(result.nbytes() == tensor->data.size(), ExitCode::data, name, " is ", tensor->dtype, "; let inputs.py write it");
    std::ranges::copy(tensor->data, static_cast<std::byte*>(result.data_ptr()));
    return result;
}

inline data::Split read_split(const TensorFile& file) {
    return {"test", find(file, "images"), find(file, "labels")};
}

inline evaluate::AffineSpace read_plane(const std::filesystem::path& folder, const model::Network& network, at::Device device) {
    const auto read = [&](const char* name) { return model::load_weights(folder / name, network).to(device); };
    return {read("centre.safetensors"), {{read("x.safetensors")}, {read("y.safetensors")}}};
}

}  // namespace orograph::bench
