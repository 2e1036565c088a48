#pragma once

#include <string>

namespace orograph {

// The name of this machine, for messages.
std::string host_name();

}  // namespace orograph
