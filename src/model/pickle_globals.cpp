#include "pickle_value.hpp"

#include <utility>

namespace orograph::model {
namespace {

using Kind = GlobalKind;

constexpr PickleGlobal globals[] = {
    {"collections", "OrderedDict", Kind::ordered_dict},
    {"collections", "Counter", Kind::ignored},  // in the state of learning rate schedules
    {"__builtin__", "set", Kind::ignored},
    {"builtins", "set", Kind::ignored},
    {"_codecs", "encode", Kind::ignored},  // how protocol 2 writes bytes
    {"torch", "device", Kind::ignored},
    {"torch", "Size", Kind::size},
    {"torch._utils", "_rebuild_tensor_v2", Kind::tensor},
    {"torch._utils", "_rebuild_tensor_v3", Kind::typed_tensor},
    {"torch._utils", "_rebuild_parameter", Kind::parameter},
    {"torch", "FloatStorage", Kind::storage, "F32"},
    {"torch", "DoubleStorage", Kind::storage, "F64"},
    {"torch", "HalfStorage", Kind::storage, "F16"},
    {"torch", "BFloat16Storage", Kind::storage, "BF16"},
    {"torch", "LongStorage", Kind::storage, "I64"},
    {"torch", "IntStorage", Kind::storage, "I32"},
    {"torch", "ShortStorage", Kind::storage, "I16"},
    {"torch", "CharStorage", Kind::storage, "I8"},
    {"torch", "ByteStorage", Kind::storage, "U8"},
    {"torch", "BoolStorage", Kind::storage, "BOOL"},
    {"torch", "ComplexFloatStorage", Kind::storage, "C64"},
    {"torch", "ComplexDoubleStorage", Kind::storage, "C128"},
    {"torch.storage", "UntypedStorage", Kind::storage, "U8"},
    {"torch", "float32", Kind::dtype, "F32"},
    {"torch", "float64", Kind::dtype, "F64"},
    {"torch", "float16", Kind::dtype, "F16"},
    {"torch", "bfloat16", Kind::dtype, "BF16"},
    {"torch", "float8_e4m3fn", Kind::dtype, "F8_E4M3"},
    {"torch", "float8_e5m2", Kind::dtype, "F8_E5M2"},
    {"torch", "float8_e4m3fnuz", Kind::dtype, "F8_E4M3FNUZ"},
    {"torch", "float8_e5m2fnuz", Kind::dtype, "F8_E5M2FNUZ"},
    {"torch", "float8_e8m0fnu", Kind::dtype, "F8_E8M0"},
    {"torch", "int64", Kind::dtype, "I64"},
    {"torch", "int32", Kind::dtype, "I32"},
    {"torch", "int16", Kind::dtype, "I16"},
    {"torch", "int8", Kind::dtype, "I8"},
    {"torch", "uint64", Kind::dtype, "U64"},
    {"torch", "uint32", Kind::dtype, "U32"},
    {"torch", "uint16", Kind::dtype, "U16"},
    {"torch", "uint8", Kind::dtype, "U8"},
    {"torch", "bool", Kind::dtype, "BOOL"},
    {"torch", "complex64", Kind::dtype, "C64"},
    {"torch", "complex128", Kind::dtype, "C128"},
};

}  // namespace

const PickleGlobal* find_global(std::string_view module, std::string_view name) {
    for (const PickleGlobal& global : globals) {
        if (global.module == module && global.name == name) return &global;
    }
    return nullptr;
}

std::size_t storage_element_bytes(std::string_view dtype) {
    if (dtype == "C128") return 16;
    if (dtype == "BOOL" || dtype.starts_with("F8_")) return 1;
    if (dtype.ends_with("64")) return 8;
    if (dtype.ends_with("32")) return 4;
    return dtype.ends_with("16") ? 2 : 1;
}

}  // namespace orograph::model
