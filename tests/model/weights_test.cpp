#include "orograph/model/weights.hpp"

#include "fresh_folder.hpp"

#include "orograph/core/random.hpp"
#include "orograph/core/safetensors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <limits>

namespace orograph::model {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing_support::error_message;
using testing_support::FreshFolder;

// A file of mlp's weights that each test spoils in its own way.
class SpoiledWeights : public testing::Test {
protected:
    SpoiledWeights() { save_weights(good_, network_, initial_weights(network_, 1), {}); }

    std::string message_after(const std::function<void(std::vector<FileTensor>&)>& spoil) {
        TensorFile file = read_safetensors(good_);
        spoil(file.tensors);
        write_safetensors(bad_, file);
        return error_message(ExitCode::data, [&] { load_weights(bad_, network_); });
    }

    static FileTensor& find(std::vector<FileTensor>& tensors, const std::string& name) {
        const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const FileTensor& tensor) { return tensor.name == name; });
        EXPECT_NE(found, tensors.end());
        return *found;
    }

    static void set_value(FileTensor& tensor, std::size_t place, float value) { std::memcpy(&tensor.data[4 * place], &value, 4); }

    const Network network_ = build_network("mlp", 1, 10);
    const FreshFolder folder_;
    const std::filesystem::path good_ = folder_ / "good.safetensors";
    const std::filesystem::path bad_ = folder_ / "bad.safetensors";
};

TEST_F(SpoiledWeights, MissingAndUnexpectedAreListedWithTheLikelyName) {
    const std::string message = message_after([](auto& tensors) { find(tensors, "fc2.bias").name = "fc2.bais"; });
    EXPECT_THAT(message, HasSubstr("fc2.bias is missing"));
    EXPECT_THAT(message, HasSubstr("'fc2.bais' is unexpected (should it be fc2.bias?)"));
    EXPECT_THAT(message, HasSubstr("bad.safetensors"));
    EXPECT_THAT(message, HasSubstr("mlp with 1 channel and 10 classes"));
}

TEST_F(SpoiledWeights, EveryFaultIsListedAtOnce) {
    const std::string message = message_after([](auto& tensors) {
        set_value(find(tensors, "fc1.weight"), 5, std::numeric_limits<float>::quiet_NaN());
        set_value(find(tensors, "fc1.weight"), 6, -std::numeric_limits<float>::infinity());
        find(tensors, "fc1.bias").dtype = "I32";
        FileTensor& whole = find(tensors, "fc3.bias");
        whole.dtype = "I16";
        whole.data.resize(20);
        find(tensors, "fc2.weight").shape = {256, 128};
        std::erase_if(tensors, [](const FileTensor& tensor) { return tensor.name == "fc3.weight"; });
        tensors.push_back({"extra", "F32", {1}, std::vector<std::byte>(4)});
    });
    EXPECT_THAT(message, HasSubstr("fc1.weight holds NaN or infinity in 2 of 262144 places"));
    EXPECT_THAT(message, HasSubstr("fc1.bias is I32: convert it to F32"));
    EXPECT_THAT(message, HasSubstr("fc3.bias is I16: convert it to F32"));
    EXPECT_THAT(message, HasSubstr("fc2.weight has shape [256, 128] instead of [128, 256]"));
    EXPECT_THAT(message, HasSubstr("fc3.weight is missing"));
    EXPECT_THAT(message, HasSubstr("'extra' is unexpected"));
    EXPECT_THAT(message, Not(HasSubstr("fc2.bias")));
}

TEST_F(SpoiledWeights, LongListsAreCut) {
    const std::string message = message_after([](auto& tensors) {
        find(tensors, "fc2.bias").name = "surplus";
        for (int k = 0; k < 48; ++k) tensors.push_back({"surplus" + std::to_string(k), "F32", {1}, std::vector<std::byte>(4)});
    });
    EXPECT_THAT(message, HasSubstr("and 30 more"));
    EXPECT_LT(message.size(), 2000U);
}

TEST_F(SpoiledWeights, NamesInMessagesStayOnOneLine) {
    EXPECT_THAT(message_after([](auto& tensors) { find(tensors, "fc2.bias").name = "x\ny\x1b[31m"; }), HasSubstr("'x\\ny\\x1b[31m'"));
}

TEST(Weights, OfAnotherArchitectureNameIt) {
    const FreshFolder folder;
    const Network wide = build_network("resnet32", 1, 10);
    save_weights(folder / "w", wide, initial_weights(wide, 1), {});
    const std::string message = error_message(ExitCode::data, [&] { load_weights(folder / "w", build_network("resnet20", 1, 10)); });
    EXPECT_THAT(message, HasSubstr("the tensors of resnet32"));
    EXPECT_THAT(message, MatchesRegex(".*left over would be 'layer1.3.*; .*; .*; and [0-9]+ more"));
}

TEST(Weights, OfAnotherWidthTellTheShapes) {
    const FreshFolder folder;
    const Network colour = build_network("resnet20", 3, 100);
    save_weights(folder / "w", colour, initial_weights(colour, 1), {});
    const std::string message = error_message(ExitCode::data, [&] { load_weights(folder / "w", build_network("resnet20", 1, 10)); });
    EXPECT_THAT(message, HasSubstr("conv1.weight has shape [16, 3, 3, 3] instead of [16, 1, 3, 3]"));
    EXPECT_THAT(message, HasSubstr("linear.weight has shape [100, 64] instead of [10, 64]"));
}

// Networks of one depth differ only in their shapes.
TEST(Weights, OfAnotherWidthNameOnlyTheNetworkWhoseShapesTheyHave) {
    const FreshFolder folder;
    const auto path = folder / "weights.safetensors";
    const Network wide = build_network("wrn56_2", 1, 10);
    save_weights(path, wide, initial_weights(wide, 1), {});
    const auto read_as = [&](const char* architecture, int classes) {
        return error_message(ExitCode::data, [&] { load_weights(path, build_network(architecture, 1, classes)); });
    };
    EXPECT_THAT(read_as("wrn56_4", 10), HasSubstr("these are the tensors of wrn56_2: set model.architecture to it if it was trained"));
    EXPECT_THAT(read_as("wrn56_2", 100), Not(HasSubstr("these are the tensors")));
}

// Never one of several.
TEST(Weights, NameAllNetworksThatHaveTheirTensors) {
    const FreshFolder folder;
    const auto path = folder / "weights.safetensors";
    const Network trained = build_network("resnet20_a", 1, 10);
    save_weights(path, trained, initial_weights(trained, 1), {});
    const auto read_as = [&](const char* architecture) {
        return error_message(ExitCode::data, [&] { load_weights(path, build_network(architecture, 1, 10)); });
    };
    EXPECT_THAT(read_as("resnet20"),
                HasSubstr("these are the tensors of resnet20_noshort and of resnet20_a: set model.architecture to the one "
                          "that was trained"));
    EXPECT_THAT(read_as("vgg9"), HasSubstr("orograph.export"));
    EXPECT_EQ(load_weights(path, build_network("resnet20_noshort", 1, 10)).parameters.numel(), trained.space.parameter_count());
}

// resnet20_noshort has the same ones.
TEST(Weights, ThatAreDamagedAreNotTakenForThoseOfANetworkWithTheSameTensors) {
    const FreshFolder folder;
    const auto path = folder / "weights.safetensors";
    const Network network = build_network("resnet20", 1, 10);
    Weights weights = initial_weights(network, 1);
    weights.parameters[7] = std::numeric_limits<float>::quiet_NaN();
    save_weights(path, network, weights, {});
    const std::string message = error_message(ExitCode::data, [&] { load_weights(path, network); });
    EXPECT_THAT(message, HasSubstr("holds NaN or infinity in 1 of"));
    EXPECT_THAT(message, Not(HasSubstr("these are the tensors")));
}

TEST(Weights, ReturnBitwiseFromAFile) {
    const FreshFolder folder;
    std::size_t compared = 0;
    for (const std::string name : {"resnet20", "resnet110_noshort", "wrn56_2", "vgg9", "vgg16bn", "mlp"}) {
        const Network network = build_network(name, 3, 10);
        Weights weights = initial_weights(network, 3);
        weights.states.add_(0.25);
        save_weights(folder / "w", network, weights, {{"made by", "a test"}});
        const Weights read = load_weights(folder / "w", network);
        EXPECT_TRUE(at::equal(read.parameters, weights.parameters)) << name;
        EXPECT_TRUE(at::equal(read.states, weights.states)) << name;
        EXPECT_EQ(fingerprint(network, read), fingerprint(network, weights)) << name;
        EXPECT_EQ(read_safetensors(folder / "w").metadata.at("made by"), "a test");
        ++compared;
    }
    EXPECT_EQ(compared, 6U);
}

// Each value is a function of seed, tensor and place alone: computed here from the generator, value by value.
TEST(Weights, InitialValuesFollowTheGenerator) {
    const Network network = build_network("vgg9", 1, 10);
    const Weights weights = initial_weights(network, 42);
    const auto tensors = views(weights.parameters, network.space.parameters);
    const auto value = [&](std::size_t tensor, std::int64_t place) { return tensors[tensor].flatten()[place].item<float>(); };
    ASSERT_EQ(network.space.parameters[4].name, "features.3.weight");
    ASSERT_EQ(network.space.parameters[5].name, "features.3.bias");
    for (const std::int64_t k : {0, 1, 63}) {
        const auto place = static_cast<std::uint64_t>(k);
        EXPECT_EQ(value(4, k), static_cast<float>(std::sqrt(2.0 / 576) * CounterRandom(42, 4).normal(place)));
        EXPECT_EQ(value(5, k), static_cast<float>(1 / std::sqrt(576.0) * (2 * CounterRandom(42, 5).uniform(place) - 1)));
    }
    EXPECT_FALSE(at::equal(weights.parameters, initial_weights(network, 43).parameters));
}

TEST(Weights, ViewsShareTheFlatStorage) {
    const Network network = build_network("resnet20", 1, 10);
    const Weights weights = initial_weights(network, 1);
    const auto tensors = views(weights.parameters, network.space.parameters);
    EXPECT_EQ(tensors.size(), network.space.parameters.size());
    tensors[1].fill_(5);
    const TensorSpec& spec = network.space.parameters[1];
    EXPECT_TRUE(at::equal(weights.parameters.narrow(0, spec.offset, spec.count), at::full({spec.count}, 5.0F)));
}

TEST(Weights, FingerprintSeesEveryTensor) {
    const Network network = build_network("resnet20", 1, 10);
    const Weights weights = initial_weights(network, 1);
    const std::string whole = fingerprint(network, weights);
    std::size_t changed = 0;
    for (const bool is_state : {false, true}) {
        for (const TensorSpec& spec : is_state ? network.space.states : network.space.parameters) {
            const Weights other = weights.clone();
            (is_state ? other.states : other.parameters)[spec.offset + spec.count - 1].add_(1);
            changed += fingerprint(network, other) != whole ? 1 : 0;
        }
    }
    EXPECT_EQ(changed, network.space.parameters.size() + network.space.states.size());
}

}  // namespace
}  // namespace orograph::model
