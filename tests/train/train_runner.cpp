// Trains ResNet-20 on a few images in the folder argv[1], as kill_test.cpp wants it. Exit 0: complete, 75: stopped on request, 1: error.
#include "synthetic.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/stop.hpp"
#include "orograph/train/trainer.hpp"

#include <cstdio>

int main(int argc, char** argv) {
    using namespace orograph;
    if (argc != 2) return 2;
    install_stop_handlers();
    try {
        const auto network = model::build_network("resnet20", 1, 10);
        train::Recipe recipe;
        recipe.lr = 0.02;
        recipe.epochs = 3;
        recipe.batch = 8;
        const auto outcome = train::train(network, model::initial_weights(network, 5), testing::make_dataset(38, 16), recipe,
                                          {argv[1], {{"run", "killed"}}, false}, {.threads = 2, .progress = "none", .save_s = 0});
        return outcome.complete ? 0 : 75;
    } catch (const Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
