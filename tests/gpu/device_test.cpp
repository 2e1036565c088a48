#include "orograph/gpu/device.hpp"

#include "orograph/core/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace orograph::gpu {

namespace {

TEST(Device, ThatIsNotThereIsOneClearLine) {
    try {
        require_device(device_count());
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::unavailable);
        EXPECT_THAT(error.what(), testing::HasSubstr("run.device=cpu"));
        EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("\n")));
    }
}

}  // namespace

}  // namespace orograph::gpu
