#include "safetensors_header.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/fault.hpp"
#include "orograph/core/quote.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <tuple>
#include <utility>

namespace orograph {
namespace {

using Json = nlohmann::json;

constexpr const char* metadata_key = "__metadata__";
constexpr int max_depth = 3;                // {name: {shape: [...]}}
constexpr std::size_t max_dimensions = 64;  // PyTorch's own limit

// Refuses repeated keys, of which a JSON parser silently keeps one, and deep nesting, which only a hostile header has.
class StructureGuard {
public:
    bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
        using Event = Json::parse_event_t;
        if (event == Event::object_start || event == Event::array_start) {
            require(depth < max_depth, "it is nested more than ", max_depth, " deep");
            if (event == Event::object_start) keys_[static_cast<std::size_t>(depth)].clear();
        } else if (event == Event::key) {
            const auto& key = parsed.get_ref<const std::string&>();
            require(keys_[static_cast<std::size_t>(depth - 1)].insert(key).second, "the key ", quote(key), " is there twice");
        }
        return true;
    }

private:
    std::array<std::set<std::string>, max_depth> keys_;  // of the object open at each depth
};

Json parse_json(std::string_view text) {
    require(!text.empty() && text.front() == '{', "it does not start with '{'");
    try {
        return Json::parse(text, StructureGuard());
    } catch (const Json::parse_error& error) {
        throw Fault(cat("it is not valid JSON (at its byte ", error.byte, ")"));
    } catch (const Json::exception&) {
        throw Fault("it is not valid JSON");
    }
}

std::map<std::string, std::string> parse_metadata(const Json& json) {
    require(json.is_object(), metadata_key, " is not an object");
    std::map<std::string, std::string> metadata;
    for (const auto& [key, value] : json.items()) {
        require(value.is_string(), "the value of ", quote(key), " in ", metadata_key, " is not a string");
        metadata[key] = value.get<std::string>();
    }
    return metadata;
}

// A member of a tensor's description, which must be there.
const Json& member(const Json& description, const char* key, const std::string& name) {
    const auto found = description.find(key);
    require(found != description.end(), "tensor ", quote(name), " has no ", key);
    return *found;
}

std::uint64_t unsigned_number(const Json& json, const char* what, const std::string& name) {
    require(json.is_number_unsigned(), "tensor ", quote(name), ": ", what, " is not a whole number of at most 64 bits");
    return json.get<std::uint64_t>();
}

std::vector<std::int64_t> parse_shape(const Json& json, const std::string& name) {
    require(json.is_array() && json.size() <= max_dimensions, "tensor ", quote(name), ": shape is not a list of at most ", max_dimensions,
            " numbers");
    std::vector<std::int64_t> shape;
    for (const Json& entry : json) {
        const std::uint64_t size = unsigned_number(entry, "an entry of shape", name);
        require(size <= std::numeric_limits<std::int64_t>::max(), "tensor ", quote(name), ": shape has the entry ", size);
        shape.push_back(static_cast<std::int64_t>(size));
    }
    return shape;
}

// Bytes that dtype and shape ask for.
std::uint64_t needed_bytes(const SafetensorsEntry& entry) {
    std::uint64_t bytes = element_bytes(entry.dtype);
    require(bytes > 0, "tensor ", quote(entry.name), " has the unknown dtype ", quote(entry.dtype));
    for (const std::int64_t size : entry.shape) {
        require(!__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes), "tensor ", quote(entry.name),
                ": the product of its shape overflows");
    }
    return bytes;
}

SafetensorsEntry parse_entry(const std::string& name, const Json& description, std::size_t data_bytes) {
    require(description.is_object() && description.size() <= 3, "tensor ", quote(name),
            " is not described by dtype, shape and data_offsets alone");
    const Json& dtype = member(description, "dtype", name);
    const Json& shape = member(description, "shape", name);
    const Json& offsets = member(description, "data_offsets", name);
    require(dtype.is_string(), "tensor ", quote(name), ": dtype is not a string");
    require(offsets.is_array() && offsets.size() == 2, "tensor ", quote(name), ": data_offsets is not a pair of numbers");

    const std::uint64_t begin = unsigned_number(offsets[0], "the first of data_offsets", name);
    const std::uint64_t end = unsigned_number(offsets[1], "the second of data_offsets", name);
    require(begin <= end, "tensor ", quote(name), ": data_offsets [", begin, ", ", end, "] run backwards");
    require(end <= data_bytes, "tensor ", quote(name), " ends at byte ", end, " of ", data_bytes, " bytes of data (truncated?)");
    SafetensorsEntry entry{name, dtype.get<std::string>(), parse_shape(shape, name), static_cast<std::size_t>(begin),
                           static_cast<std::size_t>(end)};
    const std::uint64_t needed = needed_bytes(entry);
    require(end - begin == needed, "tensor ", quote(name), " has ", end - begin, " bytes where its dtype and shape make ", needed);
    return entry;
}

// Tensors follow one another from the first byte of the data to the last.
void check_cover(const std::vector<SafetensorsEntry>& entries, std::size_t data_bytes) {
    std::size_t reached = 0;
    for (const SafetensorsEntry& entry : entries) {
        require(entry.begin == reached, "tensor ", quote(entry.name), " begins at byte ", entry.begin, " of the data, ",
                entry.begin < reached ? "inside the tensor before it" : "leaving a hole", ", instead of ", reached);
        reached = entry.end;
    }
    require(reached == data_bytes, data_bytes - reached, " bytes follow the last tensor's");
}

SafetensorsHeader check_header(const Json& json, std::size_t data_bytes) {
    SafetensorsHeader header;
    for (const auto& [name, description] : json.items()) {
        if (name == metadata_key) {
            header.metadata = parse_metadata(description);
        } else {
            header.entries.push_back(parse_entry(name, description, data_bytes));
        }
    }
    std::sort(header.entries.begin(), header.entries.end(),
              [](const SafetensorsEntry& a, const SafetensorsEntry& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
    check_cover(header.entries, data_bytes);
    return header;
}

}  // namespace

std::size_t element_bytes(std::string_view dtype) {
    static constexpr std::pair<std::string_view, std::size_t> sizes[] = {
        {"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"I32", 4},     {"I16", 2},     {"I8", 1},      {"U64", 8},
        {"U32", 4}, {"U16", 2}, {"U8", 1},  {"BOOL", 1}, {"C64", 8}, {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"F8_E8M0", 1},
    };
    for (const auto& [known, bytes] : sizes) {
        if (known == dtype) return bytes;
    }
    return 0;
}

SafetensorsHeader parse_header(std::string_view text, std::size_t data_bytes, const std::filesystem::path& path) {
    try {
        return check_header(parse_json(text), data_bytes);
    } catch (const Fault& fault) {
        throw Error(ExitCode::data, cat(path, " is damaged or not a safetensors file; in its header: ", fault.what()));
    }
}

std::string format_header(const SafetensorsHeader& header) {
    nlohmann::ordered_json json;
    if (!header.metadata.empty()) json[metadata_key] = header.metadata;
    for (const SafetensorsEntry& entry : header.entries) {
        json[entry.name] = {{"dtype", entry.dtype}, {"shape", entry.shape}, {"data_offsets", {entry.begin, entry.end}}};
    }
    std::string text = json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    text.resize((text.size() + 7) / 8 * 8, ' ');
    return text;
}

}  // namespace orograph
