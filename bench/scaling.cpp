// How well the leases of a survey keep many workers busy: a discrete-event simulation of the program's own lease desk, against static
// blocks and a shared counter. Prints the table of docs/scaling.md.
#include "orograph/survey/lease.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <queue>
#include <random>
#include <vector>

using namespace orograph::survey;

namespace {

struct Machine {
    int workers = 0;
    double point_s = 10;       // mean on a sound node
    double spread = 3;         // slowest point / fastest point, logarithms uniform
    double slow_nodes = 0.01;  // share of nodes ...
    double slow_factor = 2;    // ... that take so many times as long
    double poll_s = 0.01;      // a rank looks at its messages at least so often
    double latency_s = 20e-6;  // of a message
    double service_s = 10e-6;  // of the master, a message
};

struct Work {
    std::vector<double> point_s;   // of each point on a sound node
    std::vector<double> slowness;  // of each worker

    Work(const Machine& machine, std::int64_t points, std::uint64_t seed) {
        std::mt19937_64 random(seed);
        std::uniform_real_distribution<double> uniform;
        const double mean = (machine.spread - 1) / std::log(machine.spread);
        for (std::int64_t i = 0; i < points; ++i) point_s.push_back(machine.point_s / mean * std::pow(machine.spread, uniform(random)));
        for (int w = 0; w < machine.workers; ++w) slowness.push_back(uniform(random) < machine.slow_nodes ? machine.slow_factor : 1);
    }

    // No schedule ends earlier.
    double ideal_s() const {
        double work = 0, speed = 0;
        for (const double s : point_s) work += s;
        for (const double s : slowness) speed += 1 / s;
        return work / speed;
    }
};

// Equal runs of consecutive points.
double static_blocks(const Work& work) {
    const std::size_t points = work.point_s.size(), workers = work.slowness.size();
    double last = 0;
    for (std::size_t w = 0; w < workers; ++w) {
        double busy = 0;
        for (std::size_t i = points * w / workers; i < points * (w + 1) / workers; ++i) busy += work.point_s[i] * work.slowness[w];
        last = std::max(last, busy);
    }
    return last;
}

// Events in the order of their times.
class Clock {
public:
    using Action = std::function<void()>;
    double now() const { return now_; }
    void at(double time, Action action) { events_.push({time, number_++, std::move(action)}); }
    void run() {
        while (!events_.empty()) {
            const Event event = events_.top();
            events_.pop();
            now_ = event.time;
            event.action();
        }
    }

private:
    struct Event {
        double time;
        std::uint64_t number;
        Action action;
        bool operator<(const Event& other) const { return std::pair(time, number) > std::pair(other.time, other.number); }
    };
    std::priority_queue<Event> events_;
    std::uint64_t number_ = 0;
    double now_ = 0;
};

// The survey's messages: a worker asks when its last point begins (guided), or when it has ended (one point a lease: a shared counter).
class Survey {
public:
    Survey(const Machine& machine, const Work& work, bool guided)
        : machine_(machine),
          work_(work),
          guided_(guided),
          desk_(LeaseBook({{0, std::ssize(work.point_s)}}, machine.workers, guided ? longest_lease : 1), machine.workers),
          workers_(work.slowness.size()) {}

    double run() {
        for (int w = 0; w < machine_.workers; ++w) ask(w);
        clock_.run();
        return finished_s_;
    }

private:
    struct Worker {
        std::vector<PointRange> leases;  // points not begun
        bool busy = false, asked = false;
    };

    // The master takes messages one after another.
    void tell_master(Clock::Action action) {
        const double seen = clock_.now() + machine_.latency_s + delay();
        clock_.at(seen, [this, action = std::move(action)] {
            free_s_ = std::max(free_s_, clock_.now()) + machine_.service_s;
            clock_.at(free_s_, action);
        });
    }

    double delay() { return machine_.poll_s * std::uniform_real_distribution<double>()(random_); }

    void ask(int w) {
        workers_[w].asked = true;
        tell_master([this, w] { send(desk_.ask(w)); });
    }

    void send(const std::vector<LeaseDesk::Grant>& grants) {
        for (const auto& [w, points] : grants)
            clock_.at(clock_.now() + machine_.latency_s + delay(), [this, w = w, points = points] {
                workers_[w].leases.push_back(points);
                workers_[w].asked = false;
                if (!workers_[w].busy) begin(w);
            });
    }

    void begin(int w) {
        Worker& worker = workers_[w];
        if (worker.leases.empty()) return;
        PointRange& lease = worker.leases.front();
        const double duration = work_.point_s[lease.first++] * work_.slowness[w];
        if (lease.size() == 0) worker.leases.erase(worker.leases.begin());
        worker.busy = true;
        if (guided_ && worker.leases.empty() && !worker.asked) ask(w);
        clock_.at(clock_.now() + duration, [this, w] { end(w); });
    }

    void end(int w) {
        workers_[w].busy = false;
        finished_s_ = std::max(finished_s_, clock_.now());
        tell_master([this, w] { send(desk_.report(w, 1)); });
        if (!guided_ && !workers_[w].asked) ask(w);
        begin(w);
    }

    const Machine machine_;
    const Work& work_;
    const bool guided_;
    LeaseDesk desk_;
    std::vector<Worker> workers_;
    Clock clock_;
    std::mt19937_64 random_{7};
    double free_s_ = 0, finished_s_ = 0;
};

void print_row(const Machine& machine, std::int64_t points) {
    const Work work(machine, points, 1);
    const double ideal = work.ideal_s();
    const double guided = Survey(machine, work, true).run(), counter = Survey(machine, work, false).run(), blocks = static_blocks(work);
    std::printf("| %7d | %9lld | %11.1f | %10.1f %% | %10.3f | %10.1f %% | %10.1f %% |\n", machine.workers, static_cast<long long>(points),
                ideal, 100 * ideal / guided, guided / ideal, 100 * ideal / counter, 100 * ideal / blocks);
}

}  // namespace

int main() {
    std::printf("| workers |    points | ideal, s    | leases       | / ideal    | counter      | blocks       |\n");
    std::printf("|--------:|----------:|------------:|-------------:|-----------:|-------------:|-------------:|\n");
    for (const double point_s : {10.0, 0.1}) {
        Machine machine{.point_s = point_s};
        for (machine.workers = 16; machine.workers <= 16384; machine.workers *= 4)
            for (const std::int64_t points : {51 * 51, 251 * 251, 1001 * 1001})
                if (points >= 4 * machine.workers) print_row(machine, points);
    }
}
