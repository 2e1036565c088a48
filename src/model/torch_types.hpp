#pragma once

#include <cstddef>
#include <string_view>

namespace orograph::model {

// Safetensors' word ("F32") for a class of storages ("FloatStorage"), or for a dtype of torch's ("float32"); empty for another name.
std::string_view dtype_of_storage(std::string_view name);
std::string_view dtype_of_torch(std::string_view name);

// Bytes of one element of a storage or dtype of these.
std::size_t storage_element_bytes(std::string_view dtype);

}  // namespace orograph::model
