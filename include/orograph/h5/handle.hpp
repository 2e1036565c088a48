#pragma once

#include <cstdint>
#include <utility>

namespace orograph::h5 {

// HDF5's hid_t, so that no header here needs hdf5.h.
using Id = std::int64_t;

// Owns one HDF5 identifier. Move-only. Closing never throws: a refusal is logged.
template <class Traits>
class Handle {
public:
    Handle() = default;
    explicit Handle(Id id) : id_(id) {}
    ~Handle() { reset(); }
    Handle(Handle&& other) noexcept : id_(other.release()) {}
    Handle& operator=(Handle&& other) noexcept {
        if (this != &other) {
            reset();
            id_ = other.release();
        }
        return *this;
    }

    Id get() const { return id_; }
    explicit operator bool() const { return id_ != Traits::null(); }

    // Gives the identifier up without closing it.
    Id release() { return std::exchange(id_, Traits::null()); }

    void reset() {
        if (*this) Traits::close(release());
    }

private:
    Id id_ = Traits::null();
};

struct IdTraits {
    static constexpr Id null() { return -1; }
};
struct FileTraits : IdTraits {
    static void close(Id id) noexcept;
};
struct GroupTraits : IdTraits {
    static void close(Id id) noexcept;
};
struct DatasetTraits : IdTraits {
    static void close(Id id) noexcept;
};
struct AttributeTraits : IdTraits {
    static void close(Id id) noexcept;
};
struct SpaceTraits : IdTraits {
    static void close(Id id) noexcept;
};
struct TypeTraits : IdTraits {
    static void close(Id id) noexcept;
};
struct PropertiesTraits : IdTraits {
    static void close(Id id) noexcept;
};

using FileHandle = Handle<FileTraits>;
using GroupHandle = Handle<GroupTraits>;
using DatasetHandle = Handle<DatasetTraits>;
using AttributeHandle = Handle<AttributeTraits>;
using SpaceHandle = Handle<SpaceTraits>;
using TypeHandle = Handle<TypeTraits>;
using PropertiesHandle = Handle<PropertiesTraits>;

}  // namespace orograph::h5
