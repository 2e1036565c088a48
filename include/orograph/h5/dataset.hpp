#pragma once

#include "orograph/h5/handle.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace orograph::h5 {

// Stored little-endian, whatever the machine.
enum class Type { float64, float32, int64, int32, uint32, uint8 };

template <class T>
constexpr Type type_of() {
    if constexpr (std::is_same_v<T, double>)
        return Type::float64;
    else if constexpr (std::is_same_v<T, float>)
        return Type::float32;
    else if constexpr (std::is_same_v<T, std::int64_t>)
        return Type::int64;
    else if constexpr (std::is_same_v<T, std::int32_t>)
        return Type::int32;
    else if constexpr (std::is_same_v<T, std::uint32_t>)
        return Type::uint32;
    else {
        static_assert(std::is_same_v<T, std::uint8_t>, "no HDF5 type for T");
        return Type::uint8;
    }
}

// A contiguous array of known type and shape. Row-major. Not collective: every transfer is independent.
class Dataset {
public:
    // `where` names the dataset in messages: "out/a.h5:/train_loss".
    Dataset(DatasetHandle handle, Type type, std::vector<std::int64_t> shape, std::string where);

    const std::vector<std::int64_t>& shape() const { return shape_; }
    std::int64_t size() const { return size_; }
    Id get() const { return handle_.get(); }
    const std::string& where() const { return where_; }

    // All elements. Error(data).
    template <class T>
    std::vector<T> read() const {
        std::vector<T> values(static_cast<std::size_t>(size_));
        read_bytes(values.data(), type_of<T>());
        return values;
    }

    // All elements; values.size() == size(). Error(io).
    template <class T>
    void write(std::span<const T> values) {
        write_bytes(values.data(), type_of<T>(), static_cast<std::int64_t>(values.size()));
    }

    // The elements [first, first + values.size()) in row-major order. Error(data).
    template <class T>
    void read_run(std::int64_t first, std::span<T> values) const {
        read_run_bytes(first, static_cast<std::int64_t>(values.size()), reinterpret_cast<std::byte*>(values.data()), type_of<T>());
    }

    // The same, written. Error(io).
    template <class T>
    void write_run(std::int64_t first, std::span<const T> values) {
        write_run_bytes(first, static_cast<std::int64_t>(values.size()), reinterpret_cast<const std::byte*>(values.data()), type_of<T>());
    }

    void set_text(const std::string& name, const std::string& value);
    template <class T>
    void set_number(const std::string& name, T value) {
        set_number_bytes(name, &value, type_of<T>(), -1);
    }
    template <class T>
    void set_numbers(const std::string& name, std::span<const T> values) {
        set_number_bytes(name, values.data(), type_of<T>(), static_cast<std::int64_t>(values.size()));
    }

    bool has_attribute(const std::string& name) const;
    // The string attribute `name`; empty where there is none. Error(data).
    std::string text_or_empty(const std::string& name) const;

    // Dimension scales (H5DS): this one-dimensional dataset becomes the scale `name`; `scale` belongs to this dataset's `dimension`.
    void make_scale(const std::string& name);
    void attach_scale(const Dataset& scale, int dimension);

private:
    void read_bytes(void* values, Type type) const;
    void write_bytes(const void* values, Type type, std::int64_t count);
    void read_run_bytes(std::int64_t first, std::int64_t count, std::byte* values, Type type) const;
    void write_run_bytes(std::int64_t first, std::int64_t count, const std::byte* values, Type type);
    void set_number_bytes(const std::string& name, const void* values, Type type, std::int64_t count);

    DatasetHandle handle_;
    Type type_;
    std::vector<std::int64_t> shape_;
    std::int64_t size_;
    std::string where_;
};

}  // namespace orograph::h5
