#include "orograph/core/fingerprint.hpp"

#include <xxhash.h>
#include <zlib.h>

#include <new>

namespace orograph {

struct Fingerprint::State {
    State() : hash(XXH3_createState()) {
        if (hash == nullptr) throw std::bad_alloc();
        XXH3_128bits_reset(hash);
    }
    ~State() { XXH3_freeState(hash); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    XXH3_state_t* hash;
};

Fingerprint::Fingerprint() : state_(std::make_unique<State>()) {}

Fingerprint::~Fingerprint() = default;

Fingerprint& Fingerprint::add(std::span<const std::byte> bytes) {
    if (!bytes.empty()) XXH3_128bits_update(state_->hash, bytes.data(), bytes.size());
    return *this;
}

Fingerprint& Fingerprint::add(std::string_view text) {
    const std::uint64_t length = text.size();
    add(std::as_bytes(std::span(&length, 1)));
    return add(std::as_bytes(std::span(text)));
}

// Of everything added so far; more may be added afterwards. Most significant digit first, as xxhsum prints it.
std::string Fingerprint::hex() const {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_->hash));
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const unsigned char byte : canonical.digest) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

std::uint32_t crc32(std::span<const std::byte> bytes) {
    return static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

}  // namespace orograph
