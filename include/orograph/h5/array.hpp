#pragma once

#include "orograph/h5/dataset.hpp"

namespace orograph::h5 {

// Numbers that another program stored, read in parts. Any integer or floating-point type and byte order; contiguous, compact or chunked,
// with or without filters. Row-major: a row is one index of the first dimension. Not collective.
class Array {
public:
    // `where` names the dataset in messages, `file_bytes` is the size of its file. Error(data): not numbers, without dimensions, in other
    // files, or claiming bytes that its file does not hold, as never written chunks do.
    Array(DatasetHandle handle, std::string where, std::int64_t file_bytes);

    const std::vector<std::int64_t>& shape() const { return shape_; }
    const std::string& type() const { return type_; }  // "uint8", "int64", "float32"
    std::int64_t chunk_rows() const { return chunk_rows_; }  // rows that are stored together, 1 where the layout has no chunks
    const std::string& where() const { return where_; }

    // Rows [first, first + count), converted to T (uint8, int64, float32, ...); `out` has just their elements. Error(data).
    template <class T>
    void read_rows(std::int64_t first, std::int64_t count, std::span<T> out) const {
        read_row_bytes(first, count, out.data(), static_cast<std::int64_t>(out.size()), type_of<T>());
    }

private:
    void read_row_bytes(std::int64_t first, std::int64_t count, void* out, std::int64_t elements, Type type) const;

    DatasetHandle handle_;
    std::string where_;
    std::string type_;
    std::vector<std::int64_t> shape_;
    std::int64_t chunk_rows_ = 1;
};

}  // namespace orograph::h5
