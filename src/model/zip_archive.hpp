#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace orograph::model {

// The records of a zip archive as torch.save writes it: uncompressed, without encryption or comment, in one file (PKWARE APPNOTE 6.3,
// zip64 included). Sizes, offsets and names of the directory are checked against the file and against each record's own header, and no two
// records share a byte, so work and memory stay in proportion to the file. Views into `file`, which must outlive it.
class ZipArchive {
public:
    // Fault for what is no such archive.
    explicit ZipArchive(std::span<const std::byte> file);

    bool has(std::string_view name) const { return records_.contains(name); }
    // Name of the only record that is called `last` or ends with "/last"; empty where there is none. Fault where there are several.
    std::string find_only(std::string_view last) const;
    // The bytes of a record. Fault where it is missing, or its checksum differs (a checksum of 0 means that none was taken).
    std::span<const std::byte> read(std::string_view name) const;

private:
    struct Record {
        std::span<const std::byte> data;
        std::uint32_t checksum = 0;
    };
    std::map<std::string, Record, std::less<>> records_;
};

}  // namespace orograph::model
