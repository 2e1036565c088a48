#include "numpy_array.hpp"

#include "orograph/core/fault.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace orograph::data {
namespace {

using pickle::Tree;
using pickle::Value;
using Values = std::vector<Value>;

// The arguments of a function in one of the modules where numpy has had it.
const Values* arguments_of(const Tree& tree, const Value& value, std::string_view part, std::string_view function) {
    for (const std::string_view package : {"numpy.core.", "numpy._core."}) {
        if (const Values* found = tree.arguments_of(value, cat(package, part), function)) return found;
    }
    return nullptr;
}

// The parts of an array as a pickle has them; null where there are none.
struct Parts {
    const Value *shape = nullptr, *type = nullptr, *bytes = nullptr;
    bool is_fortran = false;
};

// _reconstruct(...) with the state (version, shape, dtype, is_fortran, bytes), or, of protocol 5, _frombuffer(bytes, dtype, shape, order).
std::optional<Parts> parts_of(const Tree& tree, const Value& value) {
    if (arguments_of(tree, value, "multiarray", "_reconstruct") != nullptr) {
        const Values* state = tree.elements_of(tree.objects[std::get<pickle::Object>(value).id].state);
        require(state != nullptr && state->size() == 5, "an array in it has another form than numpy's");
        const Value& order = (*state)[3];
        return Parts{&(*state)[1], &(*state)[2], &(*state)[4], std::holds_alternative<pickle::True>(order)};
    }
    if (const Values* arguments = arguments_of(tree, value, "numeric", "_frombuffer")) {
        require(arguments->size() == 4, "an array in it has another form than numpy's");
        const auto* order = std::get_if<std::string_view>(&(*arguments)[3]);
        return Parts{&(*arguments)[2], &(*arguments)[1], &(*arguments)[0], order != nullptr && *order == "F"};
    }
    return std::nullopt;
}

// "u1" of a dtype object, which is dtype("u1", ...) with the state (version, byte order, ...); empty for what is no integer.
std::string type_of(const Tree& tree, const Value& value) {
    const Values* arguments = tree.arguments_of(value, "numpy", "dtype");
    if (arguments == nullptr || arguments->empty()) return {};
    const auto name = bytes_in(tree, arguments->front());
    if (!name || name->size() != 2 || (name->front() != 'u' && name->front() != 'i')) return {};
    const Values* state = tree.elements_of(tree.objects[std::get<pickle::Object>(value).id].state);
    const auto order = state != nullptr && state->size() > 1 ? bytes_in(tree, (*state)[1]) : std::nullopt;
    require(name->back() == '1' || !order || *order != ">", "an array in it is big-endian");
    return std::string("1248").find(name->back()) == std::string::npos ? "" : *name;
}

std::vector<std::int64_t> shape_of(const Tree& tree, const Value& value) {
    constexpr std::size_t most = 4;
    const Values* sizes = tree.elements_of(value);
    require(sizes != nullptr && sizes->size() <= most, "an array in it has no shape of at most ", most, " sizes");
    std::vector<std::int64_t> shape;
    for (const Value& size : *sizes) {
        const auto* number = std::get_if<std::int64_t>(&size);
        require(number != nullptr && *number >= 0, "an array in it has a size that is none");
        shape.push_back(*number);
    }
    return shape;
}

std::string in_c_order(const std::string& bytes, std::int64_t rows, std::int64_t columns, std::size_t element) {
    std::string out(bytes.size(), '\0');
    for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t column = 0; column < columns; ++column)
            std::memcpy(&out[static_cast<std::size_t>(row * columns + column) * element],
                        &bytes[static_cast<std::size_t>(column * rows + row) * element], element);
    return out;
}

}  // namespace

std::optional<std::string> bytes_in(const Tree& tree, const Value& value) {
    if (const auto* text = std::get_if<std::string_view>(&value)) return std::string(*text);
    if (const auto* bytes = std::get_if<pickle::Bytes>(&value)) return std::string(bytes->content);
    const Values* arguments = tree.arguments_of(value, "_codecs", "encode");
    const auto* text = arguments != nullptr && !arguments->empty() ? std::get_if<std::string_view>(&arguments->front()) : nullptr;
    if (text == nullptr) return std::nullopt;
    std::string out;
    out.reserve(text->size());
    for (std::size_t k = 0; k < text->size(); ++k) {  // UTF-8 of characters below 256
        const auto byte = static_cast<unsigned char>((*text)[k]);
        if (byte < 0x80) {
            out += static_cast<char>(byte);
        } else {
            require((byte == 0xc2 || byte == 0xc3) && k + 1 < text->size(), "bytes in it are written in another way than Latin-1");
            out += static_cast<char>((byte & 3) << 6 | (static_cast<unsigned char>((*text)[++k]) & 0x3f));
        }
    }
    return out;
}

std::int64_t NumpyArray::element(std::size_t index) const {
    const auto size = static_cast<std::size_t>(type[1] - '0');
    const bool is_negative = type[0] == 'i' && (static_cast<unsigned char>(bytes[index * size + size - 1]) & 0x80) != 0;
    std::int64_t value = is_negative ? -1 : 0;
    std::memcpy(&value, &bytes[index * size], size);
    return value;
}

std::optional<NumpyArray> numpy_array(const Tree& tree, const Value& value) {
    const auto parts = parts_of(tree, value);
    if (!parts) return std::nullopt;
    NumpyArray array{type_of(tree, *parts->type), shape_of(tree, *parts->shape), {}};
    if (array.type.empty()) return std::nullopt;
    auto bytes = bytes_in(tree, *parts->bytes);
    require(bytes.has_value(), "an array in it holds no bytes");
    const auto element = static_cast<std::size_t>(array.type[1] - '0');
    std::uint64_t needed = element;
    bool overflow = false;
    for (const std::int64_t size : array.shape) overflow |= __builtin_mul_overflow(needed, static_cast<std::uint64_t>(size), &needed);
    require(!overflow && needed == bytes->size(), "an array in it has ", bytes->size(), " bytes, which is not what its shape says");
    require(!parts->is_fortran || array.shape.size() <= 2, "an array in it is in Fortran's order");
    array.bytes =
        parts->is_fortran && array.shape.size() == 2 ? in_c_order(*bytes, array.shape[0], array.shape[1], element) : std::move(*bytes);
    return array;
}

}  // namespace orograph::data
