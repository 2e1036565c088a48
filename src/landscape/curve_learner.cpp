#include "curve_learner.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/files.hpp"
#include "orograph/core/random.hpp"
#include "orograph/core/safetensors.hpp"
#include "orograph/core/text.hpp"

#include <cmath>

namespace orograph::landscape {

namespace {

// Apart from those that others draw from with the same seed: initial weights, order, augmentation, directions.
constexpr std::uint64_t t_stream = std::uint64_t{4} << 32;

// The decay acts on phi, not on what is optimized.
train::Recipe without_decay(train::Recipe recipe) {
    recipe.weight_decay = 0;
    return recipe;
}

const CurveStart& validated(const CurveStart& start, const train::Recipe& recipe) {
    OROGRAPH_EXPECT(start.bends >= 0 && start.ends[0].parameters.numel() == start.ends[1].parameters.numel());
    OROGRAPH_VALIDATE(start.bends > 0 || !start.fix_ends[0] || !start.fix_ends[1], ExitCode::config,
                      "a curve without bends whose ends are both fixed has nothing to train; set curve.bends to at least 1");
    OROGRAPH_VALIDATE(recipe.optimizer == train::OptimizerKind::sgd, ExitCode::config, "train.optimizer: a curve is trained with sgd");
    return start;
}

// theta_j = (1-s) theta_0 + s theta_last with s = j / (n-1), [n, P]; exact at both ends.
at::Tensor straight_segment(const CurveStart& start, at::Device device) {
    std::vector<at::Tensor> rows{start.ends[0].parameters};
    for (int j = 1; j <= start.bends; ++j) {
        const double s = static_cast<double>(j) / (start.bends + 1);
        rows.push_back((1 - s) * start.ends[0].parameters + s * start.ends[1].parameters);
    }
    rows.push_back(start.ends[1].parameters);
    return at::stack(rows).to(device);
}

std::vector<model::Weights> points_of(const model::Network& network, const CurveStart& start, const at::Tensor& points) {
    std::vector<model::Weights> list;
    for (std::int64_t j = 0; j < points.size(0); ++j) list.push_back({points[j], model::initial_states(network).to(points.device())});
    if (start.fix_ends[0]) list.front().states = start.ends[0].states.to(points.device());
    if (start.fix_ends[1]) list.back().states = start.ends[1].states.to(points.device());
    return list;
}

FileTensor float_tensor(const std::string& name, const std::vector<float>& values) {
    const auto bytes = std::as_bytes(std::span(values));
    return {name, "F32", {static_cast<std::int64_t>(values.size())}, {bytes.begin(), bytes.end()}};
}

// What the authors' modules Bezier and PolyChain keep beside the bends.
std::vector<FileTensor> coefficient_layer(CurveKind kind, std::size_t points) {
    std::vector<float> range, binomials{1};
    for (std::size_t j = 0; j < points; ++j) range.push_back(static_cast<float>(j));
    if (kind == CurveKind::polychain) return {float_tensor("coeff_layer.range", range)};
    double binomial = 1;
    for (std::size_t j = 1; j < points; ++j) {
        binomial = binomial * static_cast<double>(points - j) / static_cast<double>(j);
        binomials.push_back(static_cast<float>(binomial));
    }
    return {float_tensor("coeff_layer.binom", binomials), float_tensor("coeff_layer.range", range),
            float_tensor("coeff_layer.rev_range", {range.rbegin(), range.rend()})};
}

std::string point_file(std::size_t number) {
    return cat("bend-", number, ".safetensors");
}

}  // namespace

double training_t(std::uint64_t seed, std::int64_t step) {
    return CounterRandom(seed, t_stream).uniform(static_cast<std::uint64_t>(step));
}

CurveLearner::CurveLearner(const model::Network& network, const CurveStart& start, const train::Recipe& recipe, at::Device device,
                           const par::Communicator& team)
    : network_(network),
      kind_(validated(start, recipe).kind),
      weight_decay_(recipe.weight_decay),
      seed_(recipe.seed),
      points_(straight_segment(start, device)),
      curve_(points_of(network, start, points_)),
      path_(kind_, curve_, device),
      phi_(path_.at(std::array{0.5})),
      first_free_(start.fix_ends[0] ? 1 : 0),
      end_free_(points_.size(0) - (start.fix_ends[1] ? 1 : 0)),
      trained_(points_.slice(0, first_free_, end_free_).view(-1)),
      slopes_(at::zeros_like(trained_)),
      gradient_(network, {phi_.parameters, {}}, recipe.seed, team),
      optimizer_(without_decay(recipe), trained_.numel(), device) {
    phi_.states = model::initial_states(network).to(device);
}

double CurveLearner::step(const train::Batch& batch, double lr) {
    const double t = training_t(seed_, optimizer_.steps());
    path_.at(std::array{t});
    const double cross_entropy = gradient_.compute(batch, optimizer_.steps());
    const at::NoGradGuard no_grad;
    const double square = phi_.parameters.square().sum(at::kDouble).item<double>();
    const double loss = cross_entropy + 0.5 * weight_decay_ * square;
    if (!std::isfinite(loss)) return loss;
    at::Tensor& slope = gradient_.values();
    slope.add_(phi_.parameters, weight_decay_);
    const std::vector<double> coefficients = path_.coefficients(std::array{t});
    const at::Tensor rows = slopes_.view({end_free_ - first_free_, -1});
    for (std::int64_t j = first_free_; j < end_free_; ++j)
        rows[j - first_free_].copy_(slope).mul_(coefficients[static_cast<std::size_t>(j)]);
    optimizer_.step(trained_, slopes_, lr);
    return loss;
}

train::NamedTensors CurveLearner::tensors() {
    train::NamedTensors named = optimizer_.tensors();
    named.emplace_back("bends", trained_);
    return named;
}

const model::Weights& CurveLearner::judged() {
    path_.at(std::array{0.5});
    return phi_;
}

void CurveLearner::write_final(const std::filesystem::path& folder, const Metadata& metadata) {
    std::vector<std::string> files;
    for (std::size_t j = 0; j < curve_.size(); ++j) {
        Metadata own = metadata;
        own["architecture"] = network_.architecture;
        own["curve"] = to_string(kind_);
        own["bend"] = cat(j, " of 0 to ", curve_.size() - 1);
        files.push_back(point_file(j));
        model::save_weights(folder / files.back(), network_, curve_[j], own);
    }
    model::save_curve(folder / "curve.safetensors", network_, curve_, coefficient_layer(kind_, curve_.size()), metadata);
    write_file_atomically(final_file(folder),
                          cat("kind: ", to_string(kind_), "\narchitecture: ", network_.architecture, "\nbends: [", join(files),
                              "]\nweight_decay: ", shortest(weight_decay_), "\nepochs: ", metadata.at("epoch"), "\nseed: ", seed_, "\n"));
}

std::unique_ptr<train::Learner> make_curve_learner(const model::Network& network, const CurveStart& start, const train::Recipe& recipe,
                                                   at::Device device, const par::Communicator& team) {
    return std::make_unique<CurveLearner>(network, start, recipe, device, team);
}

}  // namespace orograph::landscape
