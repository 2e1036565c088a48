#include "checkpoint.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/fault.hpp"
#include "orograph/core/files.hpp"
#include "orograph/core/safetensors.hpp"
#include "orograph/model/exported.hpp"

#include <string_view>

namespace orograph::model {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t max_file_bytes = std::uint64_t{64} << 30;

enum class Format { safetensors, archive, old_archive, pickle, tar, unknown };

bool has_at(std::span<const std::byte> file, std::size_t place, std::string_view text) {
    return file.size() >= place + text.size() && std::string_view(reinterpret_cast<const char*>(file.data()) + place, text.size()) == text;
}

// A file of torch.save's form before PyTorch 1.6 begins with a number in a pickle of its own, of protocol 2 and later, or 0 and 1.
bool begins_with_old_magic(std::span<const std::byte> file) {
    constexpr std::string_view binary =
        "\x8a\nl\xfc\x9c"
        "F\xf9 j\xa8P\x19.";
    constexpr std::size_t after_protocol = 2, after_frame = 11;
    if (has_at(file, 0, "\x80")) return has_at(file, after_protocol, binary) || has_at(file, after_frame, binary);
    return has_at(file, 0, "L119547037146038801333356L\n.");
}

// One of protocol 2 or later, or of an earlier one that begins with a container and ends as pickles do.
bool is_pickle(std::span<const std::byte> file) {
    if (has_at(file, 0, "\x80")) return true;
    constexpr std::string_view containers = "(}]c";
    return file.size() > 1 && containers.find(static_cast<char>(file.front())) != containers.npos && has_at(file, file.size() - 1, ".");
}

Format format_of(std::span<const std::byte> file) {
    constexpr std::size_t tar_mark = 257, json = 8;
    if (has_at(file, 0, "PK\x03\x04") || has_at(file, 0, "PK\x05\x06")) return Format::archive;
    if (has_at(file, json, "{")) return Format::safetensors;
    if (begins_with_old_magic(file)) return Format::old_archive;
    if (is_pickle(file)) return Format::pickle;
    return has_at(file, tar_mark, "ustar") ? Format::tar : Format::unknown;
}

StateDicts content_of(const SafetensorsView& view) {
    StateDicts content;
    content.dicts.emplace_back();
    for (const SafetensorsEntry& entry : view.header.entries) {
        if (entry.name.starts_with(constant_prefix)) continue;
        content.tensors.push_back({entry.dtype, entry.shape, dense_strides(entry.shape), 0, view.bytes_of(entry)});
        content.dicts[0].tensors.emplace_back(entry.name, &content.tensors.back());
    }
    return content;
}

StateDicts content_of_archive(std::span<const std::byte> file, const fs::path& path) {
    try {
        return read_torch_archive(file);
    } catch (const Fault& fault) {
        throw Error(ExitCode::data, cat("cannot read the PyTorch checkpoint ", path, ": ", fault.what()));
    }
}

[[noreturn]] void refuse(Format format, const fs::path& path) {
    const std::string file = path.string();
    const std::string convert = cat("python -m orograph.convert ", file, " ", fs::path(path).replace_extension(".safetensors").string());
    if (format == Format::old_archive)
        throw Error(ExitCode::data,
                    cat("the weights ", path, " were written by torch.save in the form of PyTorch before 1.6; convert them: ", convert));
    if (format == Format::pickle)
        throw Error(ExitCode::data, cat("the weights ", path, " were written by pickle.dump, not by torch.save; write them with ",
                                        "torch.save(model.state_dict(), FILE), or convert them: ", convert));
    if (format == Format::tar)
        throw Error(ExitCode::data,
                    cat("the weights ", path, " are a tar file, as PyTorch before 0.2 wrote them, which cannot be read without running ",
                        "what is in it; if you trust it, load it with torch.load(..., weights_only=False) and save its state_dict"));
    throw Error(ExitCode::data, cat("the weights ", path, " are neither safetensors nor written by torch.save; ",
                                    "write them with torch.save(model.state_dict(), FILE)"));
}

}  // namespace

Checkpoint read_checkpoint(const fs::path& path) {
    Checkpoint checkpoint{read_file(path, max_file_bytes, "weights"), {}, {}};
    const Format format = format_of(checkpoint.bytes);
    if (format == Format::safetensors) {
        checkpoint.safetensors = view_safetensors(checkpoint.bytes, path);
        checkpoint.content = content_of(checkpoint.safetensors);
    } else if (format == Format::archive) {
        checkpoint.content = content_of_archive(checkpoint.bytes, path);
    } else {
        refuse(format, path);
    }
    return checkpoint;
}

}  // namespace orograph::model
