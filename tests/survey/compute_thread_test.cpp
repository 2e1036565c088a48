#include "compute_thread.hpp"

#include "wave.hpp"

#include <gtest/gtest.h>

#include <future>

namespace orograph::survey {
namespace {

using test::Wave;

std::vector<Partial> take(ComputeThread& thread, std::size_t count) {
    std::vector<Partial> partials;
    while (partials.size() < count) {
        while (auto partial = thread.take()) partials.push_back(std::move(*partial));
        thread.wait(std::chrono::milliseconds(10));
    }
    return partials;
}

TEST(ComputeThread, TellsTheMeasurementWhichPointIsQueuedBehind) {
    const Grid points({linear_axis("x", -1, 1, 4), linear_axis("y", 0, 2, 1)});
    std::promise<void> all_pushed;
    Wave wave(0, 1);
    wave.before([&](int call, const CancelToken&) {
        if (call == 1) all_pushed.get_future().wait();
    });
    {
        ComputeThread thread(points, wave);
        for (const std::int64_t point : {2, 0, 3, 1}) thread.push(PointIndex{point});
        all_pushed.set_value();
        const auto partials = take(thread, 4);
        EXPECT_EQ(partials[1].point, PointIndex{0});
        EXPECT_EQ(partials[3].point, PointIndex{1});
    }
    ASSERT_EQ(wave.hints().size(), 4U);  // the first was taken while the others were being pushed, or not
    EXPECT_EQ(wave.hints()[1], points.coordinates(PointIndex{3}));
    EXPECT_EQ(wave.hints()[2], points.coordinates(PointIndex{1}));
    EXPECT_TRUE(wave.hints()[3].empty());
}

}  // namespace
}  // namespace orograph::survey
