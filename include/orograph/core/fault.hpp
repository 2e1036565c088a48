#pragma once

#include "orograph/core/text.hpp"

#include <stdexcept>

namespace orograph {

// What is wrong with the content of a file. Whoever knows the path catches it and adds that.
class Fault : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

template <class... Pieces>
void require(bool condition, const Pieces&... pieces) {
    if (!condition) throw Fault(cat(pieces...));
}

}  // namespace orograph
