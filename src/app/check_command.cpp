#include "inputs.hpp"
#include "measurements.hpp"
#include "resources.hpp"
#include "schema.hpp"
#include "sweep.hpp"
#include "training.hpp"

#include "orograph/app/commands.hpp"
#include "orograph/core/files.hpp"
#include "orograph/core/log.hpp"
#include "orograph/core/openmp_variables.hpp"
#include "orograph/core/stop.hpp"
#include "orograph/core/text.hpp"
#include "orograph/landscape/measurement.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>

namespace orograph::app {

namespace {

constexpr std::int64_t fewest_images = 64, most_images = 1024;  // measured
constexpr double measured_s = 3;

struct Speed {
    double images_per_s = 0;
    double recalibrated_per_s = 0;  // images, where batch norm is recalibrated
    std::string evaluator, path;
    std::int64_t batch = 0;
};

// Of the second time, when all is set up.
template <class Work>
double images_per_s(std::int64_t images, const Work& work) {
    work();
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    return static_cast<double>(images) / elapsed.count();
}

// As many as are measured in measured_s at this speed.
std::int64_t images_in_time(double images_per_s) {
    return static_cast<std::int64_t>(std::clamp<double>(images_per_s * measured_s, fewest_images, most_images));
}

// Images a second of one rank, on a part of the first split and of the images of the recalibration; a small one first, as a large network
// may take seconds an image.
Speed measure_speed(const Inputs& inputs, const evaluate::Options& options) {
    const auto evaluator = evaluate::make_evaluator(inputs.network, options);
    const auto weights = inputs.weights.to(options.device);
    Speed speed{
        .evaluator = evaluator->identity(), .path = evaluate::describe_path(inputs.network, options.kind), .batch = evaluator->batch()};
    const auto& split = inputs.dataset.splits.front();
    for (std::int64_t count = fewest_images; count > 0;) {
        const auto part = data::slice(split, 0, std::min(split.size(), count));
        const int number = evaluator->add_split(part);
        speed.images_per_s = images_per_s(part.size(), [&] { evaluator->evaluate(weights, number, CancelToken{}); });
        const auto more = images_in_time(speed.images_per_s);
        count = more > 2 * count ? more : 0;
    }
    if (!inputs.recalibration) return speed;
    const auto& [images, batch] = *inputs.recalibration;
    const auto some = data::slice(images, 0, std::min(images.size(), std::max(batch, images_in_time(speed.images_per_s) / batch * batch)));
    evaluator->set_recalibration(some, batch);
    speed.recalibrated_per_s = images_per_s(some.size(), [&] { evaluator->recalibrate(CancelToken{}); });
    return speed;
}

// "40.8 M"
std::string human_count(double count) {
    const char* units[] = {"", " k", " M", " G", " T", " P", " E"};
    int unit = 0;
    for (; count >= 1000 && unit < 6; ++unit) count /= 1000;
    return cat(shortest(std::round(count * 10) / 10), units[unit]);
}

std::int64_t image_count(const data::Dataset& dataset) {
    std::int64_t images = 0;
    for (const auto& split : dataset.splits) images += split.size();
    return images;
}

// The numbers that all images of a data set are made of.
double values_of(const data::Dataset& dataset) {
    double values = 0;
    for (const auto& split : dataset.splits) values += static_cast<double>(split.images.numel());
    return values;
}

void print_network(const Inputs& inputs) {
    const auto& network = inputs.network;
    std::cout << "network    " << network.architecture << ", " << network.space.parameter_count() << " parameters in "
              << network.space.parameters.size() << " tensors, " << human_count(static_cast<double>(network.multiply_adds()))
              << " multiply-adds an image\n";
    std::cout << "data       " << inputs.dataset.set << ":";
    for (const auto& split : inputs.dataset.splits) std::cout << " " << split.name << " " << split.size();
    std::cout << " images, " << inputs.dataset.classes << " classes\n";
}

// One rank's time for a whole batch and for an image tells them for all: together they share each batch, in a sweep each trains a network
// of its own. Where batch norm is recalibrated after an epoch each rank does it all.
void print_training(const Config& config, const train::Recipe& recipe, const Inputs& inputs, const Speed& speed, double step_s, int ranks) {
    const auto images = inputs.dataset.find("train")->size();
    const auto steps = (images + recipe.batch - 1) / recipe.batch;
    const auto runs = config.job == Job::sweep ? sweep_grid(config).size() : 1;
    std::cout << "cost       " << (runs > 1 ? cat(runs, " runs x ") : "") << recipe.epochs << " epochs x " << steps << " steps of "
              << std::min(recipe.batch, images) << " images, " << shortest(std::round(1e4 * step_s) / 10) << " ms a step\n";
    const double evaluation_s = static_cast<double>(image_count(inputs.dataset)) / speed.images_per_s;
    double recalibration_s = 0;
    if (inputs.recalibration) {
        recalibration_s = static_cast<double>(images) / speed.recalibrated_per_s;
        std::cout << "judged     after each epoch at t = 1/2, batch norm recalibrated on " << images << " train images, "
                  << std::llround(speed.recalibrated_per_s) << " images/s a rank\n";
    }
    const int team = config.job == Job::sweep ? 1 : ranks, at_once = ranks / team;
    const double epoch_s = (static_cast<double>(steps) * step_s + evaluation_s) / team + recalibration_s;
    std::cout << "time       " << human_duration(recipe.epochs * epoch_s * static_cast<double>(runs) / at_once) << " on " << ranks
              << " ranks" << (runs > 1 ? ", if all runs are like the first" : "") << "\n";
}

void print_survey(const Inputs& inputs, const Speed& speed, double network_flops, int ranks, int shards) {
    const double points = static_cast<double>(survey::Grid(inputs.axes).size()), images = static_cast<double>(image_count(inputs.dataset));
    std::cout << "cost       " << points << " points x " << images << " images x " << human_count(network_flops)
              << " FLOPs = " << human_count(points * images * network_flops) << " FLOPs\n";
    double rank_seconds = points * images / speed.images_per_s;
    if (inputs.recalibration) {
        const auto recalibrated = inputs.recalibration->images.size();
        std::cout << "batch norm recalibrated at each point on " << recalibrated << " train images more, "
                  << std::llround(speed.recalibrated_per_s) << " images/s a rank\n";
        rank_seconds += shards * points * static_cast<double>(recalibrated) / speed.recalibrated_per_s;  // each shard does it all
    }
    std::cout << "time       " << human_duration(rank_seconds / ranks) << " on " << ranks << " ranks\n";
}

void print_cores(std::span<const RankCores> ranks) {
    const char* label = "cores      ";
    for (const auto& line : describe(ranks)) {
        std::cout << label << line << "\n";
        label = "           ";
    }
    const auto variables = set_aside_openmp_variables();
    if (!variables.empty()) std::cout << label << "not followed: " << join(variables) << "\n";
}

void print_file(const std::string& path, double bytes) {
    std::error_code unreadable;
    std::cout << "file       " << path << ", " << human_bytes(bytes);
    if (std::filesystem::exists(path, unreadable))
        std::cout << "; a file is there already\n";
    else if (const auto free = free_bytes(path))
        std::cout << ", " << human_bytes(*free) << " free there" << (bytes <= *free ? "" : ": too little") << "\n";
    else
        std::cout << "\n";
}

}  // namespace

ExitCode run_check(const par::Communicator& world, const Config& config) {
    remove_stop_handlers();
    const Config first = config.job == Job::sweep ? sweep_runs(config).front() : config;
    const auto resources = choose_resources(world, config.run);
    auto options = evaluate_options(world, config.evaluate, resources);
    Inputs inputs;
    Speed speed;
    double step_s = 0;
    par::agree(world, [&] {
        std::optional<TrainingInputs> training;
        if (trains(config.job)) training = load_training(first);
        inputs = training ? training->inputs : load_inputs(first);
        if (training && training->curve)
            inputs.recalibration = {*inputs.dataset.find("train"), std::max<std::int64_t>(first.train.batch, 2)};
        options = fitting_options(options, config.evaluate, inputs.network);
        speed = measure_speed(inputs, options);
        options.batch = speed.batch;
        if (training) step_s = measure_step_s(first, *training, resources);
    });
    if (world.rank() != 0) return ExitCode::done;
    const double network_flops = 2.0 * static_cast<double>(inputs.network.multiply_adds());
    print_network(inputs);
    std::cout << "path       " << speed.path << "\n";
    std::cout << "evaluator  " << speed.evaluator << ", " << resources.threads << " threads a rank, " << resources.device << "\n";
    print_cores(resources.cores);
    std::cout << "speed      " << std::llround(speed.images_per_s) << " images/s a rank ("
              << std::round(speed.images_per_s * network_flops / 1e8) / 10 << " GFLOP/s)\n";
    std::cout << "memory     " << human_bytes(4 * values_of(inputs.dataset)) << " of images a rank\n";
    if (trains(config.job)) {
        print_training(config, recipe_of(first.train), inputs, speed, step_s, world.size());
    } else {
        print_survey(inputs, speed, network_flops, world.size(), config.run.shards);
        print_file(config.output.file,
                   survey::file_bytes(schema_of(config, inputs, measured_fields(inputs, options.loss), options, speed.evaluator)));
    }
    std::cout << "the configuration is valid\n";
    return ExitCode::done;
}

}  // namespace orograph::app
