#pragma once

#include "winograd.hpp"

// The Winograd kernels over an instruction set `Isa`: vector type V of `lanes` floats with load, store, stream (a store past the
// caches, to a multiple of a vector's size; fence() ends them), broadcast, zero, add, sub, mul, max, fma(a, b, c) = ab + c and
// fnma(a, b, c) = c - ab, and `rows`, the height of the register tile (2 * rows + 3 registers are needed).
// `Storage` says in which numbers activations lie (Value: load, store) and transformed patches and filters (Factor), and how these are
// multiplied: `depth` input channels at a time. Factors is a vector of `lanes` groups of `depth` factors; load() takes it from memory,
// broadcast() makes it of one group; dot() adds the products of each group to a vector of sums; put() and stream() round a vector of floats
// to `lanes` factors. Included once in a source file that is compiled for that instruction set; all of it has internal linkage, so that no
// other file's code runs on instructions that the CPU may lack. For the same reason it uses nothing of the standard library.
namespace orograph::evaluate {
namespace {

// The interpolation points are 0, +-a, +-b and infinity. Of the pairs tried these round least, half as much as 1 and 2 (bench/README.md),
// and they and their powers are exact in float32.
constexpr double point_a = 0.625, point_b = 1.5;
constexpr int points = 36;  // products a tile, 6 x 6

// All numbers are float32.
template <class Isa>
struct SingleStorage {
    using V = typename Isa::V;
    using Value = float;
    using Factor = float;
    using Factors = V;
    using Real = double;
    static constexpr int depth = 1;
    static V load_values(const Value* from) { return Isa::load(from); }
    static void store_values(Value* to, V values) { Isa::store(to, values); }
    static void put(Factor* to, V values) { Isa::store(to, values); }
    static void stream(Factor* to, V values) { Isa::stream(to, values); }
    static Factors load(const Factor* from) { return Isa::load(from); }
    static Factors broadcast(const Factor* from) { return Isa::broadcast(*from); }
    static V dot(Factors a, Factors b, V sums) { return Isa::fma(a, b, sums); }
};

template <class Isa, class Storage>
class WinogradKernel {
public:
    using V = typename Isa::V;
    using Value = typename Storage::Value;
    using Factor = typename Storage::Factor;
    using Real = typename Storage::Real;
    static constexpr int lanes = Isa::lanes;
    static constexpr int rows = Isa::rows;
    static constexpr int depth = Storage::depth;
    static constexpr std::int64_t line_bytes = 64;  // of a cache

    static std::int64_t weight_bytes(const WinogradShape& shape) { return points * shape.inputs * shape.outputs * sizeof(Factor); }

    static std::int64_t scratch_bytes(const WinogradShape& shape) {
        return points * (patch_stride(shape) * sizeof(Factor) + product_stride(shape) * sizeof(float));
    }

    // Weights that no cache keeps until they are used go past the caches.
    static void pack(const WinogradShape& shape, const float* filters, std::int64_t first, std::int64_t last, void* packed) {
        constexpr std::int64_t cached_bytes = 4 << 20;
        auto* const to = static_cast<Factor*>(packed);
        const bool aligned = reinterpret_cast<std::uintptr_t>(packed) % sizeof(V) == 0;
        if (!aligned || weight_bytes(shape) <= cached_bytes) return pack_panels<false>(shape, filters, first, last, to);
        pack_panels<true>(shape, filters, first, last, to);
        Isa::fence();
    }

    static bool run(const WinogradShape& shape, const WinogradCall& call) {
        auto* const patches = static_cast<Factor*>(call.scratch);
        auto* const products = reinterpret_cast<float*>(patches + points * patch_stride(shape));
        const std::int64_t all = shape.images * tiles_down(shape) * tiles_across(shape);
        V check = Isa::zero();
        for (std::int64_t first = 0; first < all; first += shape.tiles) {
            const std::int64_t count = all - first < shape.tiles ? all - first : shape.tiles;
            for (std::int64_t tile = 0; tile < count; ++tile)
                transform_patch(shape, call, place_of(shape, first + tile), patches + tile * shape.inputs);
            for (std::int64_t output = 0; output < shape.outputs;) {
                const std::int64_t width = panel_width(shape, output);
                const Factor* const panel = static_cast<const Factor*>(call.weights) + output * points * shape.inputs;
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
    static std::int64_t patch_stride(const WinogradShape& shape) { return shape.tiles * shape.inputs + line_bytes / sizeof(Factor); }
    static std::int64_t product_stride(const WinogradShape& shape) { return shape.tiles * 2 * lanes + line_bytes / sizeof(float); }

    // Output channels are computed in panels of two vectors, the last one perhaps of one.
    static std::int64_t panel_width(const WinogradShape& shape, std::int64_t output) {
        return shape.outputs - output >= 2 * lanes ? 2 * lanes : lanes;
    }

    static Place place_of(const WinogradShape& shape, std::int64_t tile) {
        const std::int64_t across = tiles_across(shape), down = tiles_down(shape);
        return {tile / (across * down), tile / across % down * 4, tile % across * 4};
    }

    // Of the first group of channels at a pixel, in elements.
    static std::int64_t offset(const WinogradShape& shape, std::int64_t image, std::int64_t channels, std::int64_t row,
                               std::int64_t column) {
        return image * channels * shape.height * shape.width + (row * shape.width + column) * lanes;
    }

    template <bool Streamed>
    static void pack_panels(const WinogradShape& shape, const float* filters, std::int64_t first, std::int64_t last, Factor* packed) {
        for (std::int64_t output = first; output < last;) {
            const std::int64_t width = panel_width(shape, output);
            const float* const from = filters + (output - first) * shape.inputs * 9;
            Factor* const panel = packed + output * points * shape.inputs;
            for (std::int64_t input = 0; input < shape.inputs; input += depth)
                if (width == lanes)
                    pack_filters<lanes, Streamed>(shape, from, input, panel);
                else
                    pack_filters<2 * lanes, Streamed>(shape, from, input, panel);
            output += width;
        }
    }

    // G g G^T of `Width` filters with the same `depth` input channels, into packed[point][input / depth][output][input % depth].
    template <int Width, bool Streamed>
    static void pack_filters(const WinogradShape& shape, const float* filters, std::int64_t input, Factor* packed) {
        constexpr int count = Width * depth;
        Real g[3][3][count], half[6][3][count], full[6][count];
        const float* filter = filters + input * 9;
        for (int k = 0; k < count; k += depth, filter += shape.inputs * 9)
            for (int d = 0; d < depth; ++d)
                for (int i = 0; i < 9; ++i) g[i / 3][i % 3][k + d] = filter[d * 9 + i];
        for (int j = 0; j < 3; ++j) transform_filter<count>(g[0][j], g[1][j], g[2][j], &half[0][j], 3);
        for (int i = 0; i < 6; ++i) {
            transform_filter<count>(half[i][0], half[i][1], half[i][2], &full[0], 1);
            for (int j = 0; j < 6; ++j) store_rounded<count, Streamed>(full[j], packed + ((i * 6 + j) * shape.inputs + input) * Width);
        }
    }

    template <int count, bool Streamed>
    static void store_rounded(const Real (&values)[count], Factor* to) {
        float rounded[count];
        for (int k = 0; k < count; ++k) rounded[k] = static_cast<float>(values[k]);
        for (int k = 0; k < count; k += lanes) {
            const V vector = Isa::load(rounded + k);
            if constexpr (Streamed)
                Storage::stream(to + k, vector);
            else
                Storage::put(to + k, vector);
        }
    }

    // out[i * step] = row i of G times (g0, g1, g2).
    template <int Width>
    static void transform_filter(const Real (&g0)[Width], const Real (&g1)[Width], const Real (&g2)[Width], Real (*out)[Width],
                                 int step) {
        constexpr Real a = point_a, b = point_b, a2 = a * a, b2 = b * b;
        constexpr Real at_0 = 1 / (a2 * b2), at_a = 1 / (2 * a2 * (a2 - b2)), at_b = 1 / (2 * b2 * (b2 - a2));
        for (int k = 0; k < Width; ++k) {
            const Real even_a = at_a * (g0[k] + a2 * g2[k]), odd_a = at_a * a * g1[k];
            const Real even_b = at_b * (g0[k] + b2 * g2[k]), odd_b = at_b * b * g1[k];
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
        const Value* first;  // its element in column -1 of the tile
        std::int64_t pixel, group;
    };

    // B^T d B of the 6x6 patch around a tile, all input channels, into patches[point][channel].
    static void transform_patch(const WinogradShape& shape, const WinogradCall& call, const Place& place, Factor* patches) {
        alignas(64) static const Value zeros[lanes] = {};
        const auto* const source = static_cast<const Value*>(call.source);
        const std::int64_t group = shape.height * shape.width * lanes;
        PatchRow patch[6];
        for (int i = 0; i < 6; ++i) {
            const std::int64_t row = place.row - 1 + i;
            const bool inside = 0 <= row && row < shape.height;
            patch[i] = inside ? PatchRow{source + offset(shape, place.image, shape.inputs, row, place.column - 1), lanes, group}
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
    static void transform_group(const PatchRow (&patch)[6], std::int64_t group, int begin, int end, Factor* out, std::int64_t stride) {
        V half[6][6];  // [row of the result][column of the patch]
        for (int j = 0; j < 6; ++j) {
            V column[6], result[6];
            if (whole || (begin <= j && j < end)) {
                for (int i = 0; i < 6; ++i) column[i] = Storage::load_values(patch[i].first + group * patch[i].group + j * patch[i].pixel);
                transform_input(column, result);
            } else {
                for (int i = 0; i < 6; ++i) result[i] = Isa::zero();
            }
            for (int i = 0; i < 6; ++i) half[i][j] = result[i];
        }
        for (int i = 0; i < 6; ++i) {
            V result[6];
            transform_input(half[i], result);
            for (int j = 0; j < 6; ++j) Storage::put(out + (i * 6 + j) * stride, result[j]);
        }
    }

    // products[point] = patches[point] x panel[point] for the first `count` tiles.
    template <int vectors>
    static void multiply_panel(const WinogradShape& shape, std::int64_t count, const Factor* patches, const Factor* panel,
                               float* products) {
        for (int point = 0; point < points; ++point) {
            const Factor* a = patches + point * patch_stride(shape);
            const Factor* b = panel + point * shape.inputs * vectors * lanes;
            float* c = products + point * product_stride(shape);
            std::int64_t tile = 0;
            for (; tile + rows <= count; tile += rows)
                multiply<rows, vectors>(a + tile * shape.inputs, b, shape.inputs, c + tile * 2 * lanes);
            multiply_rest<rows - 1, vectors>(count - tile, a + tile * shape.inputs, b, shape.inputs, c + tile * 2 * lanes);
        }
    }

    template <int most, int vectors>
    static void multiply_rest(std::int64_t count, const Factor* a, const Factor* b, std::int64_t inputs, float* c) {
        if constexpr (most > 0) {
            if (count == most)
                multiply<most, vectors>(a, b, inputs, c);
            else
                multiply_rest<most - 1, vectors>(count, a, b, inputs, c);
        }
    }

    // c[height, vectors * lanes] = a[height, inputs] b[inputs, vectors * lanes], sums in the order of the inputs.
    template <int height, int vectors>
    static void multiply(const Factor* a, const Factor* b, std::int64_t inputs, float* c) {
        V sums[height][vectors];
#pragma GCC unroll 32
        for (int i = 0; i < height; ++i)
#pragma GCC unroll 2
            for (int j = 0; j < vectors; ++j) sums[i][j] = Isa::zero();
        for (std::int64_t k = 0; k < inputs; k += depth) {
            typename Storage::Factors row[vectors];
#pragma GCC unroll 2
            for (int j = 0; j < vectors; ++j) row[j] = Storage::load(b + (k * vectors + j * depth) * lanes);
#pragma GCC unroll 32
            for (int i = 0; i < height; ++i) {
                const auto factors = Storage::broadcast(a + i * inputs + k);
#pragma GCC unroll 2
                for (int j = 0; j < vectors; ++j) sums[i][j] = Storage::dot(factors, row[j], sums[i][j]);
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
            Value* const to = static_cast<Value*>(call.destination) + output * shape.height * shape.width +
                              offset(shape, place.image, shape.outputs, place.row + i, place.column);
            for (int j = 0; j < across; ++j) check = finish(call, to + j * lanes, Isa::add(result[j], bias), check);
        }
        return check;
    }

    static V finish(const WinogradCall& call, Value* to, V value, V check) {
        if (call.accumulate) value = Isa::add(value, Storage::load_values(to));
        check = Isa::fma(value, Isa::zero(), check);
        if (call.relu) value = Isa::max(value, Isa::zero());
        Storage::store_values(to, value);
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

template <class Isa, class Storage = SingleStorage<Isa>>
constexpr WinogradKernels kernels_of() {
    using Kernel = WinogradKernel<Isa, Storage>;
    return {Isa::lanes, Isa::rows, Kernel::weight_bytes, Kernel::scratch_bytes, Kernel::pack, 2 * Isa::lanes, Kernel::run};
}

}  // namespace
}  // namespace orograph::evaluate
