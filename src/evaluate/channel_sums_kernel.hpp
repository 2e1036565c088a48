#pragma once

#include "channel_sums.hpp"

// Included where pointwise_kernel.hpp is, with the same care.
namespace orograph::evaluate {
namespace {

// Half a group of channels.
template <int lanes>
struct Halves;

template <>
struct Halves<8> {
    typedef float Floats __attribute__((vector_size(16)));
    typedef double Doubles __attribute__((vector_size(32)));
};

template <>
struct Halves<16> {
    typedef float Floats __attribute__((vector_size(32)));
    typedef double Doubles __attribute__((vector_size(64)));
};

template <int lanes>
class ChannelSumsLoop {
    static constexpr int half = lanes / 2;
    using Floats = typename Halves<lanes>::Floats;
    using Doubles = typename Halves<lanes>::Doubles;

public:
    static void run(const ChannelSumsCall& call) {
        for (std::int64_t image = 0; image < call.images; ++image) {
            const float* const first = call.data + image * call.stride;
            std::int64_t channel = 0;
            for (; channel + lanes <= call.channels; channel += lanes) {
                add_half(call, first + channel * call.pixels, channel);
                add_half(call, first + channel * call.pixels + half, channel + half);
            }
            for (; channel < call.channels; ++channel)
                add_channel(call, first + channel / lanes * lanes * call.pixels + channel % lanes, channel);
        }
    }

private:
    struct Sums {
        Doubles values, squares;
    };

    static void add(const float* from, Sums& to) {
        Floats narrow;
        __builtin_memcpy(&narrow, from, sizeof narrow);
        const Doubles value = __builtin_convertvector(narrow, Doubles);
        to.values += value;
        to.squares += value * value;
    }

    static void add_half(const ChannelSumsCall& call, const float* from, std::int64_t channel) {
        Sums even = {}, odd = {};
        std::int64_t pixel = 0;
        for (; pixel + 2 <= call.pixels; pixel += 2, from += 2 * lanes) {
            add(from, even);
            add(from + lanes, odd);
        }
        if (pixel < call.pixels) add(from, even);
        for (int lane = 0; lane < half; ++lane) {
            call.sums[channel + lane] += even.values[lane] + odd.values[lane];
            call.squares[channel + lane] += even.squares[lane] + odd.squares[lane];
        }
    }

    // A group that is not full may lie without the channels that it lacks.
    static void add_channel(const ChannelSumsCall& call, const float* from, std::int64_t channel) {
        double values[2] = {}, squares[2] = {};
        for (std::int64_t pixel = 0; pixel < call.pixels; ++pixel) {
            const double value = from[pixel * lanes];
            values[pixel % 2] += value;
            squares[pixel % 2] += value * value;
        }
        call.sums[channel] += values[0] + values[1];
        call.squares[channel] += squares[0] + squares[1];
    }
};

}  // namespace
}  // namespace orograph::evaluate
