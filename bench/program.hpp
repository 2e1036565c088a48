#pragma once

#include "orograph/core/cores.hpp"
#include "orograph/core/error.hpp"
#include "orograph/evaluate/evaluator.hpp"

#include <CLI/CLI.hpp>

#include <chrono>
#include <functional>
#include <iostream>

// What the programs that measure one evaluator have in common.
namespace orograph::bench {

// --help and wrong options end the program.
inline void parse(CLI::App& app, int argc, char** argv) {
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        std::exit(app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage));
    }
}

// With malloc tuned as the program does. What main() returns: 0, or the code of an error, which it prints.
inline int run(const std::function<void()>& work) {
    tune_malloc();
    const auto error = error_from(work);
    if (!error) return 0;
    std::cerr << error->what() << '\n';
    return static_cast<int>(error->code());
}

// Between two of them is wall time.
inline double now_s() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// At the point to which the evaluator was moved.
inline double mean_loss(evaluate::Evaluator& evaluator, int split, std::int64_t images) {
    double loss = 0;
    for (const evaluate::BatchSum& sum : evaluator.evaluate(split, CancelToken())) loss += sum.loss;
    return loss / static_cast<double>(images);
}

}  // namespace orograph::bench
