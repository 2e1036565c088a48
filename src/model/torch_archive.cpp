#include "torch_archive.hpp"

#include "unpickler.hpp"
#include "zip_archive.hpp"

#include "orograph/core/fault.hpp"
#include "orograph/core/quote.hpp"

#include <deque>
#include <map>
#include <set>

namespace orograph::model {
namespace {

constexpr std::size_t max_depth = 4, max_dicts = 100, longest_key = 200, longest_name = 1000, max_keys = 20;

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

// Walks the dicts inside of dicts, each once, so that neither a cycle nor shared values cost more than the file holds.
class Search {
public:
    Search(PickledTree tree) : tree_(std::move(tree)) { found_.tensors = std::move(tree_.tensors); }

    StateDicts run() {
        const auto* root = std::get_if<Items>(&tree_.root);
        require(root != nullptr && root->is_dict(), "it holds no dict; save model.state_dict()");
        visit({"", root->id, 0});
        while (!open_.empty()) {
            const Place place = open_.front();
            open_.pop_front();
            visit(place);
        }
        return std::move(found_);
    }

private:
    struct Place {
        std::string key;
        std::uint32_t id;
        std::size_t depth;
    };

    void visit(const Place& place) {
        if (!seen_.insert(place.id).second) return;
        StateDict dict{place.key, {}};
        const auto& items = tree_.items[place.id];
        for (std::size_t k = 0; k + 1 < items.size(); k += 2) {
            const auto* key = std::get_if<std::string_view>(&items[k]);
            if (key == nullptr) continue;
            if (place.depth == 0 && found_.keys.size() < max_keys) found_.keys.push_back(quote(*key));
            if (const auto* tensor = std::get_if<TensorId>(&items[k + 1])) add(dict, *key, *tensor);
            if (const auto* inner = std::get_if<Items>(&items[k + 1])) open(place, *key, *inner);
        }
        if (dict.tensors.empty()) return;
        found_.dicts.push_back(std::move(dict));
        require(found_.dicts.size() <= max_dicts, "it holds more than ", max_dicts, " dicts with tensors; save the state_dict alone");
    }

    void add(StateDict& dict, std::string_view name, TensorId tensor) {
        require(name.size() <= longest_name, "one of its tensors has a name of ", name.size(), " characters");
        dict.tensors.emplace_back(name, &found_.tensors[tensor.id]);
    }

    void open(const Place& place, std::string_view key, Items inner) {
        if (!inner.is_dict() || place.depth + 1 == max_depth || key.size() > longest_key) return;
        open_.push_back({place.key.empty() ? std::string(key) : cat(place.key, '.', key), inner.id, place.depth + 1});
    }

    PickledTree tree_;
    StateDicts found_;
    std::set<std::uint32_t> seen_;
    std::deque<Place> open_;
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
    return Search(unpickle(archive.read(pickle), [&](std::string_view key) { return storages(key); })).run();
}

}  // namespace orograph::model
