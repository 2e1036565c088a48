#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace orograph {

// Incremental 128-bit XXH3 digest, written as 32 hexadecimal digits. Not cryptographic: it finds changes, not forgeries.
class Fingerprint {
public:
    Fingerprint();
    ~Fingerprint();
    Fingerprint(const Fingerprint&) = delete;
    Fingerprint& operator=(const Fingerprint&) = delete;

    Fingerprint& add(std::span<const std::byte> bytes);
    Fingerprint& add(std::string_view text);  // length, then characters: "ab","c" differs from "a","bc"
    template <class T>
    Fingerprint& add_values(std::span<const T> values) {
        return add(std::as_bytes(values));
    }
    std::string hex() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

// CRC-32 (IEEE 802.3, as zlib's) of the bytes.
std::uint32_t crc32(std::span<const std::byte> bytes);

}  // namespace orograph
