#include "orograph/core/random.hpp"
#include "orograph/gpu/device.hpp"
#include "orograph/gpu/losses.hpp"
#include "orograph/gpu/perturb.hpp"

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

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

    static std::vector<float> normal_values(std::size_t count, std::uint64_t stream) {
        std::vector<float> values(count);
        CounterRandom(7, stream).fill_normal(values);
        return values;
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

TEST_F(CudaKernels, LossSumsAgreeWithTheCpuVersion) {
    constexpr int classes = 10;
    std::size_t compared = 0;
    for (const std::int64_t count : {1, 37, 256, 1000})
        for (const LossKind kind : {LossKind::cross_entropy, LossKind::mse}) {
            auto logits = normal_values(static_cast<std::size_t>(count * classes), 0);
            for (float& logit : logits) logit *= 30;
            std::vector<std::int64_t> labels;
            for (std::int64_t i = 0; i < count; ++i) labels.push_back(i % classes);
            const DeviceArray<float> device_logits(logits);
            const DeviceArray<std::int64_t> device_labels(labels);
            const DeviceArray<LossSum> slot(std::vector<LossSum>(1));
            sum_losses_cuda(device_logits.get(), device_labels.get(), count, classes, kind, slot.get(), nullptr);
            const LossSum expected = sum_losses_cpu(logits.data(), labels.data(), count, classes, kind), sum = slot.fetch()[0];
            ASSERT_NEAR(sum.loss, expected.loss, 1e-13 * expected.loss);
            ASSERT_EQ(sum.correct, expected.correct);
            ++compared;
        }
    EXPECT_EQ(compared, 8U);
}

TEST_F(CudaKernels, FlagsOneNonFiniteValue) {
    auto values = normal_values(100'003, 0);
    const DeviceArray<std::int32_t> flag({0});
    flag_non_finite_cuda(DeviceArray<float>(values).get(), values.size(), flag.get(), nullptr);
    EXPECT_EQ(flag.fetch()[0], 0);
    values.back() = std::numeric_limits<float>::quiet_NaN();
    flag_non_finite_cuda(DeviceArray<float>(values).get(), values.size(), flag.get(), nullptr);
    EXPECT_EQ(flag.fetch()[0], 1);
}

}  // namespace

}  // namespace orograph::gpu
