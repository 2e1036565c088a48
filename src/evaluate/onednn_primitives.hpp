#pragma once

#include "plan.hpp"

#include <oneapi/dnnl/dnnl.hpp>

#include <optional>
#include <string>
#include <string_view>
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
    // Rows are filled up with zeros as channels are: the library's SSE kernels take nothing else.
    bool filled_rows = false;
};

// The format of the value of step `index`: [images, C, H, W] in groups of `lanes` channels, the last one filled up with zeros; of a row
// (linear, flatten) without these zeros, unless Setting::filled_rows. The logits are float32.
Desc format_of(const Setting& setting, const Plan& plan, std::size_t index, std::int64_t images);

// Copies a tensor from one format to another.
struct Reorder {
    dnnl::reorder primitive;
    Desc from, to, scratchpad;
    std::string implementation;
    std::size_t frame_bytes = 0;  // `to` is the middle of so many bytes, which are to be set to zero before; 0: it is all
};
Reorder make_reorder(const Desc& from, const Desc& to, const dnnl::engine& engine);

// None where the two formats are the same.
std::optional<Reorder> reorder_if_different(const Desc& from, const Desc& to, const dnnl::engine& engine);

// One step of the plan: what it runs and the formats of what it reads and writes. The reorders bring the source value into the format it
// reads, one after the other; each takes the memory that the one before wrote (at first the value's) to be of its format `from`, and so
// does the primitive with `source`.
struct Primitive {
    dnnl::primitive primitive;  // none: another kernel runs the step
    Desc source, weights, destination, scratchpad;
    std::vector<Reorder> reorders;
    std::string implementation;  // the library's name for its kernel, "jit:avx2"
    bool adapted = false;        // a convolution that reads another format than the value's, or images in a frame of zeros
};

// Whether an implementation is the library's plain C++ loop, a hundred times slower than its other kernels.
bool is_plain_loop(std::string_view implementation);

// The primitive of step `index` (not of a pointwise one) for `images` images, which reads a value of format `value`. A residual is what the
// destination holds before. All primitives take a scratchpad from the caller, so that several threads may run one at once. Create them with
// one OpenMP thread: that number is built in. A linear layer is a 1x1 convolution over one image whose pixels are the batch: oneDNN's inner
// product needs its own GEMM, which cannot run beside LibTorch's (see pass_over_gemm() in the source). The library's kernels do not
// take all shapes: where needed a convolution reads a copy in a format of the library's choice or in a frame of zeros, its channels are
// filled up with zeros (which lie in a value's format anyway), and groups that are narrower than the kernels are joined. `weights` tells
// what weights it takes then.
Primitive make_primitive(const Setting& setting, const Plan& plan, std::size_t index, std::int64_t images, const Desc& value);

}  // namespace orograph::evaluate::onednn
