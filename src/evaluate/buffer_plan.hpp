#pragma once

#include "schedule.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace orograph::evaluate {

// What a step needs memory for, in bytes an image.
struct StepMemory {
    std::size_t value = 0;               // its result
    std::vector<std::size_t> reordered;  // what its reorders write
    bool replaces_residual = false;      // its result takes the residual's place
};

// Which buffer of a stream each value lives in. A value read in the segment that makes it is overwritten by the next part of the batch, and
// its buffer is free again after its last reader: the one freed last, still in the cache, is taken first. A value that a later segment
// reads, and the last one, has a buffer with room for the whole batch, which is free again after the segment of its last reader.
class BufferPlan {
public:
    // memory: of each step.
    BufferPlan(const Plan& plan, const std::vector<Segment>& segments, std::span<const StepMemory> memory, std::int64_t batch);

    std::vector<int> values;                  // of each step; the residual's where the result replaces it
    std::vector<std::vector<int>> reordered;  // of each step
    std::vector<std::size_t> size_bytes;      // of each buffer
    std::vector<bool> whole;                  // of each buffer: room for the batch

private:
    int add(std::size_t bytes, bool whole);
    int take(std::size_t bytes);
    int take_whole(std::size_t bytes);
    int take(std::vector<int>& free, std::size_t bytes, bool whole);
    void free_read();
    void release(const Step& step, const std::vector<int>& last, int index);

    std::vector<int> free_, free_whole_;
    std::vector<int> read_;  // whole ones whose last reader is in the segment in hand
};

}  // namespace orograph::evaluate
