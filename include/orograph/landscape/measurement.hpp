#pragma once

#include "orograph/core/stop.hpp"
#include "orograph/evaluate/evaluator.hpp"
#include "orograph/landscape/parametrisation.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace orograph::landscape {

// One value of a record: the name of its dataset in the surface file, what it is, its unit ("nat", "percent", "1").
struct Field {
    std::string name, long_name, units;
};

// What LossMeasurement measures.
std::vector<Field> loss_fields(const std::vector<data::Split>& splits, evaluate::Loss loss);

// A point -> a record of float64 values. A group of shards computes it together: each member its partial() from the data that it holds, the
// leader record() from all of them in shard order.
class Measurement {
public:
    virtual ~Measurement() = default;
    virtual const std::vector<Field>& fields() const = 0;
    // This shard's part; empty where `cancel` was set meanwhile. `next` is a hint: the point that will probably be asked for next, empty
    // where none is known.
    virtual std::vector<double> partial(std::span<const double> coordinates, std::span<const double> next, const CancelToken& cancel) = 0;
    // One value a field.
    virtual std::vector<double> record(std::span<const std::vector<double>> partials) const = 0;
};

// Images, not augmented, from which each point's batch norm takes its statistics, in batches of `batch` (evaluate::Evaluator::recalibrate).
struct Recalibration {
    data::Split images;
    std::int64_t batch = 128;
};

// Mean loss and accuracy in percent on each split: train_loss, train_acc, test_loss, test_acc (numerics.md section 2). Partials are the
// batch sums, added in batch order.
class LossMeasurement : public Measurement {
public:
    // `dataset` holds all images; this shard's batches are cut out here. `loss` is the evaluator's, for names and units. With
    // `recalibration` each point is evaluated with statistics of its own; every shard computes all of them by itself, so that the number of
    // shards changes no bit.
    LossMeasurement(std::unique_ptr<Parametrisation> parametrisation, std::unique_ptr<evaluate::Evaluator> evaluator,
                    const data::Dataset& dataset, int shard, int shards, evaluate::Loss loss = evaluate::Loss::cross_entropy,
                    const std::optional<Recalibration>& recalibration = {});
    int shard() const { return shard_; }
    const std::vector<Field>& fields() const override { return fields_; }
    std::vector<double> partial(std::span<const double> coordinates, std::span<const double> next, const CancelToken& cancel) override;
    std::vector<double> record(std::span<const std::vector<double>> partials) const override;

private:
    struct SplitPart {
        int number = -1;                          // in the evaluator; -1: this shard holds none of it
        std::int64_t images = 0;                  // of the whole split
        std::vector<std::int64_t> shard_batches;  // batches each shard holds
    };
    void set_point(std::span<const double> coordinates, std::span<const double> next);

    std::unique_ptr<Parametrisation> parametrisation_;
    std::unique_ptr<evaluate::Evaluator> evaluator_;
    std::vector<SplitPart> splits_;
    std::vector<Field> fields_;
    int shard_ = 0;
    bool recalibrates_ = false;
};

}  // namespace orograph::landscape
