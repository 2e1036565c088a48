#include "zip_archive.hpp"

#include "orograph/core/byte_reader.hpp"
#include "orograph/core/fingerprint.hpp"
#include "orograph/core/quote.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace orograph::model {
namespace {

constexpr std::size_t end_bytes = 22, end64_bytes = 56, locator_bytes = 20, entry_bytes = 46;
constexpr std::uint32_t local_signature = 0x04034b50, entry_signature = 0x02014b50, end_signature = 0x06054b50,
                        end64_signature = 0x06064b50, locator_signature = 0x07064b50;
constexpr std::uint32_t in_extra_field = 0xffffffff;  // a 32-bit number that stands for a 64-bit one
constexpr std::uint16_t zip64_extra_field = 1;

struct Directory {
    std::uint64_t entries = 0, bytes = 0, begin = 0;
};

struct Entry {
    std::string_view name;
    std::uint16_t flags = 0, method = 0;
    std::uint32_t checksum = 0;
    std::uint64_t stored_bytes = 0, bytes = 0, header = 0;  // header: where the record's own header begins
};

std::uint32_t signature_at(std::span<const std::byte> file, std::uint64_t place) {
    return ByteReader(file, place).number<std::uint32_t>();
}

Directory read_end64(std::span<const std::byte> file, std::size_t locator) {
    ByteReader reader(file, locator + 8);
    const auto begin = reader.number<std::uint64_t>();
    require(begin <= locator && locator - begin >= end64_bytes && signature_at(file, begin) == end64_signature,
            "its zip64 directory is not where it should be");
    ByteReader end(file, static_cast<std::size_t>(begin) + 32);
    Directory directory;
    directory.entries = end.number<std::uint64_t>();
    directory.bytes = end.number<std::uint64_t>();
    directory.begin = end.number<std::uint64_t>();
    return directory;
}

Directory read_end(std::span<const std::byte> file) {
    require(file.size() >= end_bytes && signature_at(file, file.size() - end_bytes) == end_signature,
            "it is truncated (a zip archive ends with its directory, and this file does not)");
    const std::size_t end = file.size() - end_bytes;
    if (end >= locator_bytes && signature_at(file, end - locator_bytes) == locator_signature) return read_end64(file, end - locator_bytes);
    ByteReader reader(file, end + 10);
    Directory directory;
    directory.entries = reader.number<std::uint16_t>();
    directory.bytes = reader.number<std::uint32_t>();
    directory.begin = reader.number<std::uint32_t>();
    return directory;
}

// Puts the 64-bit numbers of an entry's extra field where its 32-bit ones say so.
void widen(Entry& entry, std::span<const std::byte> extra) {
    for (ByteReader fields(extra); fields.left() >= 4;) {
        const auto kind = fields.number<std::uint16_t>();
        ByteReader field(fields.take(fields.number<std::uint16_t>()));
        if (kind != zip64_extra_field) continue;
        for (std::uint64_t* number : {&entry.bytes, &entry.stored_bytes, &entry.header}) {
            if (*number == in_extra_field) *number = field.number<std::uint64_t>();
        }
    }
}

Entry read_entry(ByteReader& reader) {
    require(reader.number<std::uint32_t>() == entry_signature, "an entry of its directory does not begin as one");
    Entry entry;
    reader.take(4);
    entry.flags = reader.number<std::uint16_t>();
    entry.method = reader.number<std::uint16_t>();
    reader.take(4);
    entry.checksum = reader.number<std::uint32_t>();
    entry.stored_bytes = reader.number<std::uint32_t>();
    entry.bytes = reader.number<std::uint32_t>();
    const auto name = reader.number<std::uint16_t>(), extra = reader.number<std::uint16_t>(), comment = reader.number<std::uint16_t>();
    reader.take(8);
    entry.header = reader.number<std::uint32_t>();
    entry.name = reader.text(name);
    widen(entry, reader.take(extra));
    reader.take(comment);
    return entry;
}

void check_entry(const Entry& entry) {
    constexpr std::uint16_t encrypted = 1;
    require((entry.flags & encrypted) == 0, "its record ", quote(entry.name), " is encrypted");
    require(entry.method == 0, "its record ", quote(entry.name), " is compressed, as torch.save never does; write it with torch.save");
    require(entry.stored_bytes == entry.bytes, "its record ", quote(entry.name), " has two sizes, ", entry.stored_bytes, " and ",
            entry.bytes);
}

// The record's data; everything up to its own header must lie before the directory.
std::span<const std::byte> locate(std::span<const std::byte> records, const Entry& entry) {
    require(entry.header <= records.size(), "its record ", quote(entry.name), " begins at byte ", entry.header, ", beyond the records");
    ByteReader reader(records, static_cast<std::size_t>(entry.header));
    require(reader.number<std::uint32_t>() == local_signature, "its record ", quote(entry.name), " does not begin as one");
    reader.take(22);
    const auto name = reader.number<std::uint16_t>(), extra = reader.number<std::uint16_t>();
    require(reader.text(name) == entry.name, "its record ", quote(entry.name), " has another name in the directory");
    reader.take(extra);
    return reader.take(entry.bytes);
}

void check_disjoint(std::vector<std::pair<std::uint64_t, std::uint64_t>>& ranges) {
    std::sort(ranges.begin(), ranges.end());
    for (std::size_t k = 1; k < ranges.size(); ++k) require(ranges[k - 1].second <= ranges[k].first, "two of its records overlap");
}

}  // namespace

ZipArchive::ZipArchive(std::span<const std::byte> file) {
    const Directory directory = read_end(file);
    require(directory.begin <= file.size() && directory.bytes <= file.size() - directory.begin,
            "it is truncated or damaged (its directory would end beyond the file)");
    require(directory.entries <= directory.bytes / entry_bytes, "its directory has ", directory.bytes, " bytes, too few for ",
            directory.entries, " entries");
    const auto records = file.first(static_cast<std::size_t>(directory.begin));
    ByteReader reader(file.subspan(records.size(), static_cast<std::size_t>(directory.bytes)));
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
    for (std::uint64_t k = 0; k < directory.entries; ++k) {
        const Entry entry = read_entry(reader);
        check_entry(entry);
        const auto data = locate(records, entry);
        const auto begin = static_cast<std::uint64_t>(data.data() - file.data());
        ranges.emplace_back(entry.header, begin + data.size());
        require(records_.emplace(entry.name, Record{data, entry.checksum}).second, "its record ", quote(entry.name), " is there twice");
    }
    check_disjoint(ranges);
}

std::string ZipArchive::find_only(std::string_view last) const {
    std::string found;
    for (const auto& [name, record] : records_) {
        const bool matches = name.ends_with(last) && (name.size() == last.size() || name[name.size() - last.size() - 1] == '/');
        if (!matches) continue;
        require(found.empty(), "it has both ", quote(found), " and ", quote(name));
        found = name;
    }
    return found;
}

std::span<const std::byte> ZipArchive::read(std::string_view name) const {
    const auto found = records_.find(name);
    require(found != records_.end(), "it has no record ", quote(name));
    const Record& record = found->second;
    require(record.checksum == 0 || record.checksum == crc32(record.data), "its record ", quote(name),
            " is damaged: the checksum differs; fetch or write the file again");
    return record.data;
}

}  // namespace orograph::model
