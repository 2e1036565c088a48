#include "torch_types.hpp"

#include <span>
#include <utility>

namespace orograph::model {
namespace {

using Words = std::pair<std::string_view, std::string_view>;

constexpr Words storages[] = {
    {"FloatStorage", "F32"},          {"DoubleStorage", "F64"}, {"HalfStorage", "F16"},
    {"BFloat16Storage", "BF16"},      {"LongStorage", "I64"},   {"IntStorage", "I32"},
    {"ShortStorage", "I16"},          {"CharStorage", "I8"},    {"ByteStorage", "U8"},
    {"BoolStorage", "BOOL"},          {"UntypedStorage", "U8"}, {"ComplexFloatStorage", "C64"},
    {"ComplexDoubleStorage", "C128"},
};

constexpr Words dtypes[] = {
    {"float32", "F32"},
    {"float64", "F64"},
    {"float16", "F16"},
    {"bfloat16", "BF16"},
    {"float8_e4m3fn", "F8_E4M3"},
    {"float8_e5m2", "F8_E5M2"},
    {"float8_e4m3fnuz", "F8_E4M3FNUZ"},
    {"float8_e5m2fnuz", "F8_E5M2FNUZ"},
    {"float8_e8m0fnu", "F8_E8M0"},
    {"int64", "I64"},
    {"int32", "I32"},
    {"int16", "I16"},
    {"int8", "I8"},
    {"uint64", "U64"},
    {"uint32", "U32"},
    {"uint16", "U16"},
    {"uint8", "U8"},
    {"bool", "BOOL"},
    {"complex64", "C64"},
    {"complex128", "C128"},
};

std::string_view find(std::span<const Words> table, std::string_view name) {
    for (const auto& [known, word] : table) {
        if (known == name) return word;
    }
    return {};
}

}  // namespace

std::string_view dtype_of_storage(std::string_view name) {
    return find(storages, name);
}

std::string_view dtype_of_torch(std::string_view name) {
    return find(dtypes, name);
}

std::size_t storage_element_bytes(std::string_view dtype) {
    if (dtype == "C128") return 16;
    if (dtype == "BOOL" || dtype.starts_with("F8_")) return 1;
    if (dtype.ends_with("64")) return 8;
    if (dtype.ends_with("32")) return 4;
    return dtype.ends_with("16") ? 2 : 1;
}

}  // namespace orograph::model
