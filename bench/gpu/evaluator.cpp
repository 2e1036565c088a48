// One measurement for check.py: an evaluator's time a point on one device, on the inputs that bench/inputs.py wrote; or a whole surface.
#include "factories.hpp"
#include "inputs.hpp"
#include "plan.hpp"
#include "program.hpp"

#include <nlohmann/json.hpp>

#include <filesystem>

namespace {

using namespace orograph;

struct Request {
    std::filesystem::path folder;  // centre, x, y and data .safetensors
    std::string network, evaluator = "compiled", precision = "fp32", device = "cuda";
    int channels = 3, points = 3, grid = 0;
    std::int64_t batch = 0;
    double limit_s = 60;
};

Request parse(int argc, char** argv) {
    Request request;
    CLI::App app("Measures one evaluator for bench/gpu/check.py");
    app.add_option("folder", request.folder, "Where inputs.py wrote")->required();
    app.add_option("--network", request.network, "An architecture's name")->required();
    app.add_option("--channels", request.channels, "Of the images");
    app.add_option("--evaluator", request.evaluator)->check(CLI::IsMember({"compiled", "reference"}));
    app.add_option("--precision", request.precision)->check(CLI::IsMember({"fp32", "tf32", "bf16"}));
    app.add_option("--device", request.device)->check(CLI::IsMember({"cuda", "cpu"}));
    app.add_option("--batch", request.batch, "Images a batch; 0: the evaluator's choice");
    app.add_option("--points", request.points, "Timed points");
    app.add_option("--grid", request.grid, "Instead, a surface of so many points a side, until the limit");
    app.add_option("--limit", request.limit_s, "Seconds for the surface");
    bench::parse(app, argc, argv);
    return request;
}

// On the CPU the GPU's evaluator too, so that a dry run takes its paths.
std::unique_ptr<evaluate::Evaluator> make(const Request& request, const model::Network& network) {
    const std::map<std::string, evaluate::Precision> precisions{
        {"fp32", evaluate::Precision::fp32}, {"tf32", evaluate::Precision::tf32}, {"bf16", evaluate::Precision::bf16}};
    evaluate::Options options{.precision = precisions.at(request.precision), .device = at::Device(request.device), .batch = request.batch};
    if (request.evaluator == "reference") options.kind = evaluate::Kind::reference;
    if (request.evaluator == "compiled" && request.device == "cpu") return evaluate::make_compiled_cuda(network, options);
    return evaluate::make_evaluator(network, options);
}

// Numbers that an image's fused steps read and write: each its source, its residual and its result once.
std::int64_t traffic(const model::Network& network) {
    const auto count = [](const std::array<std::int64_t, 3>& shape) { return shape[0] * shape[1] * shape[2]; };
    std::int64_t numbers = 0;
    for (const evaluate::Step& step : evaluate::make_plan(network).steps)
        numbers += count(step.input) + count(step.output) * (step.residual == evaluate::no_value ? 1 : 2);
    return numbers;
}

class Measurement {
public:
    explicit Measurement(const Request& request)
        : network_(model::build_network(request.network, request.channels, 10)), evaluator_(make(request, network_)) {
        const data::Split split = bench::read_split(read_safetensors(request.folder / "data.safetensors"));
        images_ = split.size();
        split_ = evaluator_->add_split(split);
        evaluator_->set_space(bench::read_plane(request.folder, network_, at::Device(request.device)));
    }

    // The mean loss at a point; the next one is prepared meanwhile.
    double point(const std::vector<double>& coordinates, const std::vector<double>& next) {
        evaluator_->move_to(coordinates);
        evaluator_->prepare(next);
        return bench::mean_loss(*evaluator_, split_, images_);
    }

    nlohmann::json described() const {
        return {{"identity", evaluator_->identity()},
                {"multiply_adds", network_.multiply_adds()},
                {"traffic", traffic(network_)},
                {"images", images_}};
    }

private:
    const model::Network network_;
    const std::unique_ptr<evaluate::Evaluator> evaluator_;
    std::int64_t images_ = 0;
    int split_ = 0;
};

// Times of the same two points in turn, after an untimed one; the losses of both.
nlohmann::json time_points(Measurement& measurement, int count) {
    const std::vector<std::vector<double>> points{{0.125, -0.0625}, {-0.25, 0.125}};
    nlohmann::json result = measurement.described();
    const double first = bench::now_s();
    measurement.point(points[1], points[0]);
    result["first_s"] = bench::now_s() - first;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        const double start = bench::now_s();
        const double loss = measurement.point(points[i % 2], points[(i + 1) % 2]);
        result["times_s"].push_back(bench::now_s() - start);
        if (i < 2) result["losses"].push_back(loss);
    }
    return result;
}

nlohmann::json time_surface(Measurement& measurement, int side, double limit_s) {
    const auto at = [side](int point) {
        const auto coordinate = [side](int index) { return -1 + 2.0 * index / std::max(1, side - 1); };
        return std::vector<double>{coordinate(point % side), coordinate(point / side)};
    };
    measurement.point(at(0), at(0));
    const double start = bench::now_s();
    int done = 0, non_finite = 0;
    while (done < side * side && bench::now_s() - start < limit_s) {
        non_finite += std::isfinite(measurement.point(at(done), at((done + 1) % (side * side)))) ? 0 : 1;
        ++done;
    }
    nlohmann::json result = measurement.described();
    result.update({{"seconds", bench::now_s() - start}, {"done", done}, {"points", side * side}, {"non_finite", non_finite}});
    return result;
}

}  // namespace

int main(int argc, char** argv) {
    const Request request = parse(argc, argv);
    return bench::run([&] {
        Measurement measurement(request);
        std::cout << (request.grid > 0 ? time_surface(measurement, request.grid, request.limit_s)
                                       : time_points(measurement, request.points))
                  << std::endl;
    });
}
