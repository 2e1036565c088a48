#include "precision.hpp"

#include "orograph/core/error.hpp"
#include "orograph/gpu/device.hpp"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>

#include <algorithm>
#include <array>

namespace orograph::evaluate {

namespace {

// Each has the ones before it.
constexpr std::array<std::string_view, 4> instruction_sets{"sse41", "avx2", "avx512", "avx512_bf16"};

void check_instruction_set(const Options& options, std::string_view cpu) {
    const std::string& wanted = options.instruction_set;
    if (wanted.empty()) return;
    OROGRAPH_VALIDATE(wanted == "avx2" || wanted == "avx512", ExitCode::config, "evaluate.instruction_set: there is no choice '", wanted,
                      "' (known: auto, avx2, avx512)");
    OROGRAPH_VALIDATE(has_instruction_set(cpu, wanted), ExitCode::unavailable, "evaluate.instruction_set is ", wanted,
                      ", but this CPU has ", cpu, "; use evaluate.instruction_set: auto, or a machine with ", wanted);
}

void check_precision(const Options& options, std::string_view cpu) {
    if (options.precision == Precision::fp32 || options.device.is_cuda()) return;
    OROGRAPH_VALIDATE(options.precision != Precision::tf32, ExitCode::unavailable,
                      "evaluate.precision is tf32, which only GPUs compute, and this rank has the CPU; use evaluate.precision: fp32",
                      gpu::device_count() > 0 ? ", or run.device: cuda" : "");
    if (options.kind == Kind::reference) return;
    OROGRAPH_VALIDATE(options.instruction_set.empty(), ExitCode::config,
                      "evaluate.precision: bf16 needs the instruction set avx512_bf16, which evaluate.instruction_set: ",
                      options.instruction_set, " leaves out; use evaluate.precision: fp32, or evaluate.instruction_set: auto");
    OROGRAPH_VALIDATE(has_instruction_set(cpu, "avx512_bf16"), ExitCode::unavailable,
                      "evaluate.precision is bf16, which the compiled evaluator computes with avx512_bf16, but this CPU has ", cpu,
                      "; use evaluate.precision: fp32, or evaluate.evaluator: reference (slow)");
}

// Options that the evaluator asked for does not know.
void check_idle(const Options& options) {
    if (options.kind == Kind::compiled && options.device.is_cpu()) return;
    const std::string idle = !options.instruction_set.empty()                ? "evaluate.instruction_set"
                             : options.convolution != Convolution::automatic ? "evaluate.convolution"
                                                                             : "";
    OROGRAPH_VALIDATE(idle.empty(), ExitCode::config, idle, " is for evaluate.evaluator: compiled on a CPU, and this job has ",
                      options.kind == Kind::compiled ? "compiled" : "reference", " on ", options.device.str(), "; set ", idle, ": auto");
}

}  // namespace

bool has_instruction_set(std::string_view own, std::string_view wanted) {
    const auto place = std::ranges::find(instruction_sets, own);
    if (place == instruction_sets.end()) return own == wanted;
    return std::find(instruction_sets.begin(), place + 1, wanted) != place + 1;
}

const char* to_string(Precision precision) {
    switch (precision) {
        case Precision::tf32:
            return "tf32";
        case Precision::bf16:
            return "bf16";
        case Precision::fp32:
            break;
    }
    return "fp32";
}

void check_arithmetic(const Options& options, std::string_view cpu) {
    check_idle(options);
    check_instruction_set(options, cpu);
    check_precision(options, cpu);
}

void set_cuda_products(at::Float32Precision precision) {
    auto& context = at::globalContext();
    context.setFloat32Precision(at::Float32Backend::CUDA, at::Float32Op::CONV, precision);
    context.setFloat32Precision(at::Float32Backend::CUDA, at::Float32Op::MATMUL, precision);
}

LibTorchPrecision::LibTorchPrecision(Precision precision, at::DeviceType device)
    : precision_(precision),
      device_(device),
      autocast_before_(at::autocast::is_autocast_enabled(device)),
      type_before_(at::autocast::get_autocast_dtype(device)) {
    if (precision == Precision::bf16) {
        at::autocast::set_autocast_dtype(device, at::kBFloat16);
        at::autocast::set_autocast_enabled(device, true);
    } else if (precision == Precision::tf32) {
        set_cuda_products(at::Float32Precision::TF32);
    }
}

LibTorchPrecision::~LibTorchPrecision() {
    if (precision_ == Precision::bf16) {
        at::autocast::set_autocast_enabled(device_, autocast_before_);
        at::autocast::set_autocast_dtype(device_, type_before_);
    } else if (precision_ == Precision::tf32) {
        set_cuda_products(at::Float32Precision::IEEE);
    }
}

}  // namespace orograph::evaluate
