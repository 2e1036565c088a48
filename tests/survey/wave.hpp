#pragma once

#include "orograph/landscape/measurement.hpp"

#include <chrono>
#include <cmath>
#include <limits>
#include <set>
#include <thread>

namespace orograph::test {

// What batch `batch` of Wave contributes at (x, y). The magnitudes make a sum in another order another float64.
inline double wave_batch(double x, double y, int batch) {
    return std::sin(3 * x + batch) * std::pow(10.0, batch % 3 * 4) + std::cos(5 * y - batch);
}

constexpr int wave_batches = 7;

// A cheap measurement whose partial is the shard's share of seven batch values and whose record sums all of them in batch order. Records are NaN where x > nan_above.
class Wave : public landscape::Measurement {
public:
    Wave(int shard, int shards) : first_(wave_batches * shard / shards), last_(wave_batches * (shard + 1) / shards) {}

    const std::vector<landscape::Field>& fields() const override { return fields_; }

    std::vector<double> partial(std::span<const double> coordinates, std::span<const double> next, const CancelToken& cancel) override {
        points_.insert({coordinates[0], coordinates[1]});
        hints_.emplace_back(next.begin(), next.end());
        ++calls_;
        if (before_) before_(calls_, cancel);
        if (cancel.cancelled()) return {};
        std::vector<double> values{coordinates[0]};
        for (int batch = first_; batch < last_; ++batch) values.push_back(wave_batch(coordinates[0], coordinates[1], batch));
        return values;
    }

    std::vector<double> record(std::span<const std::vector<double>> partials) const override {
        double sum = 0;
        int count = 0;
        for (const auto& partial : partials) {
            for (std::size_t i = 1; i < partial.size(); ++i, ++count) sum += partial[i];
        }
        if (partials[0][0] > nan_above) sum = std::numeric_limits<double>::quiet_NaN();
        return {sum, static_cast<double>(count)};
    }

    // Runs at the start of the n-th partial (n from 1), on the computing thread.
    void before(std::function<void(int, const CancelToken&)> action) { before_ = std::move(action); }
    int calls() const { return calls_; }                                   // after run()
    const std::set<std::pair<double, double>>& points() const { return points_; }  // after run()
    const std::vector<std::vector<double>>& hints() const { return hints_; }  // of each call, after run()

    double nan_above = std::numeric_limits<double>::infinity();

private:
    int first_, last_;
    int calls_ = 0;
    std::set<std::pair<double, double>> points_;
    std::vector<std::vector<double>> hints_;
    std::function<void(int, const CancelToken&)> before_;
    std::vector<landscape::Field> fields_{{"wave", "sum of batch values", "1"}, {"batches", "batches summed", "1"}};
};

inline void wait_until_cancelled(const CancelToken& cancel) {
    while (!cancel.cancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace orograph::test
