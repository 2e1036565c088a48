#include "run_options.hpp"
#include "training.hpp"

#include "orograph/app/commands.hpp"
#include "orograph/core/log.hpp"

namespace orograph::app {

ExitCode run_train(const par::Communicator& world, const Config& config) {
    const auto resources = choose_resources(world, config.run);
    const auto outcome = run_training(world, config, resources, stop_of_job(world, config.output.folder));
    if (!outcome.complete) {
        log::info(
            cat(config.output.folder, ": stopped early after ", outcome.epochs_done, " epochs; start the same command again to go on"));
        return ExitCode::stopped;
    }
    const auto& last = outcome.history.back();
    log::info(cat(outcome.final_weights.string(), ": complete, ", outcome.epochs_done, " epochs, train loss ", shortest(last.train_loss),
                  ", train accuracy ", shortest(last.train_acc), " %, test loss ", shortest(last.test_loss), ", test accuracy ",
                  shortest(last.test_acc), " %"));
    return ExitCode::done;
}

}  // namespace orograph::app
