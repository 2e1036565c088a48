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

constexpr auto f32 = memory::data_type::f32;

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
    dnnl::primitive primitive;
    Desc source, weights, destination, scratchpad;
    std::vector<Reorder> reorders;
};

// The primitive of `step` at `batch` images, which reads a value of format `value`. residual: the format of the value it adds to; the
// result then takes that value's place. All primitives take a scratchpad from the caller, so that several threads may run one at once.
// Create them with one OpenMP thread: that number is built in. A convolution's or pool's value has the dimensions [batch, C, H, W]. A
// linear layer is a 1x1 convolution over one image whose pixels are the batch, its value [1, C, 1, batch]: oneDNN's inner product needs its
// own GEMM, which cannot run beside LibTorch's (see without_gemm() in the source).
Primitive make_primitive(const Plan& plan, const Step& step, std::int64_t batch, const Desc& value, const std::optional<Desc>& residual,
                         const dnnl::engine& engine);

// Values [1, C, 1, batch] in this format are rows [batch, C] in C order.
Desc rows(std::int64_t batch, std::int64_t length);

}  // namespace orograph::evaluate::onednn
