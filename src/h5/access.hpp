#pragma once

#include "orograph/h5/group.hpp"

namespace orograph::h5 {

// How every file is opened: format bounds V18, no sieve buffer, no file locks of HDF5's. Why: docs/design/surface-file.md.
PropertiesHandle access_properties();

// The root group of an open file, called `shown_as` in messages. Error(data).
Group root_of(Id file, const std::string& shown_as, std::int64_t file_bytes);

}  // namespace orograph::h5
