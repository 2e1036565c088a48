#include "torch_archive.hpp"

#include "zip_archive.hpp"

#include "orograph/core/fault.hpp"

#include <map>
#include <string>

namespace orograph::model {
namespace {

constexpr std::size_t longest_key = 200;

// Reads storages, each once however often it is asked for.
class Storages {
public:
    Storages(const ZipArchive& archive, std::string folder) : archive_(archive), folder_(std::move(folder)) {}

    std::span<const std::byte> operator()(std::string_view key) {
        const auto known = read_.find(key);
        if (known != read_.end()) return known->second;
        require(key.size() <= longest_key, "one of its storages has a key of ", key.size(), " characters");
        return read_[key] = archive_.read(cat(folder_, "data/", key));
    }

private:
    const ZipArchive& archive_;
    std::string folder_;
    std::map<std::string_view, std::span<const std::byte>> read_;
};

// What the archive is instead, where it holds no pickle of data.
void check_kind(const ZipArchive& archive, const std::string& pickle) {
    require(!pickle.empty(), "it is a zip archive that torch.save did not write (it has no data.pkl); save model.state_dict()");
    require(archive.find_only("constants.pkl").empty(), "it is a TorchScript archive; save the state_dict of the module instead");
}

void check_byte_order(const ZipArchive& archive, const std::string& folder) {
    const std::string name = folder + "byteorder";
    if (!archive.has(name)) return;  // PyTorch before 2.1
    const auto order = archive.read(name);
    require(std::string_view(reinterpret_cast<const char*>(order.data()), order.size()) == "little",
            "its numbers are big-endian; load and save it on a little-endian machine");
}

}  // namespace

StateDicts read_torch_archive(std::span<const std::byte> file) {
    const ZipArchive archive(file);
    const std::string pickle = archive.find_only("data.pkl");
    check_kind(archive, pickle);
    const std::string folder = pickle.substr(0, pickle.size() - std::string_view("data.pkl").size());
    check_byte_order(archive, folder);
    Storages storages(archive, folder);
    const auto content = archive.read(pickle);
    pickle::Tree tree = pickle::read(content);
    require(tree.bytes == content.size(), "its pickle ends before its record does");
    return find_state_dicts(std::move(tree), [&](std::string_view key) { return storages(key); });
}

}  // namespace orograph::model
