#pragma once

#include "orograph/model/weights.hpp"

#include <functional>
#include <span>
#include <vector>

namespace orograph::evaluate {

// The weights centre + c_0 d_0 + c_1 d_1 + ... in float32: every product and every sum rounded once, in that order, on every back end (a
// coefficient is rounded to float32 first). In a plane the coefficients are the coordinates, on a Bezier curve Bernstein's polynomials.
struct AffineSpace {
    struct Direction {
        model::Weights delta;
        bool moves_states = false;  // otherwise delta's states do not count
    };
    model::Weights centre;
    std::vector<Direction> directions;  // on the centre's device and of its sizes
};

// The points of a space, one at a time.
class MovingWeights {
public:
    explicit MovingWeights(AffineSpace space);
    const AffineSpace& space() const { return space_; }

    // Calls task(0) ... task(count-1), in any order and by any threads.
    using Run = std::function<void(std::int64_t count, const std::function<void(std::int64_t)>& task)>;

    // The weights at `coefficients`, one a direction. Valid until the next call. On the CPU `run` shares out the elements, which are
    // independent of each other; on a GPU the work is queued on the current stream.
    const model::Weights& at(std::span<const double> coefficients, const Run& run = in_order);

    // The states alone, as at() gives them.
    const at::Tensor& states_at(std::span<const double> coefficients, const Run& run = in_order);

    // Parameters [first, first + out.size()), with the bits that at() gives them, on the CPU. Several threads may read at once.
    void read_parameters(std::span<const double> coefficients, std::int64_t first, std::span<float> out) const;

    static void in_order(std::int64_t count, const std::function<void(std::int64_t)>& task);

private:
    struct Sum {
        std::vector<at::Tensor> directions;
        std::vector<float> factors;
    };
    Sum parameters_of(std::span<const double> coefficients) const;

    AffineSpace space_;
    model::Weights point_;
};

}  // namespace orograph::evaluate
