#include "synthetic_layers.hpp"

#include "orograph/gpu/device.hpp"
#include "orograph/gpu/losses.hpp"
#include "orograph/gpu/magnitude.hpp"
#include "orograph/gpu/perturb.hpp"
#include "orograph/gpu/pointwise.hpp"

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <memory>
#include <vector>

namespace orograph::gpu {

namespace {

// A copy of host values on the device.
template <class T>
class DeviceArray {
public:
    explicit DeviceArray(const std::vector<T>& values) : count_(values.size()) {
        EXPECT_EQ(cudaMalloc(&data_, count_ * sizeof(T)), cudaSuccess);
        EXPECT_EQ(cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice), cudaSuccess);
    }
    ~DeviceArray() { cudaFree(data_); }
    DeviceArray(const DeviceArray&) = delete;
    DeviceArray& operator=(const DeviceArray&) = delete;

    T* get() const { return static_cast<T*>(data_); }
    std::vector<T> fetch() const {
        std::vector<T> values(count_);
        EXPECT_EQ(cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost), cudaSuccess);
        return values;
    }

private:
    std::size_t count_;
    void* data_ = nullptr;
};

class CudaKernels : public testing::Test {
protected:
    void SetUp() override {
        if (device_count() == 0) GTEST_SKIP() << "no CUDA device: the kernels are compiled and linked, but not run";
    }

    static std::vector<std::uint16_t> upper_halves(const std::vector<float>& values) {
        std::vector<std::uint16_t> halves;
        for (const float value : values) halves.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16));
        return halves;
    }

    struct Join {
        bool scaled = false, shifted = false, added = false, relu = false;
    };

    // scale, shift and residual in `more`; in float32 and in bfloat16.
    static void expect_joined(const std::vector<std::vector<float>>& parts, std::int64_t rows, std::int64_t columns, const Join& join,
                              const std::vector<std::vector<float>>& more) {
        expect_joined_of(parts, more[2], Element::float32, rows, columns, join, more);
        std::vector<std::vector<std::uint16_t>> halves;
        for (const auto& part : parts) halves.push_back(upper_halves(part));
        expect_joined_of(halves, upper_halves(more[2]), Element::bfloat16, rows, columns, join, more);
    }

    template <class Stored>
    static void expect_joined_of(const std::vector<std::vector<Stored>>& parts, const std::vector<Stored>& residual, Element element,
                                 std::int64_t rows, std::int64_t columns, const Join& join, const std::vector<std::vector<float>>& more) {
        const DeviceArray<float> scale(more[0]), shift(more[1]);
        const DeviceArray<Stored> device_residual(residual), device_out(std::vector<Stored>(residual.size()));
        std::vector<std::unique_ptr<DeviceArray<Stored>>> device_parts;
        std::vector<ColumnPart> host, device;
        for (const auto& part : parts) {
            device_parts.push_back(std::make_unique<DeviceArray<Stored>>(part));
            host.push_back({part.data(), static_cast<std::int64_t>(part.size()) / rows});
            device.push_back({device_parts.back()->get(), host.back().columns});
        }
        std::vector<Stored> expected(residual.size());
        ASSERT_EQ(static_cast<std::int64_t>(expected.size()), rows * columns);
        join_columns_cpu(host, element, rows, join.scaled ? more[0].data() : nullptr, join.shifted ? more[1].data() : nullptr,
                         join.added ? residual.data() : nullptr, join.relu, expected.data());
        join_columns_cuda(device, element, rows, join.scaled ? scale.get() : nullptr, join.shifted ? shift.get() : nullptr,
                          join.added ? device_residual.get() : nullptr, join.relu, device_out.get(), nullptr);
        ASSERT_EQ(device_out.fetch(), expected) << parts.size() << " parts, " << rows << " rows";
    }

    // residual: empty where there is none.
    template <class Stored>
    static void expect_joined_in_place(const std::vector<Stored>& values, const std::vector<Stored>& residual, Element element,
                                       std::int64_t rows, const std::vector<float>& shift, bool relu) {
        const std::int64_t columns = std::ssize(shift);
        auto expected = values;
        join_columns_cpu(std::vector<ColumnPart>{{expected.data(), columns}}, element, rows, nullptr, shift.data(),
                         residual.empty() ? nullptr : residual.data(), relu, expected.data());
        const DeviceArray<Stored> device(values), device_residual(residual);
        const DeviceArray<float> device_shift(shift);
        join_columns_cuda(std::vector<ColumnPart>{{device.get(), columns}}, element, rows, nullptr, device_shift.get(),
                          residual.empty() ? nullptr : device_residual.get(), relu, device.get(), nullptr);
        ASSERT_EQ(device.fetch(), expected) << rows << " rows of " << columns;
    }

    static void fold_on_device(const SyntheticLayers& network, HostFold& out) {
        std::vector<std::unique_ptr<DeviceArray<float>>> parameters, states;
        for (const auto& values : network.parameters()) parameters.push_back(std::make_unique<DeviceArray<float>>(values));
        for (const auto& values : network.states()) states.push_back(std::make_unique<DeviceArray<float>>(values));
        const DeviceArray<FoldLayer> layers(network.layers());
        const DeviceArray<unsigned char> weights(out.weights);
        const DeviceArray<float> bias(out.bias), norm(out.norm);
        const DeviceArray<std::uint16_t> bias_bfloat16(out.bias_bfloat16);
        const auto pointer = [](const auto& array) -> const float* { return array->get(); };
        fold_point_cuda(layers.get(), static_cast<int>(network.layers().size()), 131, network.point(parameters, states, pointer),
                        {weights.get(), bias.get(), bias_bfloat16.get(), norm.get()}, nullptr);
        out.weights = weights.fetch();
        out.bias = bias.fetch();
        out.norm = norm.fetch();
        out.bias_bfloat16 = bias_bfloat16.fetch();
    }
};

TEST_F(CudaKernels, PerturbIsBitwiseTheCpuVersion) {
    std::size_t compared = 0;
    for (const std::size_t count : {std::size_t{1}, std::size_t{255}, std::size_t{257}, std::size_t{1'000'003}})
        for (const std::size_t dimensions : {0, 1, 2, 8, 9, 17}) {
            const auto centre = normal_values(count, 0);
            const DeviceArray<float> device_centre(centre), device_out(std::vector<float>(count, 0));
            std::vector<std::vector<float>> storage;
            std::vector<std::unique_ptr<DeviceArray<float>>> device_storage;
            std::vector<const float*> pointers;
            std::vector<float> coordinates;
            for (std::size_t k = 0; k < dimensions; ++k) {
                storage.push_back(normal_values(count, k + 1));
                device_storage.push_back(std::make_unique<DeviceArray<float>>(storage.back()));
                pointers.push_back(device_storage.back()->get());
                coordinates.push_back(0.1F * static_cast<float>(k + 1) - 0.25F);
            }
            std::vector<float> expected(count);
            perturb_cpu(expected, centre, std::vector<std::span<const float>>(storage.begin(), storage.end()), coordinates);
            perturb_cuda(device_out.get(), device_centre.get(), count, pointers, coordinates, nullptr);
            ASSERT_EQ(device_out.fetch(), expected) << count << " values, " << dimensions << " directions";
            ++compared;
        }
    EXPECT_EQ(compared, 24U);
}

TEST_F(CudaKernels, LossSumsOfEachBatchAgreeWithTheCpuVersion) {
    constexpr int classes = 10;
    int compared = 0;
    for (const auto& [count, batch] : {std::pair<std::int64_t, std::int64_t>{1, 4}, {37, 37}, {256, 100}, {1000, 513}})
        for (const LossKind kind : {LossKind::cross_entropy, LossKind::mse}) {
            auto logits = normal_values(static_cast<std::size_t>(count * classes), 0);
            for (float& logit : logits) logit *= 30;
            std::vector<std::int64_t> labels;
            for (std::int64_t i = 0; i < count; ++i) labels.push_back(i % classes);
            const std::int64_t batches = (count + batch - 1) / batch;
            const DeviceArray<LossSum> slots(std::vector<LossSum>(static_cast<std::size_t>(batches)));
            sum_losses_cuda(DeviceArray<float>(logits).get(), DeviceArray<std::int64_t>(labels).get(), count, batch, classes, kind,
                            slots.get(), nullptr);
            const auto sums = slots.fetch();
            for (std::int64_t b = 0; b < batches; ++b, ++compared) {
                const std::int64_t first = b * batch;
                const LossSum expected =
                    sum_losses_cpu(logits.data() + first * classes, labels.data() + first, std::min(batch, count - first), classes, kind);
                ASSERT_NEAR(sums[static_cast<std::size_t>(b)].loss, expected.loss, 1e-13 * expected.loss);
                ASSERT_EQ(sums[static_cast<std::size_t>(b)].correct, expected.correct);
            }
        }
    EXPECT_EQ(compared, 2 * (1 + 1 + 3 + 2));
}

TEST_F(CudaKernels, FoldIsBitwiseTheCpuVersion) {
    int compared = 0;
    for (const Element element : {Element::float32, Element::bfloat16})
        for (const int directions : {0, 1, 2, 8}) {
            const SyntheticLayers network(element, directions);
            HostFold expected(network), actual(network);
            fold_point_cpu(network.layers(), network.host_point(), expected.pointers());
            fold_on_device(network, actual);
            ASSERT_EQ(actual.weights, expected.weights);
            ASSERT_EQ(actual.bias, expected.bias);
            ASSERT_EQ(actual.bias_bfloat16, expected.bias_bfloat16);
            for (std::size_t row = 0; row < network.rows(); ++row, ++compared)
                ASSERT_NEAR(actual.norm[row], expected.norm[row], 1e-6 * expected.norm[row]);
        }
    EXPECT_EQ(compared, 8 * (5 + 7 + 7 + 131 + 3 + 37 + 9));
}

// Of one part and more than one launch takes; of odd widths, and of widths that are read 16 bytes at once.
TEST_F(CudaKernels, JoinedColumnsAreBitwiseTheCpuVersion) {
    const std::vector<int> every_mode{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, some_modes{0, 5, 10, 15};
    int compared = 0;
    for (const std::int64_t rows : {1, 37, 10'007})
        for (const auto& [part_count, unit] :
             {std::pair<std::size_t, std::int64_t>{1, 1}, {1, 24}, {1, 64}, {3, 1}, {3, 8}, {2, 300}, {33, 1}, {70, 1}, {70, 8}})
            for (const int mode : rows < 1000 ? every_mode : some_modes) {
                std::vector<std::vector<float>> parts;
                std::int64_t columns = 0;
                for (std::size_t k = 0; k < part_count; ++k) {
                    const std::int64_t width = unit * (static_cast<std::int64_t>(k % 5) + 1);
                    parts.push_back(normal_values(static_cast<std::size_t>(rows * width), k));
                    columns += width;
                }
                const auto count = static_cast<std::size_t>(rows * columns);
                const auto scale = normal_values(static_cast<std::size_t>(columns), 80), shift = normal_values(scale.size(), 81);
                const auto residual = normal_values(count, 82);
                expect_joined(parts, rows, columns,
                              {.scaled = (mode & 1) != 0, .shifted = (mode & 2) != 0, .added = (mode & 4) != 0, .relu = (mode & 8) != 0},
                              {scale, shift, residual});
                ++compared;
            }
    EXPECT_EQ(compared, 9 * (16 + 16 + 4));
}

// As a layer is finished: bias, residual and ReLU.
TEST_F(CudaKernels, InPlaceJoinIsBitwiseTheCpuVersion) {
    int compared = 0;
    for (const auto& [rows, columns] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {37, 10}, {1001, 64}, {100'003, 7}})
        for (const bool relu : {false, true}) {
            const auto count = static_cast<std::size_t>(rows * columns);
            const auto values = normal_values(count, 0), residual = normal_values(count, 1),
                       bias = normal_values(static_cast<std::size_t>(columns), 2);
            expect_joined_in_place(values, residual, Element::float32, rows, bias, relu);
            expect_joined_in_place(upper_halves(values), {}, Element::bfloat16, rows, bias, relu);
            ++compared;
        }
    EXPECT_EQ(compared, 8);
}

TEST_F(CudaKernels, JoinsInPlaceAndKeepsNan) {
    const DeviceArray<float> device({std::numeric_limits<float>::quiet_NaN(), -1, 5, -8}), shift({2, 3});
    join_columns_cuda(std::vector<ColumnPart>{{device.get(), 2}}, Element::float32, 2, nullptr, shift.get(), nullptr, true, device.get(),
                      nullptr);
    EXPECT_TRUE(std::isnan(device.fetch()[0]));
    EXPECT_EQ(device.fetch()[1], 2);
    EXPECT_EQ(device.fetch()[2], 7);
    EXPECT_EQ(device.fetch()[3], 0);
}

TEST_F(CudaKernels, MagnitudesAreBitwiseTheCpuVersions) {
    int compared = 0;
    for (const std::size_t count : {1, 2, 3, 5, 1023, 1'000'003})
        for (const float last : {0.0F, -100.0F, -std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
            auto values = normal_values(count, 0);
            values.back() = last;
            const auto halves = upper_halves(values);
            std::vector<std::uint32_t> expected(2, 0);
            raise_to_magnitude_cpu(values.data(), Element::float32, static_cast<std::int64_t>(count), &expected[0]);
            raise_to_magnitude_cpu(halves.data(), Element::bfloat16, static_cast<std::int64_t>(count), &expected[1]);
            const DeviceArray<std::uint32_t> slots({0, 0});
            raise_to_magnitude_cuda(DeviceArray<float>(values).get(), Element::float32, static_cast<std::int64_t>(count), slots.get(),
                                    nullptr);
            raise_to_magnitude_cuda(DeviceArray<std::uint16_t>(halves).get(), Element::bfloat16, static_cast<std::int64_t>(count),
                                    slots.get() + 1, nullptr);
            ASSERT_EQ(slots.fetch(), expected) << count << " values, the last " << last;
            ++compared;
        }
    EXPECT_EQ(compared, 24);
}

}  // namespace

}  // namespace orograph::gpu
