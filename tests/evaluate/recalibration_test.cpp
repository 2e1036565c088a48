#include "cpu_recalibration.hpp"
#include "fixtures.hpp"
#include "recalibration_oracle.hpp"
#include "sketch.hpp"

#include "orograph/core/cores.hpp"
#include "orograph/core/error.hpp"

#include <gmock/gmock.h>

namespace orograph::evaluate {

namespace {

struct Problem {
    const char* architecture;
    std::int64_t images, batch;
    Kind kind = Kind::compiled;
};

class Recalibrated : public testing::TestWithParam<Problem> {};

// Without shortcuts each batch norm enlarges what was rounded before it, by 1.2 a layer (Yang et al. 2019, "A mean field theory of batch
// normalization"): there the plain float32 network's own error is the measure.
TEST_P(Recalibrated, StatesAndLossAgreeWithFloat64) {
    const auto [architecture, images, batch, kind] = GetParam();
    const auto network = model::build_network(architecture, 3, 10);
    const auto weights = random_weights(network, 41);
    const auto train = random_split(network, images, 42), test = random_split(network, 4, 43);
    const at::Tensor expected = float64_states(network, weights, train.images, batch);
    const BatchSum wanted = float64_sum(network, {weights.parameters, expected}, test, Loss::cross_entropy);
    struct Errors {
        double states, loss;
    };
    const auto errors_of = [&, batch = batch](Kind kind) {
        const auto evaluator = make_evaluator(network, {.kind = kind, .threads = 2, .batch = 2});
        const int split = evaluator->add_split(test);
        evaluator->set_recalibration(train, batch);
        evaluator->set_weights(weights);
        const at::Tensor states = evaluator->recalibrate(never);
        EXPECT_EQ(states.scalar_type(), at::kFloat);
        const BatchSum sum = total(evaluator->evaluate(split, never));
        EXPECT_EQ(sum.correct, wanted.correct);
        return Errors{greatest_error(network, states, expected), std::abs(sum.loss / wanted.loss - 1)};
    };
    // The deepest networks amplify float32's rounding in the plain loop too.
    const Errors plain = errors_of(Kind::reference), errors = errors_of(kind);
    EXPECT_LT(plain.states, std::string(architecture).ends_with("noshort") ? 1e-2 : 1e-5);
    EXPECT_LT(errors.states, std::max(1e-5, 4 * plain.states));
    EXPECT_LT(errors.loss, std::max(1e-5, 4 * plain.loss));
}

INSTANTIATE_TEST_SUITE_P(All, Recalibrated,
                         testing::Values(Problem{"resnet20", 21, 8}, Problem{"resnet20", 21, 8, Kind::reference},
                                         Problem{"resnet56_noshort", 9, 5}, Problem{"resnet20_a", 9, 5}, Problem{"vgg16bn", 5, 3},
                                         Problem{"preresnet110", 7, 4}, Problem{"densenet121", 4, 3}, Problem{"wrn28_10", 2, 2}),
                         [](const auto& info) {
                             return cat(info.param.architecture, info.param.kind == Kind::reference ? "_reference" : "");
                         });

// Else every batch would be the plain network's, unnoticed.
TEST(CompiledRecalibration, RunsThroughEveryArchitecture) {
    int run = 0;
    for (const char* architecture : {"resnet20", "resnet20_a", "vgg16bn", "preresnet110", "densenet121", "resnet50", "wrn56_2_noshort"}) {
        const auto network = model::build_network(architecture, 3, 10);
        const auto weights = random_weights(network, 51);
        const Plan plan = make_plan(network, Statistics::of_batch);
        CpuNetwork cpu(plan, {.batch = 8, .instruction_set = instruction_set()});
        const std::span<const float> parameters(weights.parameters.const_data_ptr<float>(),
                                                static_cast<std::size_t>(weights.parameters.numel()));
        for (std::size_t i = 0; i < cpu.parts().size(); ++i) {
            const auto& [layer, first, last] = cpu.parts()[i];
            FoldedLayer folded;
            fold_outputs(parameters_only(plan.layers[layer]), first, last, network.space, parameters, {}, folded);
            cpu.load(i, folded);
        }
        CpuNetwork::Stream stream(cpu);
        const auto images = random_split(network, 8, 52).images;
        EXPECT_TRUE(stream.run(images.const_data_ptr<float>(), 5).finite) << architecture;
        ++run;
    }
    EXPECT_EQ(run, 7);
}

at::Tensor recalibrated(Evaluator* evaluator, const model::Weights& weights, const data::Split& images, std::int64_t batch) {
    evaluator->set_recalibration(images, batch);
    evaluator->set_weights(weights);
    return evaluator->recalibrate(never);
}

class Recalibrating : public testing::TestWithParam<Kind> {
protected:
    std::unique_ptr<Evaluator> evaluator(const model::Network& network, int threads = 2) const {
        return make_evaluator(network, {.kind = GetParam(), .threads = threads});
    }
};

TEST_P(Recalibrating, IsTheSameBitsForAnyNumberOfThreads) {
    const auto network = model::build_network("resnet20", 1, 10);
    const auto weights = random_weights(network, 1);
    const auto train = random_split(network, 50, 2);
    std::vector<at::Tensor> states;
    for (const int threads : {1, 2, 3}) {
        const auto evaluator = this->evaluator(network, threads);
        evaluator->set_recalibration(train, 7);
        evaluator->set_weights(weights);
        states.push_back(evaluator->recalibrate(never));
        EXPECT_TRUE(at::equal(states.back(), evaluator->recalibrate(never))) << "again";
    }
    EXPECT_TRUE(at::equal(states[0], states[1]));
    EXPECT_TRUE(at::equal(states[0], states[2]));
}

// And move_to() means new weights with the states of the space again.
TEST_P(Recalibrating, DependsOnTheParametersOnly) {
    const auto network = model::build_network("resnet20", 1, 10);
    const auto weights = random_weights(network, 3);
    auto evaluator = this->evaluator(network);
    const int split = evaluator->add_split(random_split(network, 5, 4));
    const double plain = total(evaluator->evaluate(weights, split, never)).loss;
    evaluator->set_recalibration(random_split(network, 12, 5), 6);
    evaluator->set_space({weights, {{moved(network, weights, 0.1, 6), false}}});
    evaluator->move_to(std::vector{0.0});
    const at::Tensor states = evaluator->recalibrate(never);
    EXPECT_NE(total(evaluator->evaluate(split, never)).loss, plain);
    evaluator->set_weights({weights.parameters, at::full_like(weights.states, 7)});
    EXPECT_TRUE(at::equal(evaluator->recalibrate(never), states));
    evaluator->prepare(std::vector{1.0});
    evaluator->move_to(std::vector{1.0});
    EXPECT_FALSE(at::equal(evaluator->recalibrate(never), states));
    evaluator->move_to(std::vector{0.0});
    EXPECT_EQ(total(evaluator->evaluate(split, never)).loss, plain);
}

TEST_P(Recalibrating, WithoutBatchNormGivesBackTheStates) {
    for (const char* architecture : {"mlp", "lenet5"}) {
        const auto network = model::build_network(architecture, 1, 10);
        const auto evaluator = this->evaluator(network);
        const int split = evaluator->add_split(random_split(network, 3, 8));
        evaluator->set_recalibration(random_split(network, 5, 7), 4);
        const auto weights = random_weights(network, 9);
        const double plain = total(evaluator->evaluate(weights, split, never)).loss;
        const at::Tensor states = evaluator->recalibrate(never);
        ASSERT_TRUE(states.defined());
        EXPECT_EQ(states.numel(), 0);
        EXPECT_EQ(total(evaluator->evaluate(split, never)).loss, plain);
    }
}

TEST_P(Recalibrating, CancelledGivesNothing) {
    const auto network = model::build_network("resnet20", 1, 10);
    const auto evaluator = this->evaluator(network);
    evaluator->set_recalibration(random_split(network, 6, 1), 3);
    evaluator->set_weights(random_weights(network, 2));
    CancelToken cancel;
    cancel.cancel();
    EXPECT_FALSE(evaluator->recalibrate(cancel).defined());
    EXPECT_TRUE(evaluator->recalibrate(never).defined());
}

TEST_P(Recalibrating, NotFiniteIsAsInThePlainPass) {
    const auto network = model::build_network("resnet20", 1, 10);
    const auto train = random_split(network, 10, 11), test = random_split(network, 3, 12);
    const auto weights = random_weights(network, 10);
    const auto evaluator = this->evaluator(network);
    const int split = evaluator->add_split(test);
    evaluator->set_recalibration(train, 4);
    at::Tensor states;
    const auto loss_of = [&](const model::Weights& point) {
        evaluator->set_weights(point);
        states = evaluator->recalibrate(never);
        const at::Tensor expected = recalibrated(make_evaluator(network, {.kind = Kind::reference}).get(), point, train, 4);
        EXPECT_TRUE(at::equal(states.isnan(), expected.isnan()));
        if (expected.isfinite().all().item<bool>()) {
            EXPECT_LT(greatest_error(network, states, expected.to(at::kDouble)), 1e-5);
        }
        return total(evaluator->evaluate(split, never)).loss;
    };
    loss_of(weights);
    const at::Tensor before = states;
    const auto broken = weights.clone();
    model::views(broken.parameters, network.space.parameters)[12].view({-1})[3] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(std::isnan(loss_of(broken)));
    EXPECT_TRUE(std::isfinite(loss_of(weights)));
    EXPECT_TRUE(at::equal(states, before)) << "something was left behind";
    const auto large = weights.clone();
    large.parameters.mul_(1e9);  // batch norm takes it out again, but for the shift and the last layer
    EXPECT_TRUE(std::isfinite(loss_of(large)));
    const auto overflowing = weights.clone();  // products of two layers do, after batches of finite ones
    overflowing.parameters.mul_(1e19);
    loss_of(overflowing);
    EXPECT_FALSE(states.isfinite().all().item<bool>());
    loss_of(weights);
    EXPECT_TRUE(at::equal(states, before)) << "something was left behind";
}

TEST_P(Recalibrating, RefusesWhatItCannotDo) {
    const auto convolutions = model::build_network("resnet20", 1, 10);
    const auto refused = [&](std::int64_t images, std::int64_t batch, std::optional<model::Network> other = {}) {
        const model::Network network = other.value_or(convolutions);
        try {
            evaluator(network)->set_recalibration(random_split(network, images, 1), batch);
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ExitCode::config);
            return std::string(error.what());
        }
        return std::string();
    };
    EXPECT_THAT(refused(4, 0), testing::HasSubstr("evaluate.recalibrate.batch is 0"));
    EXPECT_THAT(refused(0, 4), testing::HasSubstr("no train images"));
    EXPECT_EQ(refused(5, 4), "") << "one image alone, many pixels";
    const auto rows = sketches::rows();
    EXPECT_THAT(refused(5, 4, rows), testing::HasSubstr("a batch of one image, which batches of 4 leave of 5"));
    EXPECT_THAT(refused(5, 1, rows), testing::HasSubstr("evaluate.recalibrate.limit"));
    EXPECT_EQ(refused(6, 4, rows), "");
}

INSTANTIATE_TEST_SUITE_P(All, Recalibrating, testing::Values(Kind::compiled, Kind::reference),
                         [](const auto& info) { return info.param == Kind::compiled ? "compiled" : "reference"; });

}  // namespace

}  // namespace orograph::evaluate
