#include "orograph/landscape/curve_training.hpp"

#include "fixtures.hpp"
#include "small_network.hpp"
#include "synthetic.hpp"

#include "orograph/core/safetensors.hpp"
#include "orograph/model/forward.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace orograph::landscape {
namespace {

using testing::bytes_of;
using testing::lively_weights;
using testing::make_dataset;
using testing::small_convolutional_network;
using testing::TemporaryFolder;

struct Case {
    CurveKind kind;
    int bends;
    std::array<bool, 2> fix_ends;

    friend void PrintTo(const Case& c, std::ostream* out) {
        *out << to_string(c.kind) << " " << c.bends << " bends, fixed " << c.fix_ends[0] << c.fix_ends[1];
    }
};

train::Batch batch_of(const data::Split& split, std::int64_t count) {
    return {split.images.narrow(0, 0, count), split.labels.narrow(0, 0, count)};
}

train::Recipe recipe_with(double weight_decay, std::uint64_t seed = 3) {
    train::Recipe recipe;
    recipe.nesterov = false;
    recipe.schedule = train::Schedule::garipov;
    recipe.weight_decay = weight_decay;
    recipe.seed = seed;
    recipe.augmentation = {0, false};
    return recipe;
}

at::Tensor named(train::Learner& learner, const std::string& name) {
    for (const auto& [key, tensor] : learner.tensors())
        if (key == name) return tensor;
    throw std::runtime_error("no " + name);
}

// c_j of the definitions, apart from the program's de Casteljau scheme.
double coefficient(CurveKind kind, int points, int j, double t) {
    if (kind == CurveKind::polychain) return std::max(0.0, 1 - std::abs(t * (points - 1) - j));
    const double binomial = std::tgamma(points) / (std::tgamma(j + 1) * std::tgamma(points - j));
    return binomial * std::pow(t, j) * std::pow(1 - t, points - 1 - j);
}

// Autograd's gradients of the loss at phi(t) with respect to every point, through a graph over all of them, in float64.
struct Oracle {
    double loss;
    std::vector<at::Tensor> gradients;  // [P] each
};

Oracle autograd_through_phi(const model::Network& network, const Case& c, const std::vector<at::Tensor>& points, double t, double decay,
                            const train::Batch& batch) {
    std::vector<at::Tensor> leaves;
    for (const at::Tensor& point : points) leaves.push_back(point.to(at::kDouble).detach().clone().requires_grad_());
    at::Tensor phi = at::zeros_like(leaves[0]);
    for (std::size_t j = 0; j < leaves.size(); ++j)
        phi = phi + coefficient(c.kind, static_cast<int>(leaves.size()), static_cast<int>(j), t) * leaves[j];
    const auto states = model::views(model::initial_states(network).to(at::kDouble), network.space.states);
    const at::Tensor logits = model::forward(network, model::views(phi, network.space.parameters), states, batch.images.to(at::kDouble),
                                             model::BatchNormMode::update_states);
    const at::Tensor loss = at::cross_entropy_loss(logits, batch.labels) + 0.5 * decay * phi.square().sum();
    return {loss.item<double>(), torch::autograd::grad({loss}, leaves)};
}

class CurveGradient : public ::testing::TestWithParam<Case> {};

// After the first step the momentum is the gradient. Few ReLUs are so near their kink that rounding to float32 switches them.
TEST_P(CurveGradient, IsThatOfAutogradThroughPhi) {
    const Case c = GetParam();
    const auto split = testing::make_split("train", 16, 1);
    const auto batch = batch_of(split, 16);
    const double decay = 0.01;
    int compared = 0;
    for (const auto& network : {model::build_network("mlp", 1, 10), small_convolutional_network()}) {
        const CurveStart start{c.kind, {lively_weights(network, 1), lively_weights(network, 2)}, c.bends, c.fix_ends};
        const auto learner = make_curve_learner(network, start, recipe_with(decay), at::kCPU);
        const std::int64_t P = network.space.parameter_count();
        const int first = c.fix_ends[0] ? 1 : 0, points = c.bends + 2, end = points - (c.fix_ends[1] ? 1 : 0);
        std::vector<at::Tensor> theta;
        for (int j = 0; j < points; ++j) {
            const double s = static_cast<double>(j) / (points - 1);
            theta.push_back((1 - s) * start.ends[0].parameters + s * start.ends[1].parameters);
        }
        const at::Tensor bends = named(*learner, "bends");
        ASSERT_EQ(bends.numel(), (end - first) * P);
        for (int j = first; j < end; ++j) EXPECT_TRUE(at::allclose(bends.narrow(0, (j - first) * P, P), theta[j], 1e-6, 1e-7));
        const at::Tensor before = bends.clone();
        const double lr = 0.5, t = training_t(3, 0);
        const double loss = learner->step(batch, lr);
        const Oracle expected = autograd_through_phi(network, c, theta, t, decay, batch);
        EXPECT_NEAR(loss, expected.loss, 1e-5 * expected.loss);
        const at::Tensor slopes = named(*learner, "optimizer.momentum");
        for (int j = first; j < end; ++j, ++compared) {
            const at::Tensor& wanted = expected.gradients[j];
            const at::Tensor difference = slopes.narrow(0, (j - first) * P, P).to(at::kDouble) - wanted;
            EXPECT_LE(difference.norm().item<double>(), 1e-4 * wanted.norm().item<double>() + 1e-12) << "point " << j;
        }
        EXPECT_TRUE(at::allclose(bends, before - lr * slopes, 0, 1e-6)) << "the optimizer itself decays nothing";
    }
    EXPECT_EQ(compared, 2 * (c.bends + (c.fix_ends[0] ? 0 : 1) + (c.fix_ends[1] ? 0 : 1)));
}

INSTANTIATE_TEST_SUITE_P(Curves, CurveGradient,
                         ::testing::Values(Case{CurveKind::bezier, 1, {true, true}}, Case{CurveKind::bezier, 3, {true, true}},
                                           Case{CurveKind::bezier, 1, {false, true}}, Case{CurveKind::bezier, 1, {true, false}},
                                           Case{CurveKind::bezier, 3, {false, false}}, Case{CurveKind::polychain, 1, {true, true}},
                                           Case{CurveKind::polychain, 3, {false, true}}, Case{CurveKind::bezier, 0, {true, false}}));

TEST(CurveTraining, ItsTsAreUniform) {
    const int count = 20000;
    std::vector<double> ts;
    for (int step = 0; step < count; ++step) ts.push_back(training_t(7, step));
    std::vector<double> sorted = ts;
    std::ranges::sort(sorted);
    double largest = 0;  // of Kolmogorov and Smirnov
    for (int k = 0; k < count; ++k) largest = std::max(largest, std::abs(sorted[k] - (k + 0.5) / count));
    EXPECT_LT(largest, 1.63 / std::sqrt(count));
    EXPECT_GE(sorted.front(), 0);
    EXPECT_LT(sorted.back(), 1);
    double product = 0;
    for (int k = 0; k + 1 < count; ++k) product += (ts[k] - 0.5) * (ts[k + 1] - 0.5);
    EXPECT_LT(std::abs(12 * product / count), 4 / std::sqrt(count)) << "neighbours are independent";
    EXPECT_NE(training_t(7, 0), training_t(8, 0));
}

TEST(CurveTraining, AStepTakesTheTOfItsSeedAndNumber) {
    const auto network = model::build_network("mlp", 1, 10);
    const CurveStart start{CurveKind::bezier, {lively_weights(network, 1), lively_weights(network, 2)}};
    const auto split = testing::make_split("train", 8, 1);
    const std::vector<at::Tensor> theta{start.ends[0].parameters, 0.5 * (start.ends[0].parameters + start.ends[1].parameters),
                                        start.ends[1].parameters};
    for (const std::uint64_t seed : {3, 4})
        for (const std::int64_t step : {0, 1, 5}) {
            const auto learner = make_curve_learner(network, start, recipe_with(0, seed), at::kCPU);
            learner->optimizer().set_steps(step);
            const auto expected =
                autograd_through_phi(network, {CurveKind::bezier, 1, {}}, theta, training_t(seed, step), 0, batch_of(split, 8));
            EXPECT_NEAR(learner->step(batch_of(split, 8), 0), expected.loss, 1e-5 * expected.loss) << seed << " " << step;
        }
}

TEST(CurveTraining, HasSomethingToTrainWithSgd) {
    const auto network = model::build_network("mlp", 1, 10);
    CurveStart start{CurveKind::bezier, {lively_weights(network, 1), lively_weights(network, 2)}, 0};
    EXPECT_EQ(testing::error_of([&] { make_curve_learner(network, start, recipe_with(0), at::kCPU); }).first, ExitCode::config);
    start.bends = 1;
    train::Recipe adam = recipe_with(0);
    adam.optimizer = train::OptimizerKind::adam;
    EXPECT_EQ(testing::error_of([&] { make_curve_learner(network, start, adam, at::kCPU); }).first, ExitCode::config);
}

// A run of the whole loop on a few images.
class CurveRun : public ::testing::Test {
protected:
    CurveRun() { recipe_.epochs = 3, recipe_.batch = 8, recipe_.lr = 0.02; }

    // Stops when asked for the (steps + 1)-th time; -1: never.
    train::Outcome run(const std::filesystem::path& folder, int steps = -1) {
        const auto learner = make_curve_learner(network_, start_, recipe_, at::kCPU);
        auto asked = std::make_shared<std::atomic<int>>(0);
        train::Machine machine{.threads = 2, .progress = "none", .save_s = 1e9};
        machine.stop = [asked, steps] { return steps >= 0 && (*asked)++ >= steps; };
        return train::train(*learner, network_, dataset_, recipe_, {folder, {{"run", "this"}}}, machine);
    }

    model::Weights load(const std::filesystem::path& source) const { return model::load_weights(source, network_); }

    const model::Network network_ = small_convolutional_network();
    const data::Dataset dataset_ = make_dataset(38, 16);  // four batches and one of 6 images
    CurveStart start_{CurveKind::bezier, {lively_weights(network_, 1), lively_weights(network_, 2)}, 2};
    train::Recipe recipe_ = recipe_with(1e-3);
};

TEST_F(CurveRun, GoesOnBitwise) {
    const TemporaryFolder folder;
    ASSERT_TRUE(run(folder / "whole").complete);
    for (const int steps : {0, 2, 3, 5}) EXPECT_FALSE(run(folder / "parts", steps).complete);
    ASSERT_TRUE(run(folder / "parts").complete);
    int compared = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder / "whole")) {
        if (entry.path().filename() == "resume.previous.safetensors") continue;
        EXPECT_EQ(bytes_of(entry.path()), bytes_of(folder / ("parts/" + entry.path().filename().string()))) << entry.path();
        ++compared;
    }
    EXPECT_EQ(compared, 4 + 4);  // points; resume, history, curve.yaml and the authors' form
    EXPECT_TRUE(run(folder / "whole").complete) << "a finished run is finished";
}

TEST_F(CurveRun, IsJudgedAtItsMiddleWithTheStatisticsOfThere) {
    const TemporaryFolder folder;
    recipe_.batch = 38;
    recipe_.epochs = 1;
    const auto outcome = run(folder / "run");
    at::Tensor phi = at::zeros({network_.space.parameter_count()}, at::kDouble);
    for (int j = 0; j < 4; ++j)
        phi += coefficient(CurveKind::bezier, 4, j, 0.5) * load(folder / ("run/bend-" + std::to_string(j) + ".safetensors")).parameters;
    const at::Tensor states = at::zeros({network_.space.state_count()}, at::kDouble);
    model::Network whole = network_;  // the statistics of the one batch that all images are
    for (model::Op& op : whole.ops) op.momentum = 1;
    const auto parameters = model::views(phi, network_.space.parameters);
    const auto state_views = model::views(states, network_.space.states);
    model::forward(whole, parameters, state_views, dataset_.splits[0].images.to(at::kDouble), model::BatchNormMode::update_states);
    for (const data::Split& split : dataset_.splits) {
        const at::Tensor logits =
            model::forward(network_, parameters, state_views, split.images.to(at::kDouble), model::BatchNormMode::use_states);
        const double loss = at::cross_entropy_loss(logits, split.labels).item<double>();
        const auto& record = outcome.history.front();
        EXPECT_NEAR(split.name == "train" ? record.train_loss : record.test_loss, loss, 1e-5 * loss) << split.name;
    }
}

TEST_F(CurveRun, WritesItsPointsAsCheckpoints) {
    const TemporaryFolder folder;
    recipe_.epochs = 1;
    start_.fix_ends[1] = false;
    run(folder / "run");
    const at::Tensor fresh = model::initial_states(network_);
    for (int j = 0; j < 4; ++j) {
        const auto point = load(folder / ("run/bend-" + std::to_string(j) + ".safetensors"));
        const auto same = load(folder / ("run/curve.safetensors#bend=" + std::to_string(j)));
        EXPECT_TRUE(at::equal(point.parameters, same.parameters)) << j;
        EXPECT_TRUE(at::equal(point.states, j == 0 ? start_.ends[0].states : fresh)) << j;
        EXPECT_TRUE(at::equal(same.states, fresh)) << j;
        EXPECT_EQ(at::equal(point.parameters, start_.ends[j == 0 ? 0 : 1].parameters), j == 0) << j;
    }
    EXPECT_EQ(bytes_of(folder / "run/curve.yaml"),
              "kind: bezier\narchitecture: small\nbends: [bend-0.safetensors, bend-1.safetensors, bend-2.safetensors, bend-3.safetensors]\n"
              "weight_decay: 0.001\nepochs: 1\nseed: 3\n");
}

// Those of github.com/timgaripov/dnn-mode-connectivity, curves.py, whose buffers a strict load wants.
TEST_F(CurveRun, KeepsTheCoefficientsOfTheAuthors) {
    recipe_.epochs = 1;
    start_.bends = 3;
    for (const auto kind : {CurveKind::bezier, CurveKind::polychain}) {
        const TemporaryFolder folder;
        start_.kind = kind;
        run(folder / "run");
        std::map<std::string, std::vector<float>> coefficients;
        std::size_t tensors = 0;
        for (const FileTensor& tensor : read_safetensors(folder / "run/curve.safetensors").tensors) {
            ++tensors;
            if (!tensor.name.starts_with("coeff_layer.")) continue;
            auto& values = coefficients[tensor.name];
            values.resize(tensor.data.size() / sizeof(float));
            std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
        }
        std::map<std::string, std::vector<float>> expected{{"coeff_layer.range", {0, 1, 2, 3, 4}}};
        if (kind == CurveKind::bezier)
            expected.insert({{"coeff_layer.rev_range", {4, 3, 2, 1, 0}}, {"coeff_layer.binom", {1, 4, 6, 4, 1}}});
        EXPECT_EQ(coefficients, expected);
        EXPECT_EQ(tensors, 5 * network_.space.parameters.size() + network_.space.states.size() + 2 + expected.size());
    }
}

}  // namespace
}  // namespace orograph::landscape
