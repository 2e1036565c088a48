#include "types.hpp"

#include "check.hpp"

#include <hdf5.h>

#include <algorithm>

namespace orograph::h5 {

Id stored_type(Type type) {
    switch (type) {
        case Type::float64:
            return H5T_IEEE_F64LE;
        case Type::float32:
            return H5T_IEEE_F32LE;
        case Type::int64:
            return H5T_STD_I64LE;
        case Type::int32:
            return H5T_STD_I32LE;
        case Type::uint32:
            return H5T_STD_U32LE;
        case Type::uint8:
            return H5T_STD_U8LE;
    }
    return -1;
}

Id memory_type(Type type) {
    switch (type) {
        case Type::float64:
            return H5T_NATIVE_DOUBLE;
        case Type::float32:
            return H5T_NATIVE_FLOAT;
        case Type::int64:
            return H5T_NATIVE_INT64;
        case Type::int32:
            return H5T_NATIVE_INT32;
        case Type::uint32:
            return H5T_NATIVE_UINT32;
        case Type::uint8:
            return H5T_NATIVE_UINT8;
    }
    return -1;
}

const char* name_of(Type type) {
    switch (type) {
        case Type::float64:
            return "float64";
        case Type::float32:
            return "float32";
        case Type::int64:
            return "int64";
        case Type::int32:
            return "int32";
        case Type::uint32:
            return "uint32";
        case Type::uint8:
            return "uint8";
    }
    return "unknown";
}

TypeHandle text_type(std::size_t bytes) {
    TypeHandle type(check(H5Tcopy(H5T_C_S1), ExitCode::internal, "cannot make a string type"));
    check(H5Tset_size(type.get(), std::max<std::size_t>(1, bytes)), ExitCode::internal, "cannot make a string of ", bytes, " bytes");
    check(H5Tset_cset(type.get(), H5T_CSET_UTF8), ExitCode::internal, "cannot make a UTF-8 string");
    check(H5Tset_strpad(type.get(), H5T_STR_NULLPAD), ExitCode::internal, "cannot make a padded string");
    return type;
}

bool is_fixed_text(Id type) {
    return H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0;
}

std::string text_of(const std::vector<char>& padded) {
    return {padded.begin(), std::find(padded.begin(), padded.end(), '\0')};
}

SpaceHandle make_space(const std::vector<std::int64_t>& shape) {
    if (shape.empty()) return SpaceHandle(check(H5Screate(H5S_SCALAR), ExitCode::internal, "cannot make a scalar data space"));
    const std::vector<hsize_t> extent(shape.begin(), shape.end());
    return SpaceHandle(check(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), ExitCode::internal,
                             "cannot make a data space of ", shape.size(), " dimensions"));
}

}  // namespace orograph::h5
