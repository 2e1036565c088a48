#include "orograph/core/files.hpp"
#include "orograph/h5/file.hpp"
#include "orograph/survey/surface_file.hpp"

#include <algorithm>

namespace orograph::survey {

namespace {

bool has_all(const std::filesystem::path& path, const std::vector<FieldAttributes>& fields) {
    const auto file = h5::File::open(path);
    return std::ranges::all_of(fields, [&](const FieldAttributes& field) {
        const auto dataset = file.root().open_dataset(field.field, h5::Type::float64);
        return std::ranges::all_of(field.numbers, [&](const auto& number) { return dataset.has_attribute(number.first); });
    });
}

void add_missing(const h5::Group& root, const FieldAttributes& field) {
    auto dataset = root.open_dataset(field.field, h5::Type::float64);
    for (const auto& [name, value] : field.numbers)
        if (!dataset.has_attribute(name)) dataset.set_number<double>(name, value);
}

}  // namespace

void add_field_attributes(const std::filesystem::path& path, const std::vector<FieldAttributes>& fields) {
    const FileLock lock(path);
    if (has_all(path, fields)) return;
    h5::change_atomically(path, [&](const h5::Group& root) {
        for (const auto& field : fields) add_missing(root, field);
    });
}

}  // namespace orograph::survey
