#pragma once

#include "orograph/core/fault.hpp"

#include <cstring>
#include <span>
#include <string_view>

namespace orograph {

// Walks through bytes from a file and never past their end. Little-endian numbers.
class ByteReader {
public:
    explicit ByteReader(std::span<const std::byte> bytes, std::size_t position = 0) : bytes_(bytes), position_(position) {
        require(position <= bytes.size(), "it points to byte ", position, " of ", bytes.size());
    }

    std::size_t position() const { return position_; }
    std::size_t left() const { return bytes_.size() - position_; }

    std::span<const std::byte> take(std::uint64_t count) {
        require(count <= left(), count, " bytes are asked for at byte ", position_, ", and only ", left(), " follow");
        const auto taken = bytes_.subspan(position_, static_cast<std::size_t>(count));
        position_ += taken.size();
        return taken;
    }

    template <class Number>
    Number number() {
        Number value;
        std::memcpy(&value, take(sizeof value).data(), sizeof value);
        return value;
    }

    std::string_view text(std::uint64_t count) {
        const auto taken = take(count);
        return {reinterpret_cast<const char*>(taken.data()), taken.size()};
    }

    // Up to the next newline, which is taken too.
    std::string_view line() {
        const std::string_view rest{reinterpret_cast<const char*>(bytes_.data()) + position_, left()};
        const std::size_t length = rest.find('\n');
        require(length != std::string_view::npos, "a line that starts at byte ", position_, " has no end");
        position_ += length + 1;
        return rest.substr(0, length);
    }

private:
    std::span<const std::byte> bytes_;
    std::size_t position_;
};

}  // namespace orograph
