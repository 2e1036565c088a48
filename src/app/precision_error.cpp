#include "precision_error.hpp"

#include "measurements.hpp"

#include "orograph/core/stop.hpp"
#include "orograph/core/text.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <set>
#include <stop_token>
#include <thread>

namespace orograph::app {

namespace {

constexpr std::int64_t most_images = 1024;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

std::set<std::int64_t> sample_indices(const survey::Axis& axis, bool half_way) {
    const auto& values = axis.coordinates;
    const auto nearest = std::ranges::min_element(values, {}, [](double value) { return std::abs(value); }) - values.begin();
    const auto last = std::ssize(values) - 1;
    if (half_way) return {0, nearest / 2, nearest, (nearest + last) / 2, last};
    return {0, nearest, last};
}

data::Dataset first_images(const data::Dataset& dataset) {
    data::Dataset part = dataset;
    for (auto& split : part.splits) split = data::slice(split, 0, std::min(split.size(), most_images));
    return part;
}

std::string image_counts(const data::Dataset& dataset) {
    std::vector<std::string> words;
    for (const auto& split : dataset.splits) words.push_back(cat(split.name, " ", split.size()));
    return join(words);
}

std::unique_ptr<landscape::Measurement> measurement_of(const Inputs& inputs, const data::Dataset& dataset, evaluate::Options options,
                                                       evaluate::Precision precision) {
    options.precision = precision;
    return make_measurement(inputs, dataset, evaluate::make_evaluator(inputs.network, options), options, /*shard=*/0, /*shards=*/1);
}

// Cancels once the job is asked to stop: a point can take minutes.
class CancelOnStop {
public:
    const CancelToken& token() const { return token_; }

private:
    void watch(const std::stop_token& end) {
        while (!end.stop_requested() && !token_.cancelled()) {
            if (stop_requested()) token_.cancel();
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    }

    CancelToken token_;
    std::jthread watcher_{[this](const std::stop_token& end) { watch(end); }};
};

double relative_error(double value, double exact) {
    if (!std::isfinite(exact)) return nan;
    if (!std::isfinite(value)) return infinity;
    return value == exact ? 0 : std::abs(value - exact) / std::abs(exact);
}

}  // namespace

std::vector<survey::PointIndex> sample_points(const survey::Grid& grid) {
    std::vector<std::int64_t> points{0};
    for (const auto& axis : grid.axes()) {
        std::vector<std::int64_t> longer;
        for (const auto point : points)
            for (const auto index : sample_indices(axis, grid.axes().size() == 1))
                longer.push_back(point * std::ssize(axis.coordinates) + index);
        points = std::move(longer);
    }
    std::vector<survey::PointIndex> result;
    for (const auto point : points) result.push_back(survey::PointIndex{point});
    return result;
}

// std::fmax leaves a NaN out where the other number is none.
void add_point(PrecisionError& error, const std::vector<landscape::Field>& fields, std::span<const double> exact,
               std::span<const double> other) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (fields[i].units == "percent")
            error.accuracy = std::fmax(error.accuracy, std::abs(other[i] - exact[i]));
        else
            error.loss = std::fmax(error.loss, relative_error(other[i], exact[i]));
    }
}

std::optional<PrecisionError> measure_precision_error(const Inputs& inputs, const survey::Grid& grid, const evaluate::Options& options) {
    const data::Dataset dataset = first_images(inputs.dataset);
    const auto exact = measurement_of(inputs, dataset, options, evaluate::Precision::fp32);
    const auto other = measurement_of(inputs, dataset, options, options.precision);
    const CancelOnStop stop;
    PrecisionError error{.images = image_counts(dataset), .loss = nan, .accuracy = nan};
    for (const auto point : sample_points(grid)) {
        const auto& coordinates = error.points.emplace_back(grid.coordinates(point));
        const std::vector<double> in_fp32 = exact->partial(coordinates, {}, stop.token());
        const std::vector<double> in_other = other->partial(coordinates, {}, stop.token());
        if (stop.token().cancelled()) return std::nullopt;
        add_point(error, exact->fields(), exact->record({&in_fp32, 1}), other->record({&in_other, 1}));
    }
    return error;
}

std::map<std::string, std::string> provenance_of(const PrecisionError& error) {
    std::vector<std::string> points;
    for (const auto& coordinates : error.points) {
        std::vector<std::string> words;
        for (const double value : coordinates) words.push_back(shortest(value));
        points.push_back("(" + join(words) + ")");
    }
    return {{"precision_error_loss_relative", shortest(error.loss)},
            {"precision_error_accuracy_percent", shortest(error.accuracy)},
            {"precision_error_points", join(points)},
            {"precision_error_images", error.images}};
}

}  // namespace orograph::app
