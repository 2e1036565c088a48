#pragma once

#include "winograd.hpp"

// The Winograd kernels over an instruction set `Isa`: vector type V of `lanes` floats with load, store, stream (a store past the
// caches, to a multiple of a vector's size; fence() ends them), broadcast, zero, add, sub, mul, max, fma(a, b, c) = ab + c and
// fnma(a, b, c) = c - ab, and `rows`, the height of the register tile (2 * rows + 3 registers are needed).
// Included once in a source file that is compiled for that instruction set; all of it has internal linkage, so that no other file's code
// runs on instructions that the CPU may lack. For the same reason it uses nothing of the standard library.
namespace orograph::evaluate {
namespace {

// The interpolation points are 0, +-a, +-b and infinity. Of the pairs tried these round least, half as much as 1 and 2 (bench/README.md),
// and they and their powers are exact in float32.
constexpr double point_a = 0.625, point_b = 1.5;
constexpr int points = 36;  // products a tile, 6 x 6

template <class Isa>
class WinogradKernel {
public:
    using V = typename Isa::V;
    static constexpr int lanes = Isa::lanes;
    static constexpr int rows = Isa::rows;
    static constexpr int cache_line = 16;  // floats

    static std::int64_t weight_floats(const WinogradShape& shape) { return points * shape.inputs * shape.outputs; }

    static std::int64_t scratch_floats(const WinogradShape& shape) { return points * (patch_stride(shape) + product_stride(shape)); }

    // Weights that no cache keeps until they are used go past the caches.
    static void pack(const WinogradShape& shape, const float* filters, std::int64_t first, std::int64_t last, float* packed) {
        constexpr std::int64_t cached_floats = 1 << 20;
        const bool aligned = reinterpret_cast<std::uintptr_t>(packed) % sizeof(V) == 0;
        if (!aligned || weight_floats(shape) <= cached_floats) return pack_panels<false>(shape, filters, first, last, packed);
        pack_panels<true>(shape, filters, first, last, packed);
        Isa::fence();
    }

    static bool run(const WinogradShape& shape, const WinogradCall& call) {
        float* const patches = call.scratch;
        float* const products = call.scratch + points * patch_stride(shape);
        const std::int64_t all = shape.images * tiles_down(shape) * tiles_across(shape);
        V check = Isa::zero();
        for (std::int64_t first = 0; first < all; first += shape.tiles) {
            const std::int64_t count = all - first < shape.tiles ? all - first : shape.tiles;
            for (std::int64_t tile = 0; tile < count; ++tile)
                transform_patch(shape, call, place_of(shape, first + tile), patches + tile * shape.inputs);
            for (std::int64_t output = 0; output < shape.outputs;) {
                const std::int64_t width = panel_width(shape, output);
                const float* const panel = call.weights + output * points * shape.inputs;
                if (width == lanes)
                    multiply_panel<1>(shape, count, patches, panel, products);
                else
                    multiply_panel<2>(shape, count, patches, panel, products);
                for (std::int64_t tile = 0; tile < count; ++tile)
                    for (std::int64_t group = 0; group < width / lanes; ++group)
                        check = transform_products(shape, call, place_of(shape, first + tile), output + group * lanes,
                                                   products + tile * 2 * lanes + group * lanes, check);
                output += width;
            }
        }
        return is_zero(check);
    }

private:
    // Where a tile's 4x4 results lie.
    struct Place {
        std::int64_t image, row, column;
    };

    static std::int64_t tiles_down(const WinogradShape& shape) { return (shape.height + 3) / 4; }
    static std::int64_t tiles_across(const WinogradShape& shape) { return (shape.width + 3) / 4; }

    // From one of the 36 points to the next; a cache line more than a power of two, which would put all into the same cache sets.
    static std::int64_t patch_stride(const WinogradShape& shape) { return shape.tiles * shape.inputs + cache_line; }
    static std::int64_t product_stride(const WinogradShape& shape) { return shape.tiles * 2 * lanes + cache_line; }

    // Output channels are computed in panels of two vectors, the last one perhaps of one.
    static std::int64_t panel_width(const WinogradShape& shape, std::int64_t output) {
        return shape.outputs - output >= 2 * lanes ? 2 * lanes : lanes;
    }

    static Place place_of(const WinogradShape& shape, std::int64_t tile) {
        const std::int64_t across = tiles_across(shape), down = tiles_down(shape);
        return {tile / (across * down), tile / across % down * 4, tile % across * 4};
    }

    // Of the first group of channels at a pixel.
    template <class Float>
    static Float* address(const WinogradShape& shape, Float* activations, std::int64_t image, std::int64_t channels, std::int64_t row,
                          std::int64_t column) {
        return activations + image * channels * shape.height * shape.width + (row * shape.width + column) * lanes;
    }

    template <bool Streamed>
    static void pack_panels(const WinogradShape& shape, const float* filters, std::int64_t first, std::int64_t last, float* packed) {
        for (std::int64_t output = first; output < last;) {
            const std::int64_t width = panel_width(shape, output);
            const float* const from = filters + (output - first) * shape.inputs * 9;
            float* const panel = packed + output * points * shape.inputs;
            for (std::int64_t input = 0; input < shape.inputs; ++input)
                if (width == lanes)
                    pack_filters<lanes, Streamed>(shape, from, input, panel);
                else
                    pack_filters<2 * lanes, Streamed>(shape, from, input, panel);
            output += width;
        }
    }

    // G g G^T of `Width` filters with the same input channel, into packed[point][input][output].
    template <int Width, bool Streamed>
    static void pack_filters(const WinogradShape& shape, const float* filters, std::int64_t input, float* packed) {
        double g[3][3][Width], half[6][3][Width], full[6][Width];
        for (int k = 0; k < Width; ++k) {
            const float* const filter = filters + (k * shape.inputs + input) * 9;
            for (int i = 0; i < 9; ++i) g[i / 3][i % 3][k] = filter[i];
        }
        for (int j = 0; j < 3; ++j) transform_filter<Width>(g[0][j], g[1][j], g[2][j], &half[0][j], 3);
        for (int i = 0; i < 6; ++i) {
            transform_filter<Width>(half[i][0], half[i][1], half[i][2], &full[0], 1);
            for (int j = 0; j < 6; ++j) store_rounded<Width, Streamed>(full[j], packed + ((i * 6 + j) * shape.inputs + input) * Width);
        }
    }

    template <int Width, bool Streamed>
    static void store_rounded(const double (&values)[Width], float* to) {
        float rounded[Width];
        for (int k = 0; k < Width; ++k) rounded[k] = static_cast<float>(values[k]);
        for (int k = 0; k < Width; k += lanes) {
            const V vector = Isa::load(rounded + k);
            if constexpr (Streamed)
                Isa::stream(to + k, vector);
            else
                Isa::store(to + k, vector);
        }
    }

    // out[i * step] = row i of G times (g0, g1, g2).
    template <int Width>
    static void transform_filter(const double (&g0)[Width], const double (&g1)[Width], const double (&g2)[Width], double (*out)[Width],
                                 int step) {
        constexpr double a = point_a, b = point_b, a2 = a * a, b2 = b * b;
        constexpr double at_0 = 1 / (a2 * b2), at_a = 1 / (2 * a2 * (a2 - b2)), at_b = 1 / (2 * b2 * (b2 - a2));
        for (int k = 0; k < Width; ++k) {
            const double even_a = at_a * (g0[k] + a2 * g2[k]), odd_a = at_a * a * g1[k];
            const double even_b = at_b * (g0[k] + b2 * g2[k]), odd_b = at_b * b * g1[k];
            out[0 * step][k] = at_0 * g0[k];
            out[1 * step][k] = even_a + odd_a;
            out[2 * step][k] = even_a - odd_a;
            out[3 * step][k] = even_b + odd_b;
            out[4 * step][k] = even_b - odd_b;
            out[5 * step][k] = g2[k];
        }
    }

    // B^T d: six vectors to six.
    static void transform_input(const V (&d)[6], V (&out)[6]) {
        constexpr float a = point_a, b = point_b, a2 = a * a, b2 = b * b;
        const V even_a = Isa::fnma(Isa::broadcast(b2), d[2], d[4]), odd_a = Isa::fnma(Isa::broadcast(b2), d[1], d[3]);
        const V even_b = Isa::fnma(Isa::broadcast(a2), d[2], d[4]), odd_b = Isa::fnma(Isa::broadcast(a2), d[1], d[3]);
        out[0] = Isa::fma(Isa::broadcast(a2 * b2), d[0], Isa::fnma(Isa::broadcast(a2 + b2), d[2], d[4]));
        out[1] = Isa::fma(Isa::broadcast(a), odd_a, even_a);
        out[2] = Isa::fnma(Isa::broadcast(a), odd_a, even_a);
        out[3] = Isa::fma(Isa::broadcast(b), odd_b, even_b);
        out[4] = Isa::fnma(Isa::broadcast(b), odd_b, even_b);
        out[5] = Isa::fma(Isa::broadcast(a2 * b2), d[1], Isa::fnma(Isa::broadcast(a2 + b2), d[3], d[5]));
    }

    // A^T m: six vectors to four.
    static void transform_output(const V (&m)[6], V (&out)[4]) {
        constexpr float a = point_a, b = point_b;
        const V even_a = Isa::add(m[1], m[2]), odd_a = Isa::sub(m[1], m[2]);
        const V even_b = Isa::add(m[3], m[4]), odd_b = Isa::sub(m[3], m[4]);
        out[0] = Isa::add(m[0], Isa::add(even_a, even_b));
        out[1] = Isa::fma(Isa::broadcast(a), odd_a, Isa::mul(Isa::broadcast(b), odd_b));
        out[2] = Isa::fma(Isa::broadcast(a * a), even_a, Isa::mul(Isa::broadcast(b * b), even_b));
        out[3] = Isa::fma(Isa::broadcast(a * a * a), odd_a, Isa::fma(Isa::broadcast(b * b * b), odd_b, m[5]));
    }

    // One row of a patch: zeros where it lies outside of the image.
    struct PatchRow {
        const float* first;  // its element in column -1 of the tile
        std::int64_t pixel, group;
    };

    // B^T d B of the 6x6 patch around a tile, all input channels, into patches[point][channel].
    static void transform_patch(const WinogradShape& shape, const WinogradCall& call, const Place& place, float* patches) {
        alignas(64) static const float zeros[lanes] = {};
        const std::int64_t group = shape.height * shape.width * lanes;
        PatchRow patch[6];
        for (int i = 0; i < 6; ++i) {
            const std::int64_t row = place.row - 1 + i;
            const bool inside = 0 <= row && row < shape.height;
            patch[i] = inside ? PatchRow{address(shape, call.source, place.image, shape.inputs, row, place.column - 1), lanes, group}
                              : PatchRow{zeros, 0, 0};
        }
        const int begin = place.column == 0 ? 1 : 0;
        const int end = shape.width - place.column + 1 < 6 ? static_cast<int>(shape.width - place.column + 1) : 6;
        const std::int64_t stride = patch_stride(shape);
        for (std::int64_t k = 0; k < shape.inputs / lanes; ++k) {
            if (begin == 0 && end == 6)
                transform_group<true>(patch, k, 0, 6, patches + k * lanes, stride);
            else
                transform_group<false>(patch, k, begin, end, patches + k * lanes, stride);
        }
    }

    template <bool whole>
    static void transform_group(const PatchRow (&patch)[6], std::int64_t group, int begin, int end, float* out, std::int64_t stride) {
        V half[6][6];  // [row of the result][column of the patch]
        for (int j = 0; j < 6; ++j) {
            V column[6], result[6];
            if (whole || (begin <= j && j < end)) {
                for (int i = 0; i < 6; ++i) column[i] = Isa::load(patch[i].first + group * patch[i].group + j * patch[i].pixel);
                transform_input(column, result);
            } else {
                for (int i = 0; i < 6; ++i) result[i] = Isa::zero();
            }
            for (int i = 0; i < 6; ++i) half[i][j] = result[i];
        }
        for (int i = 0; i < 6; ++i) {
            V result[6];
            transform_input(half[i], result);
            for (int j = 0; j < 6; ++j) Isa::store(out + (i * 6 + j) * stride, result[j]);
        }
    }

    // products[point] = patches[point] x panel[point] for the first `count` tiles.
    template <int vectors>
    static void multiply_panel(const WinogradShape& shape, std::int64_t count, const float* patches, const float* panel, float* products) {
        for (int point = 0; point < points; ++point) {
            const float* a = patches + point * patch_stride(shape);
            const float* b = panel + point * shape.inputs * vectors * lanes;
            float* c = products + point * product_stride(shape);
            std::int64_t tile = 0;
            for (; tile + rows <= count; tile += rows)
                multiply<rows, vectors>(a + tile * shape.inputs, b, shape.inputs, c + tile * 2 * lanes);
            multiply_rest<rows - 1, vectors>(count - tile, a + tile * shape.inputs, b, shape.inputs, c + tile * 2 * lanes);
        }
    }

    template <int most, int vectors>
    static void multiply_rest(std::int64_t count, const float* a, const float* b, std::int64_t depth, float* c) {
        if constexpr (most > 0) {
            if (count == most)
                multiply<most, vectors>(a, b, depth, c);
            else
                multiply_rest<most - 1, vectors>(count, a, b, depth, c);
        }
    }

    // c[height, vectors * lanes] = a[height, depth] b[depth, vectors * lanes], sums in the order of depth.
    template <int height, int vectors>
    static void multiply(const float* a, const float* b, std::int64_t depth, float* c) {
        V sums[height][vectors];
#pragma GCC unroll 32
        for (int i = 0; i < height; ++i)
#pragma GCC unroll 2
            for (int j = 0; j < vectors; ++j) sums[i][j] = Isa::zero();
        for (std::int64_t k = 0; k < depth; ++k) {
            V row[vectors];
#pragma GCC unroll 2
            for (int j = 0; j < vectors; ++j) row[j] = Isa::load(b + (k * vectors + j) * lanes);
#pragma GCC unroll 32
            for (int i = 0; i < height; ++i) {
                const V value = Isa::broadcast(a[i * depth + k]);
#pragma GCC unroll 2
                for (int j = 0; j < vectors; ++j) sums[i][j] = Isa::fma(value, row[j], sums[i][j]);
            }
        }
#pragma GCC unroll 32
        for (int i = 0; i < height; ++i)
#pragma GCC unroll 2
            for (int j = 0; j < vectors; ++j) Isa::store(c + (i * 2 + j) * lanes, sums[i][j]);
    }

    // The 4x4 results of one tile and one group of output channels from products[point]. Returns `check`, made NaN where one is not finite.
    static V transform_products(const WinogradShape& shape, const WinogradCall& call, const Place& place, std::int64_t output,
                                const float* products, V check) {
        const std::int64_t stride = product_stride(shape);
        V half[4][6];  // [row of the result][column of the products]
        for (int j = 0; j < 6; ++j) {
            V column[6], result[4];
            for (int i = 0; i < 6; ++i) column[i] = Isa::load(products + (i * 6 + j) * stride);
            transform_output(column, result);
            for (int i = 0; i < 4; ++i) half[i][j] = result[i];
        }
        const V bias = Isa::load(call.bias + output);
        const std::int64_t down = shape.height - place.row < 4 ? shape.height - place.row : 4;
        const std::int64_t across = shape.width - place.column < 4 ? shape.width - place.column : 4;
        for (int i = 0; i < down; ++i) {
            V result[4];
            transform_output(half[i], result);
            float* const to = address(shape, call.destination, place.image, shape.outputs, place.row + i, place.column) +
                              output * shape.height * shape.width;
            for (int j = 0; j < across; ++j) check = finish(call, to + j * lanes, Isa::add(result[j], bias), check);
        }
        return check;
    }

    static V finish(const WinogradCall& call, float* to, V value, V check) {
        if (call.accumulate) value = Isa::add(value, Isa::load(to));
        check = Isa::fma(value, Isa::zero(), check);
        if (call.relu) value = Isa::max(value, Isa::zero());
        Isa::store(to, value);
        return check;
    }

    static bool is_zero(V check) {
        float values[lanes];
        Isa::store(values, check);
        bool zero = true;
        for (const float value : values) zero = zero && value == 0;
        return zero;
    }
};

template <class Isa>
constexpr WinogradKernels kernels_of() {
    using Kernel = WinogradKernel<Isa>;
    return {Isa::lanes, Isa::rows, Kernel::weight_floats, Kernel::scratch_floats, Kernel::pack, 2 * Isa::lanes, Kernel::run};
}

}  // namespace
}  // namespace orograph::evaluate
