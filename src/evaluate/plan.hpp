#pragma once

#include "orograph/model/network.hpp"

#include <array>
#include <string>
#include <vector>

// A network as the compiled evaluators run it: each step is one fused operation. Free of torch.
namespace orograph::evaluate {

// A convolution or linear layer with what its weights are folded from: indices into the parameter space, -1 where there is none.
struct Layer {
    std::string name;
    std::array<std::int64_t, 4>
        shape{};  // of the folded weight: outputs and the window C, H, W that each reads (of a linear layer: the whole value)
    int weight = -1, bias = -1;
    int gamma = -1, beta = -1, mean = -1, variance = -1;  // of the batch norm that follows
    double epsilon = 0;
};

enum class StepKind { convolution, linear, max_pool, avg_pool };

// The image is value `plan_input`, step i makes value i.
constexpr int plan_input = -1;
constexpr int no_value = -2;

struct Step {
    StepKind kind = StepKind::convolution;
    int source = plan_input;  // the value it reads
    int residual = no_value;  // the value added before the ReLU; no later step reads that value
    bool relu = false;
    int layer = -1;                       // index into Plan::layers; -1 for pools
    std::array<std::int64_t, 3> input{};  // C, H, W. A linear step reads the values as one row in this order
    std::array<std::int64_t, 3> output{};
    int kernel = 1, stride = 1, padding = 0;  // convolution and pools; padding before, a pool's window may also reach past the end
    bool ceil_mode = false;                   // max pool
};

struct Plan {
    std::array<std::int64_t, 3> input{};  // C, H, W of an image
    int classes = 0;
    std::vector<Layer> layers;
    std::vector<Step> steps;  // the last one gives the logits
};

// Fuses the operations of `network`: convolution or linear layer (+ batch norm) (+ residual addition) (+ ReLU) become one step; flatten
// vanishes. Error(config) that names the operation where one fits into no step: nothing is left unfused silently.
Plan make_plan(const model::Network& network);

// The last step that reads each step's value.
std::vector<int> last_readers(const Plan& plan);

// One line a step, "conv+bias+residual+relu layer1.0.conv2 16x32x32".
std::vector<std::string> describe(const Plan& plan);

}  // namespace orograph::evaluate
