#include "orograph/core/standard_descriptors.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace orograph {

void occupy_standard_descriptors() {
    int opened = 0;
    do opened = ::open("/dev/null", O_RDONLY);
    while (0 <= opened && opened <= STDERR_FILENO);
    if (opened > STDERR_FILENO) ::close(opened);
}

}  // namespace orograph
