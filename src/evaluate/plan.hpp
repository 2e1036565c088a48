#pragma once

#include "orograph/model/network.hpp"

#include <array>
#include <string>
#include <vector>

// A network as the compiled evaluators run it: each step is one fused operation. Free of torch.
namespace orograph::evaluate {

// A convolution, a linear layer or a batch norm by itself, with what its weights are folded from: indices into the parameter space, -1
// where there is none.
struct Layer {
    std::string name;
    std::array<std::int64_t, 4>
        shape{};      // of the folded weight: outputs and the window C, H, W that each reads (of a linear layer: the whole value)
    int weight = -1;  // none: of a batch norm by itself, whose weights are 1 before folding
    int bias = -1;
    int gamma = -1, beta = -1, mean = -1, variance = -1;  // of the batch norm; it is there where it has a variance
    double epsilon = 0;
};

// pointwise: scale and shift of each channel, addition, ReLU, or what of these there is, of one value or of several that it concatenates,
// with channels of zeros around them. image: the images in the format of all values. flatten: a value as a row [C * H * W, 1, 1].
enum class StepKind { convolution, linear, max_pool, avg_pool, pointwise, image, flatten };

// The image is value `plan_input`, step i makes value i.
constexpr int plan_input = -1;
constexpr int no_value = -2;

struct Step {
    StepKind kind = StepKind::convolution;
    int source = plan_input;              // the value it reads; plan_input only of a convolution, a linear layer or `image`
    std::vector<int> others;              // pointwise: the values whose channels come behind the source's
    std::array<std::int64_t, 2> zeros{};  // pointwise: channels of zeros before and behind those of the values
    int residual = no_value;              // the value added before the ReLU
    bool relu = false;                    // not of pools, image and flatten
    int layer = -1;                       // index into Plan::layers; -1: it has no weights
    std::array<std::int64_t, 3> input{};  // C, H, W. A linear step reads the values as one row in this order
    std::array<std::int64_t, 3> output{};
    int kernel = 1, stride = 1, padding = 0;  // convolution and pools; padding before, a pool's window may also reach past the end
    int groups = 1;                           // convolution
    bool ceil_mode = false;                   // max pool
};

// What batch norms normalise with: given states, or the mean and biased variance of the batch in hand.
enum class Statistics { given, of_batch };

struct Plan {
    Statistics statistics = Statistics::given;
    std::array<std::int64_t, 3> input{};  // C, H, W of an image
    int classes = 0;
    std::vector<Layer> layers;
    std::vector<Step> steps;  // the last one gives the logits: a linear layer with neither residual nor ReLU, or a flatten step
};

// Fuses the operations of `network`: convolution or linear layer (+ batch norm) (+ residual addition) (+ ReLU) become one step, what
// remains of batch norms, additions, ReLUs and concatenations pointwise steps; dropout vanishes, flatten where a linear layer reads it.
// Statistics::of_batch: each batch norm begins a pointwise step of its own. Error(config) that names the operation where one fits into no
// step: nothing is left out silently.
Plan make_plan(const model::Network& network, Statistics statistics = Statistics::given);

// A batch norm that is in no layer's weights.
bool is_batch_norm(const Step& step);

// Of each step: whether such a batch norm normalises its value, or a concatenation that it is part of.
std::vector<bool> normalised_values(const Plan& plan);

// What step `step` reads: source, others, residual.
std::vector<int> values_read(const Step& step);

// The last step that reads each step's value; no_value: none does.
std::vector<int> last_readers(const Plan& plan);

// Of each step: whether its sum may take the place of its residual, which nothing else reads then or later.
std::vector<bool> replaceable_residuals(const Plan& plan);

// One line a step, "conv+bias+residual+relu layer1.0.conv2 16x32x32".
std::vector<std::string> describe(const Plan& plan);

// The kinds of steps in a line, "19 conv+bias+relu, 1 avg_pool, 1 linear+bias", in the order in which they first appear.
std::string summary(const Plan& plan);

}  // namespace orograph::evaluate
