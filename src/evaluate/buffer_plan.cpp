#include "buffer_plan.hpp"

#include <algorithm>

namespace orograph::evaluate {

namespace {

std::vector<int> segment_of_steps(const std::vector<Segment>& segments) {
    std::vector<int> result;
    for (std::size_t i = 0; i < segments.size(); ++i) result.resize(static_cast<std::size_t>(segments[i].last), static_cast<int>(i));
    return result;
}

// Whether a later segment reads the value, or what is added to it in place.
std::vector<bool> kept_values(const Plan& plan, std::span<const StepMemory> memory, const std::vector<int>& segment,
                              const std::vector<int>& last) {
    std::vector<bool> kept(plan.steps.size());
    for (int i = static_cast<int>(plan.steps.size()) - 1; i >= 0; --i) {
        kept[i] = kept[i] || last[i] == no_value || segment[last[i]] != segment[i];
        if (kept[i] && memory[i].replaces_residual) kept[plan.steps[i].residual] = true;
    }
    return kept;
}

}  // namespace

BufferPlan::BufferPlan(const Plan& plan, const std::vector<Segment>& segments, std::span<const StepMemory> memory, std::int64_t batch) {
    const std::vector<int> segment = segment_of_steps(segments);
    const std::vector<int> last = last_readers(plan);
    const std::vector<bool> kept = kept_values(plan, memory, segment, last);
    for (int i = 0; i < static_cast<int>(plan.steps.size()); ++i) {
        const Step& step = plan.steps[i];
        if (i > 0 && segment[i] != segment[i - 1]) free_read();
        const auto images = static_cast<std::size_t>(segments[segment[i]].images);
        reordered.emplace_back();
        for (const std::size_t bytes : memory[i].reordered) reordered.back().push_back(take(bytes * images));
        if (memory[i].replaces_residual)
            values.push_back(values[step.residual]);
        else
            values.push_back(kept[i] ? take_whole(memory[i].value * static_cast<std::size_t>(batch)) : take(memory[i].value * images));
        free_.insert(free_.end(), reordered.back().begin(), reordered.back().end());
        release(step, last, i);
    }
}

int BufferPlan::add(std::size_t bytes, bool whole_batch) {
    size_bytes.push_back(bytes);
    whole.push_back(whole_batch);
    return static_cast<int>(size_bytes.size()) - 1;
}

// What step `index` is the last to read; not what its result lies in now.
void BufferPlan::release(const Step& step, const std::vector<int>& last, int index) {
    std::vector<int> read = values_read(step);
    std::ranges::sort(read);
    for (const int value : std::ranges::subrange(read.begin(), std::ranges::unique(read).begin()))
        if (value != plan_input && last[value] == index && values[value] != values.back())
            (whole[values[value]] ? read_ : free_).push_back(values[value]);
}

void BufferPlan::free_read() {
    free_whole_.insert(free_whole_.end(), read_.begin(), read_.end());
    read_.clear();
}

int BufferPlan::take(std::size_t bytes) {
    return take(free_, bytes, false);
}

int BufferPlan::take_whole(std::size_t bytes) {
    return take(free_whole_, bytes, true);
}

int BufferPlan::take(std::vector<int>& free, std::size_t bytes, bool whole_batch) {
    if (free.empty()) return add(bytes, whole_batch);
    const int buffer = free.back();
    free.pop_back();
    size_bytes[buffer] = std::max(size_bytes[buffer], bytes);
    return buffer;
}

}  // namespace orograph::evaluate
