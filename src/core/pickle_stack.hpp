#pragma once

#include "orograph/core/fault.hpp"
#include "orograph/core/pickle.hpp"

#include <vector>

namespace orograph::pickle {

// The stack, marks and memo of a pickle machine. Nothing below the last mark can be taken. Everything here throws Fault.
class Stack {
public:
    // A one-byte instruction can push a value; 50,000 tensors need about half of these.
    static constexpr std::size_t max_pushes = 2'000'000;

    void push(Value value) {
        count();
        values_.push_back(value);
    }

    void mark() {
        count();
        marks_.push_back(values_.size());
    }

    const Value& top() const {
        require(reachable() > 0, "its pickle takes a value that is not there");
        return values_.back();
    }

    Value take() {
        const Value value = top();
        values_.pop_back();
        return value;
    }

    std::vector<Value> take_last(std::size_t count) {
        require(reachable() >= count, "its pickle takes a value that is not there");
        std::vector<Value> taken(values_.end() - static_cast<std::ptrdiff_t>(count), values_.end());
        values_.resize(values_.size() - count);
        return taken;
    }

    std::vector<Value> take_since_mark() {
        require(!marks_.empty(), "its pickle closes what it never opened");
        auto taken = take_last(reachable());
        marks_.pop_back();
        return taken;
    }

    // Right after a mark it takes the mark.
    void pop() {
        if (!marks_.empty() && reachable() == 0) {
            marks_.pop_back();
        } else {
            take();
        }
    }

    bool is_empty() const { return values_.empty() && marks_.empty(); }

    void recall(std::size_t index) {
        require(index < memo_.size(), "its pickle recalls what it never remembered");
        push(memo_[index]);
    }

    // Picklers count up, from 0 or 1; an index far beyond what was pushed is no pickler's.
    void remember(std::size_t index) {
        require(index <= pushes_, "its pickle remembers things out of order");
        if (index >= memo_.size()) memo_.resize(index + 1);
        memo_[index] = top();
    }
    void remember() { remember(memo_.size()); }

private:
    std::size_t reachable() const { return values_.size() - (marks_.empty() ? 0 : marks_.back()); }
    void count() { require(++pushes_ <= max_pushes, "its pickle holds more than ", max_pushes, " values; save the state_dict alone"); }

    std::vector<Value> values_, memo_;
    std::vector<std::size_t> marks_;
    std::size_t pushes_ = 0;
};

}  // namespace orograph::pickle
