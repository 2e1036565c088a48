#include "attribute.hpp"

#include "check.hpp"
#include "types.hpp"

#include <hdf5.h>

namespace orograph::h5 {

namespace {

constexpr std::size_t max_text_bytes = 1 << 20;  // nothing that Orograph writes comes near

struct OpenAttribute {
    AttributeHandle handle;
    TypeHandle type;
    bool single = false;  // scalar, or one element
};

OpenAttribute open_attribute(Id object, const std::string& where, const std::string& name) {
    OpenAttribute attribute;
    attribute.handle =
        AttributeHandle(check(H5Aopen(object, name.c_str(), H5P_DEFAULT), ExitCode::data, where, " has no attribute '", name, "'"));
    attribute.type =
        TypeHandle(check(H5Aget_type(attribute.handle.get()), ExitCode::data, "attribute '", name, "' of ", where, " has no type"));
    const SpaceHandle space(
        check(H5Aget_space(attribute.handle.get()), ExitCode::data, "attribute '", name, "' of ", where, " has no extent"));
    attribute.single = H5Sget_simple_extent_npoints(space.get()) == 1;
    return attribute;
}

bool is_readable_text(const OpenAttribute& attribute) {
    return attribute.single && is_fixed_text(attribute.type.get()) && H5Tget_size(attribute.type.get()) <= max_text_bytes;
}

std::string read_text(const OpenAttribute& attribute, const std::string& where, const std::string& name) {
    std::vector<char> padded(H5Tget_size(attribute.type.get()));
    check(H5Aread(attribute.handle.get(), attribute.type.get(), padded.data()), ExitCode::data, "cannot read attribute '", name, "' of ",
          where);
    return text_of(padded);
}

void write_attribute(Id object, const std::string& where, const std::string& name, Id stored, Id memory, const SpaceHandle& space,
                     const void* values) {
    const AttributeHandle attribute(check(H5Acreate2(object, name.c_str(), stored, space.get(), H5P_DEFAULT, H5P_DEFAULT), ExitCode::io,
                                          "cannot create attribute '", name, "' of ", where));
    check(H5Awrite(attribute.get(), memory, values), ExitCode::io, "cannot write attribute '", name, "' of ", where);
}

herr_t collect_name(hid_t, const char* name, const H5A_info_t*, void* out) {
    static_cast<std::vector<std::string>*>(out)->emplace_back(name);
    return 0;
}

}  // namespace

void write_text_attribute(Id object, const std::string& where, const std::string& name, const std::string& value) {
    const auto type = text_type(value.size());
    const std::string bytes = value.empty() ? std::string(1, '\0') : value;
    write_attribute(object, where, name, type.get(), type.get(), make_space({}), bytes.data());
}

void write_number_attribute(Id object, const std::string& where, const std::string& name, Type type, const void* values,
                            std::int64_t count) {
    const auto space = count < 0 ? make_space({}) : make_space({count});
    write_attribute(object, where, name, stored_type(type), memory_type(type), space, values);
}

bool has_attribute(Id object, const std::string& name) {
    return H5Aexists(object, name.c_str()) > 0;
}

std::string read_text_attribute(Id object, const std::string& where, const std::string& name) {
    const auto attribute = open_attribute(object, where, name);
    OROGRAPH_VALIDATE(is_readable_text(attribute), ExitCode::data, "attribute '", name, "' of ", where, " is not a string of fixed length");
    return read_text(attribute, where, name);
}

std::int32_t read_int32_attribute(Id object, const std::string& where, const std::string& name) {
    const auto attribute = open_attribute(object, where, name);
    OROGRAPH_VALIDATE(attribute.single && H5Tequal(attribute.type.get(), stored_type(Type::int32)) > 0, ExitCode::data, "attribute '", name,
                      "' of ", where, " is not one 32-bit integer");
    std::int32_t value = 0;
    check(H5Aread(attribute.handle.get(), H5T_NATIVE_INT32, &value), ExitCode::data, "cannot read attribute '", name, "' of ", where);
    return value;
}

std::map<std::string, std::string> read_text_attributes(Id object, const std::string& where) {
    std::vector<std::string> names;
    check(H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, nullptr, collect_name, &names), ExitCode::data, "cannot list the attributes of ",
          where);
    std::map<std::string, std::string> texts;
    for (const auto& name : names) {
        const auto attribute = open_attribute(object, where, name);
        if (is_readable_text(attribute)) texts[name] = read_text(attribute, where, name);
    }
    return texts;
}

}  // namespace orograph::h5
