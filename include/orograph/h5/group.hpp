#pragma once

#include "orograph/h5/array.hpp"
#include "orograph/h5/dataset.hpp"

#include <map>
#include <string>
#include <vector>

namespace orograph::h5 {

// A group of an open file, the root group too. Everything is created without time stamps and in the order of creation. Reading follows
// hard links only, checks type and layout exactly, and holds every size against the file's before anything is allocated; it throws
// Error(data). Creating throws Error(io). None of it is for a file that several ranks have open, except open_dataset().
class Group {
public:
    Group(GroupHandle handle, std::string file, std::string path, std::int64_t file_bytes);

    bool has(const std::string& name) const;
    std::int64_t size() const;               // the number of links
    std::vector<std::string> names() const;  // of all links, in order of creation where the file keeps it, else of name

    Group create_group(const std::string& name);
    Group open_group(const std::string& name) const;

    // Contiguous, allocated and filled at once, so that a full disk fails here and not later.
    template <class T>
    Dataset create_dataset(const std::string& name, const std::vector<std::int64_t>& shape, T fill) {
        return create_filled(name, shape, type_of<T>(), &fill);
    }
    // Error(data): missing, reached by a link that is not hard, of another type, not contiguous, in external storage, or claiming more
    // bytes than the file has.
    Dataset open_dataset(const std::string& name, Type type) const;
    // The same of any layout and numeric type; throws as Array does.
    Array open_array(const std::string& name) const;

    // Scalar strings as datasets, for what is too long for an attribute.
    void create_text(const std::string& name, const std::string& value);
    std::string read_text(const std::string& name) const;

    void set_text(const std::string& name, const std::string& value);
    void set_number(const std::string& name, std::int32_t value);
    std::string text(const std::string& name) const;
    std::int32_t number(const std::string& name) const;
    std::map<std::string, std::string> texts() const;  // all attributes that are scalar strings of fixed length

    Id get() const { return handle_.get(); }
    std::string where() const;        // "out/a.h5:/provenance"
    std::int64_t file_bytes() const;  // of the file when it was opened; 0 while it is created

private:
    Dataset create_filled(const std::string& name, const std::vector<std::int64_t>& shape, Type type, const void* fill);
    DatasetHandle open_plain(const std::string& name) const;
    std::string place(const std::string& name) const;
    std::string path_of(const std::string& name) const;
    void require_hard_link(const std::string& name) const;

    GroupHandle handle_;
    std::string file_, path_;
    std::int64_t file_bytes_;
};

}  // namespace orograph::h5
