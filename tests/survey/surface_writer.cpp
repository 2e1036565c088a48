// Writes a synthetic surface file and notes each point in FILE.ack.RANK once write() has returned; may kill itself on the way.
//
//     surface_writer FILE NX NY [--mpi] [--xmf] [--pause-us N] [--kill-rank R --kill-after POINTS --kill-delay-us N]
//
// NY = 0 makes a line. --kill-after counts this run's points on rank R; -1 kills from before the file is looked at. The killing thread
// does not wait for the writing one.
#include "synthetic_surface.hpp"

#include "orograph/par/environment.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <map>
#include <optional>
#include <thread>

namespace orograph::survey {
namespace {

struct Request {
    std::string file;
    int nx = 0, ny = 0;
    std::map<std::string, std::int64_t> options;

    std::int64_t option(const std::string& name, std::int64_t otherwise) const {
        const auto found = options.find(name);
        return found == options.end() ? otherwise : found->second;
    }
};

Request parse(const std::vector<std::string>& words) {
    Request request{words.at(0), std::stoi(words.at(1)), std::stoi(words.at(2)), {}};
    for (std::size_t i = 3; i < words.size(); ++i) {
        const bool is_switch = words[i] == "--mpi" || words[i] == "--xmf";
        request.options[words[i]] = is_switch ? 1 : std::stoll(words.at(i + 1));
        if (!is_switch) ++i;
    }
    return request;
}

std::atomic<std::int64_t> acknowledged{0};

void start_killer(const Request& request, int rank) {
    if (request.option("--kill-rank", -1) != rank) return;
    std::thread([after = request.option("--kill-after", -1), delay = request.option("--kill-delay-us", 0)] {
        while (acknowledged.load() < after) std::this_thread::sleep_for(std::chrono::microseconds(20));
        std::this_thread::sleep_for(std::chrono::microseconds(delay));
        ::kill(::getpid(), SIGKILL);
    }).detach();
}

void acknowledge(int descriptor, std::int64_t point) {
    if (::write(descriptor, &point, sizeof(point)) != sizeof(point)) std::abort();
    ++acknowledged;
}

void write_points(SurfaceFile& file, const par::Communicator& comm, const Request& request) {
    const auto ack_path = request.file + ".ack." + std::to_string(comm.rank());
    const int descriptor = ::open(ack_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    const auto count = synthetic::schema(request.nx, request.ny).grid.size();
    const auto pending = synthetic::pending_of(file, comm, count);
    for (std::int64_t point = comm.rank(); point < count; point += comm.size()) {
        if (pending[static_cast<std::size_t>(point)] == std::byte{0}) continue;
        file.write(PointIndex{point}, synthetic::record_of(point), synthetic::status_of(point));
        acknowledge(descriptor, point);
        std::this_thread::sleep_for(std::chrono::microseconds(request.option("--pause-us", 0)));
    }
    ::close(descriptor);
}

void run(const Request& request) {
    const auto comm = par::Communicator::world();
    start_killer(request, comm.rank());
    SurfaceFile file(comm, request.file, synthetic::schema(request.nx, request.ny), Overwrite::refuse);
    write_points(file, comm, request);
    file.close();
    if (request.option("--xmf", 0) == 1) par::on_root(comm, [&] { write_xmf(request.file, read_schema(request.file)); });
}

}  // namespace
}  // namespace orograph::survey

int main(int argc, char** argv) {
    const auto request = orograph::survey::parse({argv + 1, argv + argc});
    std::optional<orograph::par::Environment> environment;
    if (request.option("--mpi", 0) == 1) environment.emplace(argc, argv);
    try {
        orograph::survey::run(request);
    } catch (const orograph::Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        if (environment) orograph::par::abort(static_cast<int>(error.code()));
        return static_cast<int>(error.code());
    }
}
