// One measurement for compare.py: an evaluator's time a point, on the inputs that inputs.py wrote. See README.md.
#include "inputs.hpp"

#include "orograph/core/cores.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <filesystem>
#include <iostream>

namespace {

using namespace orograph;

struct Request {
    std::filesystem::path folder;  // centre, x, y and data .safetensors
    std::string network, evaluator, precision, convolution;
    int channels = 1, threads = 1;
    std::int64_t batch = 0;
};

struct Data {
    data::Split split;
    std::vector<std::vector<double>> points;  // coordinates
};

Request parse(int argc, char** argv) {
    Request request;
    CLI::App app("Measures one evaluator for bench/compare.py");
    app.add_option("folder", request.folder, "Where inputs.py wrote")->required();
    app.add_option("--network", request.network, "An architecture's name")->required();
    app.add_option("--channels", request.channels, "Of the images");
    app.add_option("--evaluator", request.evaluator, "compiled or reference")->required()->check(CLI::IsMember({"compiled", "reference"}));
    app.add_option("--precision", request.precision, "fp32 or bf16")->check(CLI::IsMember({"fp32", "bf16"}))->default_val("fp32");
    app.add_option("--convolution", request.convolution, "automatic or direct")
        ->check(CLI::IsMember({"automatic", "direct"}))
        ->default_val("automatic");
    app.add_option("--threads", request.threads, "Threads of the evaluator");
    app.add_option("--batch", request.batch, "Images a batch; 0: the evaluator's choice");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        std::exit(app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage));
    }
    return request;
}

Data read_data(const std::filesystem::path& path) {
    const TensorFile file = read_safetensors(path);
    Data data{bench::read_split(file), {}};
    const at::Tensor points = bench::find(file, "points").to(at::kDouble);
    for (std::int64_t i = 0; i < points.size(0); ++i) data.points.push_back({points[i][0].item<double>(), points[i][1].item<double>()});
    return data;
}

double now_s() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

evaluate::Options options(const Request& request) {
    return {.kind = request.evaluator == "compiled" ? evaluate::Kind::compiled : evaluate::Kind::reference,
            .precision = request.precision == "bf16" ? evaluate::Precision::bf16 : evaluate::Precision::fp32,
            .convolution = request.convolution == "direct" ? evaluate::Convolution::direct : evaluate::Convolution::automatic,
            .threads = request.threads,
            .batch = request.batch};
}

class Measurement {
public:
    Measurement(const Request& request, const data::Split& split)
        : network_(model::build_network(request.network, request.channels, 10)),
          evaluator_(evaluate::make_evaluator(network_, options(request))),
          images_(split.size()),
          split_(evaluator_->add_split(split)),
          start_(evaluator_->add_split(data::slice(split, 0, std::min(images_, evaluator_->batch() * request.threads)))) {
        evaluator_->set_space(bench::read_plane(request.folder, network_, at::kCPU));
    }

    // A batch a thread, untimed.
    void warm_up(const std::vector<double>& coordinates) {
        evaluator_->move_to(coordinates);
        evaluator_->evaluate(start_, never_);
    }

    void point(const std::vector<double>& coordinates) {
        const double start = now_s();
        evaluator_->move_to(coordinates);
        const double ready = now_s();
        double loss = 0;
        for (const evaluate::BatchSum& sum : evaluator_->evaluate(split_, never_)) loss += sum.loss;
        times_s_.push_back(now_s() - start);
        set_ups_s_.push_back(ready - start);
        losses_.push_back(loss / static_cast<double>(images_));
    }

    nlohmann::json result() const {
        return {{"identity", evaluator_->identity()},
                {"multiply_adds", network_.multiply_adds()},
                {"times_s", times_s_},
                {"set_ups_s", set_ups_s_},
                {"losses", losses_}};
    }

private:
    const model::Network network_;
    const std::unique_ptr<evaluate::Evaluator> evaluator_;
    const std::int64_t images_;
    const int split_, start_;  // numbers in the evaluator
    const CancelToken never_;
    std::vector<double> times_s_, set_ups_s_, losses_;  // one a point
};

// compare.py sends the line when the other processes of the measurement are ready too.
void wait_for_start() {
    std::cout << "ready" << std::endl;
    std::string line;
    std::getline(std::cin, line);
}

}  // namespace

int main(int argc, char** argv) {
    const Request request = parse(argc, argv);
    try {
        tune_malloc();
        const Data data = read_data(request.folder / "data.safetensors");
        Measurement measurement(request, data.split);
        measurement.warm_up(data.points.front());
        wait_for_start();
        for (const auto& point : data.points) measurement.point(point);
        std::cout << measurement.result() << std::endl;
        return 0;
    } catch (const Error& error) {
        std::cerr << error.what() << '\n';
        return static_cast<int>(error.code());
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return static_cast<int>(ExitCode::internal);
    }
}
