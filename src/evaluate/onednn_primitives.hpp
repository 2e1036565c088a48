#pragma once

#include "plan.hpp"

#include <oneapi/dnnl/dnnl.hpp>

#include <optional>
#include <vector>

#if DNNL_VERSION_MAJOR != 2
#error "Orograph's CPU back end is written for oneDNN 2.x (Debian 12: libdnnl-dev 2.6.3)"
#endif

// The steps of a plan as oneDNN primitives.
namespace orograph::evaluate::onednn {

using dnnl::memory;
using Desc = memory::desc;
using Dims = memory::dims;
using Tag = memory::format_tag;
using Type = memory::data_type;

// What the primitives of a network have in common.
struct Setting {
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    Type type = Type::f32;  // of activations and weights; sums, biases and logits are float32
    int lanes = 8;          // channels that lie together
};

// The format of an image value [images, C, H, W]: groups of `lanes` channels where these divide C, else channels last.
Desc activations(const Setting& setting, std::int64_t images, const std::array<std::int64_t, 3>& shape);

// The format of a linear layer's value: rows [images, length] in C order, as a tensor [1, length, 1, images].
Desc rows(std::int64_t images, std::int64_t length, Type type);

// Copies a tensor from one format to another.
struct Reorder {
    dnnl::reorder primitive;
    Desc from, to, scratchpad;
};

// None where the two formats are the same.
std::optional<Reorder> reorder_if_different(const Desc& from, const Desc& to, const dnnl::engine& engine);

// One step of the plan: what it runs and the formats of what it reads and writes. The reorders bring the source value into the format it
// reads, one after the other; each takes the memory that the one before wrote (at first the value's) to be of its format `from`, and so
// does the primitive with `source`.
struct Primitive {
    dnnl::primitive primitive;  // none: another kernel runs the step
    Desc source, weights, destination, scratchpad;
    std::vector<Reorder> reorders;
};

// The primitive of step `index` for `images` images, which reads a value of format `value`. residual: the format of the value it adds to;
// the result then takes that value's place. All primitives take a scratchpad from the caller, so that several threads may run one at once.
// Create them with one OpenMP thread: that number is built in. A linear layer is a 1x1 convolution over one image whose pixels are the
// batch: oneDNN's inner product needs its own GEMM, which cannot run beside LibTorch's (see without_gemm() in the source).
Primitive make_primitive(const Setting& setting, const Plan& plan, std::size_t index, std::int64_t images, const Desc& value,
                         const std::optional<Desc>& residual);

}  // namespace orograph::evaluate::onednn
