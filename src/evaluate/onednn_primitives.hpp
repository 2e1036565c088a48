#pragma once

#include "plan.hpp"

#include <oneapi/dnnl/dnnl.hpp>

#include <optional>

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

struct Reorder {
    dnnl::reorder primitive;
    Desc to, scratchpad;
};

// The reorder of a tensor from one format to another, where they differ.
std::optional<Reorder> reorder_if_different(const Desc& from, const Desc& to, const dnnl::engine& engine);

// One step of the plan: what it runs and the formats of what it reads and writes.
struct Primitive {
    dnnl::primitive primitive;
    Desc source, weights, destination, scratchpad;
    std::optional<Reorder> reorder;  // of the source value, where its format differs
};

// The primitive of `step`, which reads a value of format `value` if it can, without its reorder. residual: the format of the value it adds
// to; the result then takes that value's place. All primitives take a scratchpad from the caller, so that several threads may run one at
// once. Create them with one OpenMP thread: that number is built in.
Primitive make_primitive(const Plan& plan, const Step& step, const Desc& value, const std::optional<Desc>& residual,
                         const dnnl::engine& engine);

}  // namespace orograph::evaluate::onednn
