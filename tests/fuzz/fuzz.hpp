#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

// What the fuzz targets share. Each target is one LLVMFuzzerTestOneInput() that hands its bytes to a reader of the program as a file.
namespace orograph::fuzz {

using Bytes = std::span<const std::uint8_t>;

// Writes `content` to the file `name` in this process's own folder.
std::filesystem::path put(const std::string& name, Bytes content);

// The folder of put().
const std::filesystem::path& folder();

// How much memory a reader may ask for at once: `fixed` bytes and `factor` for each byte of its input.
struct Allowance {
    std::size_t fixed = std::size_t{1} << 20;
    std::size_t factor = 64;
};

// Runs a reader on an input of `size` bytes. It may throw an Error of one line with the exit code of a bad input; whatever else it throws,
// and in builds with a sanitizer an allocation beyond the allowance, ends the process.
void attempt(std::size_t size, Allowance allowance, const std::function<void()>& reader);

// Ends the process where a promise does not hold.
void must(bool holds, const char* promise);

}  // namespace orograph::fuzz
