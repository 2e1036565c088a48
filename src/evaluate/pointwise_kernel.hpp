#pragma once

#include "channel_sums_kernel.hpp"
#include "pointwise.hpp"

// The pointwise kernel for `lanes` channels at a time. Included once in a source file that is compiled for an instruction set; all of it
// has internal linkage, so that no other file's code runs on instructions that the CPU may lack. For the same reason it uses nothing of the
// standard library.
namespace orograph::evaluate {
namespace {

// Vectors of the compiler's own; it ignores a size that depends on a template's argument.
template <int lanes>
struct Vectors;

template <>
struct Vectors<8> {
    typedef float V __attribute__((vector_size(32)));
    typedef std::uint32_t Bits __attribute__((vector_size(32)));
    typedef std::uint16_t Halves __attribute__((vector_size(16)));
};

template <>
struct Vectors<16> {
    typedef float V __attribute__((vector_size(64)));
    typedef std::uint32_t Bits __attribute__((vector_size(64)));
    typedef std::uint16_t Halves __attribute__((vector_size(32)));
};

struct Float32 {
    using Stored = float;
    static constexpr bool halves = false;
};

struct BFloat16 {
    using Stored = std::uint16_t;
    static constexpr bool halves = true;
};

template <int lanes, class Element>
class PointwiseLoop {
    using V = typename Vectors<lanes>::V;
    using Bits = typename Vectors<lanes>::Bits;
    using Halves = typename Vectors<lanes>::Halves;
    using Stored = typename Element::Stored;

public:
    static bool run(const PointwiseCall& call) {
        Bits carry = {};
        for (std::int64_t image = 0; image < call.images; ++image) run_image(call, image, carry);
        for (int lane = 0; lane < lanes; ++lane)
            if ((carry[lane] & 0x80000000U) != 0) return false;
        return true;
    }

private:
    // Of one channel or of `lanes`: where they begin, pixels `lanes` elements apart.
    struct Place {
        const Stored* source;
        const Stored* residual;
        Stored* destination;
        std::int64_t channel;
    };

    static void run_image(const PointwiseCall& call, std::int64_t image, Bits& carry) {
        std::int64_t channel = 0;
        for (int i = 0; i < call.part_count; ++i) {
            const PointwisePart& part = call.parts[i];
            for (std::int64_t k = 0; k < part.channels;) {
                const bool together = k % lanes == 0 && channel % lanes == 0 && part.channels - k >= lanes;
                const Place place = place_of(call, part, image, k, channel);
                if (together)
                    run_group(call, place, carry);
                else
                    run_channel(call, place, carry);
                k += together ? lanes : 1;
                channel += together ? lanes : 1;
            }
        }
        for (; channel < call.stride / call.pixels; ++channel) clear(call, image, channel);
    }

    static std::int64_t offset(const PointwiseCall& call, std::int64_t channel) {
        return channel / lanes * call.pixels * lanes + channel % lanes;
    }

    static Place place_of(const PointwiseCall& call, const PointwisePart& part, std::int64_t image, std::int64_t k, std::int64_t channel) {
        const std::int64_t at = offset(call, channel);
        const auto* residual = static_cast<const Stored*>(call.residual);
        return {static_cast<const Stored*>(part.data) + image * part.stride + offset(call, k),
                residual ? residual + image * call.residual_stride + at : nullptr,
                static_cast<Stored*>(call.destination) + image * call.stride + at, channel};
    }

    static void run_group(const PointwiseCall& call, const Place& place, Bits& carry) {
        V scale = {}, shift = {};
        if (call.scale) {
            __builtin_memcpy(&scale, call.scale + place.channel, sizeof(V));
            __builtin_memcpy(&shift, call.shift + place.channel, sizeof(V));
        }
        Bits seen = carry;
        for (std::int64_t i = 0; i < call.pixels * lanes; i += lanes) {
            V value = load(place.source + i);
            if (call.scale) value = value * scale + shift;
            if (place.residual) value = value + load(place.residual + i);
            seen |= overflow(value);
            if (call.relu) value = value < 0 ? V{} : value;
            store(place.destination + i, value);
        }
        carry = seen;
    }

    static void run_channel(const PointwiseCall& call, const Place& place, Bits& carry) {
        for (std::int64_t i = 0; i < call.pixels * lanes; i += lanes) {
            V value = {};
            value[0] = load_one(place.source[i]);
            if (call.scale) value[0] = value[0] * call.scale[place.channel] + call.shift[place.channel];
            if (place.residual) value[0] = value[0] + load_one(place.residual[i]);
            carry |= overflow(value);
            if (call.relu && value[0] < 0) value[0] = 0;
            store_one(place.destination[i], value);
        }
    }

    static void clear(const PointwiseCall& call, std::int64_t image, std::int64_t channel) {
        auto* const first = static_cast<Stored*>(call.destination) + image * call.stride + offset(call, channel);
        for (std::int64_t i = 0; i < call.pixels * lanes; i += lanes) first[i] = 0;
    }

    // The sign bit is set where a value is infinite or NaN: adding one to an exponent of all ones carries into it.
    static Bits overflow(const V& value) { return ((Bits)value & 0x7fffffffU) + 0x00800000U; }

    static V load(const Stored* from) {
        V value;
        if constexpr (Element::halves) {
            Halves halves;
            __builtin_memcpy(&halves, from, sizeof halves);
            const Bits bits = __builtin_convertvector(halves, Bits) << 16;
            __builtin_memcpy(&value, &bits, sizeof value);
        } else {
            __builtin_memcpy(&value, from, sizeof value);
        }
        return value;
    }

    static void store(Stored* to, const V& value) {
        if constexpr (Element::halves) {
            const Halves halves = rounded(value);
            __builtin_memcpy(to, &halves, sizeof halves);
        } else {
            __builtin_memcpy(to, &value, sizeof value);
        }
    }

    static float load_one(Stored from) {
        if constexpr (Element::halves) {
            const std::uint32_t bits = static_cast<std::uint32_t>(from) << 16;
            float value;
            __builtin_memcpy(&value, &bits, sizeof value);
            return value;
        } else {
            return from;
        }
    }

    static void store_one(Stored& to, const V& value) {
        if constexpr (Element::halves)
            to = rounded(value)[0];
        else
            to = value[0];
    }

    // To bfloat16, to the nearest, ties to even. NaN may become anything: its batch is given up.
    static Halves rounded(const V& value) {
        Bits bits;
        __builtin_memcpy(&bits, &value, sizeof bits);
        return __builtin_convertvector((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16, Halves);
    }
};

template <int lanes>
bool run_pointwise(const PointwiseCall& call) {
    return call.bfloat16 ? PointwiseLoop<lanes, BFloat16>::run(call) : PointwiseLoop<lanes, Float32>::run(call);
}

template <int lanes>
constexpr PointwiseKernel pointwise_kernel_of() {
    return {lanes, run_pointwise<lanes>, ChannelSumsLoop<lanes>::run};
}

}  // namespace
}  // namespace orograph::evaluate
