#include "orograph/h5/handle.hpp"

#include "check.hpp"

#include "orograph/core/log.hpp"

#include <hdf5.h>

namespace orograph::h5 {

static_assert(std::is_same_v<hid_t, Id>);

namespace {

void note_failure(herr_t result, const char* what) noexcept {
    if (result >= 0) return;
    try {
        log::self(log::Level::warn, cat("HDF5 cannot close ", what, " (", last_reason(), ")"));
    } catch (const std::exception&) {
        return;  // a destructor is no place for a second failure
    }
}

}  // namespace

void FileTraits::close(Id id) noexcept {
    note_failure(H5Fclose(id), "a file");
}
void GroupTraits::close(Id id) noexcept {
    note_failure(H5Gclose(id), "a group");
}
void DatasetTraits::close(Id id) noexcept {
    note_failure(H5Dclose(id), "a dataset");
}
void AttributeTraits::close(Id id) noexcept {
    note_failure(H5Aclose(id), "an attribute");
}
void SpaceTraits::close(Id id) noexcept {
    note_failure(H5Sclose(id), "a data space");
}
void TypeTraits::close(Id id) noexcept {
    note_failure(H5Tclose(id), "a data type");
}
void PropertiesTraits::close(Id id) noexcept {
    note_failure(H5Pclose(id), "a property list");
}

}  // namespace orograph::h5
