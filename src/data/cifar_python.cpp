#include "cifar.hpp"
#include "numpy_array.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/fault.hpp"
#include "orograph/core/files.hpp"

namespace orograph::data {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t channels = 3, side = 32, image_bytes = channels * side * side;
constexpr std::size_t max_file_bytes = std::size_t{512} << 20;  // twice CIFAR-100's 150 MB, which Python 3's protocol 2 takes, and names

pickle::Tree read_pickle(std::span<const std::byte> content) {
    require(!content.empty(), "it is empty; fetch it again");
    try {
        return pickle::read(content);
    } catch (const Fault& fault) {
        throw Fault(cat("it is cut short or damaged (", fault.what(), "); fetch it again"));
    }
}

// One file: a dict of the images, [N, 3072], their labels and what is of no consequence.
class Batch {
public:
    Batch(std::span<const std::byte> content, const CifarFormat& format, int classes)
        : tree_(read_pickle(content)), format_(format), classes_(classes) {
        require(tree_.is_dict(tree_.root), "it holds no dict");
        entries_ = tree_.entries_of(tree_.root);
    }

    void append_to(std::vector<std::byte>& pixels, std::vector<std::int64_t>& labels) const {
        const std::vector<std::int64_t> own = read_labels();
        const auto data = numpy_array(tree_, value_of("data"));
        require(data && data->type == "u1", "its data are no numpy array of bytes");
        const bool is_flat = data->shape.size() == 2 && data->shape[1] == image_bytes;
        require(is_flat || (data->shape.size() == 4 && data->shape[1] == channels && data->shape[2] == side && data->shape[3] == side),
                "its data are no images of 3 x 32 x 32 bytes");
        require(data->shape[0] == static_cast<std::int64_t>(own.size()), "it holds ", data->shape[0], " images and ", own.size(),
                " labels");
        const auto bytes = std::as_bytes(std::span(data->bytes));
        pixels.insert(pixels.end(), bytes.begin(), bytes.end());
        labels.insert(labels.end(), own.begin(), own.end());
    }

private:
    bool has(std::string_view key) const { return find(key) != nullptr; }

    // A key is text, or bytes, where Python 3 has written again what it read of Python 2.
    const pickle::Value* find(std::string_view key) const {
        for (std::size_t k = 0; k + 1 < entries_.size(); k += 2) {
            const auto own = bytes_in(tree_, entries_[k]);
            if (own && *own == key) return &entries_[k + 1];
        }
        return nullptr;
    }

    const pickle::Value& value_of(std::string_view key) const {
        const pickle::Value* value = find(key);
        require(value != nullptr, "it has no ", key);
        return *value;
    }

    std::vector<std::int64_t> read_labels() const {
        const bool is_fine = format_.coarse_classes > 0;
        require(is_fine || !has("fine_labels"), "it is CIFAR-100's; set data.set to cifar100");
        require(!is_fine || has("fine_labels") || !has("labels"), "it is CIFAR-10's; set data.set to cifar10");
        const pickle::Value& value = value_of(is_fine ? "fine_labels" : "labels");
        std::vector<std::int64_t> labels;
        if (const auto array = numpy_array(tree_, value)) {
            require(array->shape.size() == 1, "its labels have ", array->shape.size(), " dimensions");
            for (std::int64_t k = 0; k < array->shape[0]; ++k) labels.push_back(array->element(static_cast<std::size_t>(k)));
        } else {
            const auto* list = tree_.elements_of(value);
            require(list != nullptr, "its labels are no list");
            for (const pickle::Value& entry : *list)
                labels.push_back(std::holds_alternative<std::int64_t>(entry) ? std::get<std::int64_t>(entry) : -1);
        }
        check(labels);
        return labels;
    }

    void check(const std::vector<std::int64_t>& labels) const {
        require(!labels.empty() && labels.size() <= format_.records, "it has ", labels.size(), " labels; between 1 and ", format_.records,
                " are allowed");
        for (std::size_t k = 0; k < labels.size(); ++k)
            require(labels[k] >= 0 && labels[k] < classes_, "the label of image ", k, " is no class from 0 to ", classes_ - 1);
    }

    pickle::Tree tree_;
    std::vector<pickle::Value> entries_;
    const CifarFormat& format_;
    int classes_;
};

// Before any of them is read.
void require_all(const SetFiles& files, const CifarFormat& format) {
    std::vector<std::string> missing;
    std::error_code unreadable;
    for (const std::string& name : format.python_names) {
        if (!fs::is_regular_file(files.folder / name, unreadable)) missing.push_back(name);
    }
    OROGRAPH_VALIDATE(missing.empty(), ExitCode::no_input, "data set ", files.set, ": ", files.folder,
                      " has files of the Python version, but not ", join(missing),
                      "; unpack it again, or set data.splits to what is there");
}

}  // namespace

RawSplit read_python_cifar(const SetFiles& files, const CifarFormat& format) {
    std::vector<std::byte> pixels;
    std::vector<std::int64_t> labels;
    require_all(files, format);
    for (const std::string& name : format.python_names) {
        const fs::path path = files.folder / name;
        try {
            Batch(read_file(path, max_file_bytes, "data"), format, files.classes).append_to(pixels, labels);
        } catch (const Fault& fault) {
            throw Error(ExitCode::data, cat("cannot read ", path, " as a file of ", files.set, "'s Python version: ", fault.what()));
        }
    }
    return in_memory(channels, side, std::move(pixels), std::move(labels));
}

}  // namespace orograph::data
