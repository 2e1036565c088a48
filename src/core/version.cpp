#include "orograph/core/version.hpp"

namespace orograph {

const char* version() {
    return OROGRAPH_VERSION;
}

}  // namespace orograph
