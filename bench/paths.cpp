// How long a point takes by the compiled evaluator and by the plain network, for any list of networks. See README.md.
#include "program.hpp"

#include "orograph/model/exported.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>

namespace {

using namespace orograph;

struct Request {
    std::vector<std::string> networks, files;
    int channels = 3, threads = 1, points = 4, most_images = 128;
    double multiply_adds = 1e10;  // about, of a point
};

Request parse(int argc, char** argv) {
    Request request;
    CLI::App app("Compares the compiled evaluator with the plain network, point by point in turn");
    app.add_option("--networks", request.networks, "Names of architectures (default: all)");
    app.add_option("--files", request.files, "What exported.py or orograph.export wrote; alone, no architectures");
    app.add_option("--channels", request.channels, "Of the architectures' images")->check(CLI::IsMember({1, 3}));
    app.add_option("--threads", request.threads, "Threads of each evaluator");
    app.add_option("--points", request.points, "Timed points of each evaluator; the fastest counts");
    app.add_option("--images", request.most_images, "At most, a point; fewer where a network is large");
    app.add_option("--multiply-adds", request.multiply_adds, "About so many a point");
    bench::parse(app, argc, argv);
    if (request.networks.empty() && request.files.empty()) request.networks = model::known_architectures();
    return request;
}

struct Subject {
    std::string name;
    model::Network network;
    model::Weights centre;
};

Subject read(const std::string& name, const Request& request) {
    if (!std::filesystem::exists(name)) {
        model::Network network = model::build_network(name, request.channels, 10);
        const model::Weights centre = model::initial_weights(network, 1);
        return {name, std::move(network), centre};
    }
    model::Network network = model::load_exported(name);
    const model::Weights centre = model::load_weights(name, network);
    return {std::filesystem::path(name).stem(), std::move(network), centre};
}

// A multiple of the threads, each of which has a batch of at least two.
std::int64_t images_of(const model::Network& network, const Request& request) {
    const auto wanted = static_cast<std::int64_t>(request.multiply_adds / static_cast<double>(network.multiply_adds()));
    return std::clamp<std::int64_t>(wanted, 4, request.most_images) / (2 * request.threads) * (2 * request.threads);
}

data::Split random_images(const model::Network& network, std::int64_t count) {
    const auto [channels, height, width] = network.ops.front().shape;
    return {"test", at::randn({count, channels, height, width}), at::randint(network.classes, {count}, at::kLong)};
}

class Path {
public:
    Path(const Subject& subject, const data::Split& split, evaluate::Kind kind, const Request& request) : images_(split.size()) {
        const std::int64_t batch = std::min<std::int64_t>(kind == evaluate::Kind::compiled ? 64 : 128, images_ / request.threads);
        evaluator_ = evaluate::make_evaluator(subject.network, {.kind = kind, .threads = request.threads, .batch = batch});
        number_ = evaluator_->add_split(split);
        evaluator_->set_space({subject.centre, {{subject.centre}}});
    }

    // The loss at the centre times 1 + coordinate.
    double point(double coordinate) {
        const double start = bench::now_s();
        const std::vector<double> coefficients{coordinate};
        evaluator_->move_to(coefficients);
        const double loss = bench::mean_loss(*evaluator_, number_, images_);
        fastest_s_ = std::min(fastest_s_, bench::now_s() - start);
        return loss;
    }

    void forget() { fastest_s_ = std::numeric_limits<double>::infinity(); }
    double fastest_s() const { return fastest_s_; }

private:
    std::int64_t images_;
    std::unique_ptr<evaluate::Evaluator> evaluator_;
    int number_ = 0;
    double fastest_s_ = std::numeric_limits<double>::infinity();
};

struct Outcome {
    double ratio = 0, difference = 0;
};

Outcome compare(const Subject& subject, const Request& request) {
    const data::Split split = random_images(subject.network, images_of(subject.network, request));
    Path plain(subject, split, evaluate::Kind::reference, request), compiled(subject, split, evaluate::Kind::compiled, request);
    Outcome outcome;
    for (int i = 0; i <= request.points; ++i) {
        const double at = 1e-3 * (i - 1), expected = plain.point(at), loss = compiled.point(at);
        outcome.difference = std::max(outcome.difference, std::abs(loss / expected - 1));
        if (i > 0) continue;  // the first one warms up
        plain.forget();
        compiled.forget();
    }
    outcome.ratio = plain.fastest_s() / compiled.fastest_s();
    std::printf("| %-22s | %6lld | %12.1f | %11.1f | %5.2f | %.0e |\n", subject.name.c_str(), static_cast<long long>(split.size()),
                1e3 * plain.fastest_s(), 1e3 * compiled.fastest_s(), outcome.ratio, outcome.difference);
    std::fflush(stdout);
    return outcome;
}

void compare_all(const Request& request) {
    std::vector<std::string> names = request.networks;
    names.insert(names.end(), request.files.begin(), request.files.end());
    std::printf("| network                | images | reference ms | compiled ms | ratio | loss  |\n");
    std::printf("|------------------------|-------:|-------------:|------------:|------:|------:|\n");
    std::string slower;
    for (const std::string& name : names) {
        const Subject subject = read(name, request);
        const std::string misfit = evaluate::why_not_compiled(subject.network);
        if (!misfit.empty()) {
            std::printf("| %-22s | plain only: %s |\n", subject.name.c_str(), misfit.c_str());
            continue;
        }
        const Outcome outcome = compare(subject, request);
        if (outcome.ratio < 1) slower += " " + subject.name;
        OROGRAPH_VALIDATE(outcome.difference < 1e-5, ExitCode::internal, name, ": the losses differ by ", outcome.difference);
    }
    std::printf("\nSlower compiled than plain:%s\n", slower.empty() ? " none" : slower.c_str());
}

}  // namespace

int main(int argc, char** argv) {
    const Request request = parse(argc, argv);
    return bench::run([&] { compare_all(request); });
}
