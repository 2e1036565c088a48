// One measurement for compare.py or curve.py: an evaluator's time a point, on the inputs that inputs.py wrote. See README.md.
#include "inputs.hpp"
#include "program.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <iterator>

namespace {

using namespace orograph;

struct Request {
    std::filesystem::path folder;  // centre, x, y and data .safetensors
    std::string network, evaluator, precision, convolution;
    int channels = 1, threads = 1;
    std::int64_t batch = 0;
    std::int64_t recalibrate = 0;  // images a batch of batch norm's recalibration; 0: none
};

struct Data {
    data::Split split;
    std::optional<data::Split> train;         // of a curve
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
    app.add_option("--recalibrate", request.recalibrate, "Images a batch of a recalibration at each point; 0: none");
    bench::parse(app, argc, argv);
    return request;
}

Data read_data(const std::filesystem::path& path, bool with_train) {
    const TensorFile file = read_safetensors(path);
    Data data{bench::read_split(file), {}, {}};
    if (with_train) data.train = {"train", bench::find(file, "train_images"), bench::find(file, "train_labels")};
    const at::Tensor points = bench::find(file, "points").to(at::kDouble);
    for (std::int64_t i = 0; i < points.size(0); ++i) data.points.push_back({points[i][0].item<double>(), points[i][1].item<double>()});
    return data;
}

// Of all threads of this process.
double cpu_s() {
    return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
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
    Measurement(const Request& request, const Data& data)
        : network_(model::build_network(request.network, request.channels, 10)),
          evaluator_(evaluate::make_evaluator(network_, options(request))),
          recalibrates_(request.recalibrate > 0) {
        if (data.train) splits_.push_back(add(*data.train));
        splits_.push_back(add(data.split));
        if (recalibrates_) evaluator_->set_recalibration(data.train.value(), request.recalibrate);
        evaluator_->set_space(bench::read_plane(request.folder, network_, at::kCPU));
    }

    // A point, untimed.
    void warm_up(const std::vector<double>& coordinates) {
        set_up(coordinates);
        losses();
    }

    void point(const std::vector<double>& coordinates) {
        const double start = bench::now_s(), worked = cpu_s();
        set_up(coordinates);
        const double ready = bench::now_s();
        std::ranges::move(losses(), std::back_inserter(losses_));
        times_s_.push_back(bench::now_s() - start);
        cpu_s_.push_back(cpu_s() - worked);
        set_ups_s_.push_back(ready - start);
    }

    nlohmann::json result() const {
        return {{"identity", evaluator_->identity()},
                {"multiply_adds", network_.multiply_adds()},
                {"times_s", times_s_},
                {"cpu_s", cpu_s_},
                {"set_ups_s", set_ups_s_},
                {"losses", losses_}};
    }

private:
    struct Split {
        int number;  // in the evaluator
        std::int64_t images;
    };

    Split add(const data::Split& split) { return {evaluator_->add_split(split), split.size()}; }

    void set_up(const std::vector<double>& coordinates) {
        evaluator_->move_to(coordinates);
        if (recalibrates_) evaluator_->recalibrate(never_);
    }

    std::vector<double> losses() {
        std::vector<double> found;
        for (const Split& split : splits_) found.push_back(bench::mean_loss(*evaluator_, split.number, split.images));
        return found;
    }

    const model::Network network_;
    const std::unique_ptr<evaluate::Evaluator> evaluator_;
    const bool recalibrates_;
    std::vector<Split> splits_;  // train where there is one, then the other
    const CancelToken never_;
    std::vector<double> times_s_, cpu_s_, set_ups_s_;  // one a point; a set-up is all before the losses
    std::vector<double> losses_;                       // of each point, of each split
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
    return bench::run([&] {
        const Data data = read_data(request.folder / "data.safetensors", request.recalibrate > 0);
        Measurement measurement(request, data);
        measurement.warm_up(data.points.front());
        wait_for_start();
        for (const auto& point : data.points) measurement.point(point);
        std::cout << measurement.result() << std::endl;
    });
}
