#include "pickled_dicts.hpp"

#include "orograph/core/fault.hpp"
#include "orograph/core/quote.hpp"

#include <set>

namespace orograph::model {
namespace {

constexpr std::size_t max_depth = 4, max_dicts = 100, longest_key = 200, longest_name = 1000, max_keys = 20, max_makers = 3;
constexpr std::size_t max_entries = 4'000'000;  // dicts that are made of one list may share it

std::string name_of(const pickle::QualifiedName& maker) {
    return cat(maker.module.substr(0, 80), '.', maker.name.substr(0, 80));
}

// Walks the dicts inside of dicts, each once, so that neither a cycle nor shared values cost more than the file holds.
class Search {
public:
    Search(const pickle::Tree& tree, const StorageLookup& lookup) : tree_(tree), tensors_(tree, lookup) {}

    StateDicts run() {
        if (const auto* list = tree_.elements_of(tree_.root)) {
            for (std::size_t k = 0; k < list->size() && k < max_keys; ++k) open({"", tree_.root, 0}, std::to_string(k), (*list)[k]);
        } else {
            check_root();
            open_.push_back({"", tree_.root, 0});
        }
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
        pickle::Value dict;
        std::size_t depth;
    };

    void check_root() const {
        const pickle::QualifiedName* maker = tree_.maker_of(tree_.root);
        require(maker == nullptr || tree_.is_dict(tree_.root), "it holds no dict but what ", quote(maker ? name_of(*maker) : ""),
                " makes, such as a whole module (nothing was run); save model.state_dict() in the program that made it, or try ",
                "python -m orograph.convert");
        require(tree_.is_dict(tree_.root), "it holds no dict; save model.state_dict(), or try python -m orograph.convert");
    }

    void visit(const Place& place) {
        if (!is_new(place.dict)) return;
        StateDict dict{place.key, {}};
        const auto entries = tree_.entries_of(place.dict);
        entries_ += entries.size();
        require(entries_ <= max_entries, "its dicts hold more than ", max_entries, " values; save the state_dict alone");
        for (std::size_t k = 0; k + 1 < entries.size(); k += 2) {
            const std::string_view* key = std::get_if<std::string_view>(&entries[k]);
            if (key == nullptr) continue;
            if (place.depth == 0 && found_.keys.size() < max_keys) note(*key, entries[k + 1]);
            if (const StoredTensor* tensor = tensor_of(entries[k + 1])) {
                add(dict, *key, tensor);
            } else {
                open(place, *key, entries[k + 1]);
            }
        }
        if (dict.tensors.empty()) return;
        found_.dicts.push_back(std::move(dict));
        require(found_.dicts.size() <= max_dicts, "it holds more than ", max_dicts, " dicts with tensors; save the state_dict alone");
    }

    bool is_new(const pickle::Value& dict) {
        const auto* items = std::get_if<pickle::Items>(&dict);
        return items != nullptr ? seen_items_.insert(items->id).second : seen_objects_.insert(std::get<pickle::Object>(dict).id).second;
    }

    void note(std::string_view key, const pickle::Value& value) {
        found_.keys.push_back(quote(key));
        const pickle::QualifiedName* maker = tree_.is_dict(value) ? nullptr : tree_.maker_of(value);
        if (maker != nullptr && !tensor_of(value) && found_.makers.size() < max_makers)
            found_.makers.push_back(cat(quote(key), " by ", quote(name_of(*maker))));
    }

    // One and the same object is one tensor, however often it is there.
    const StoredTensor* tensor_of(const pickle::Value& value) {
        const auto* object = std::get_if<pickle::Object>(&value);
        if (object == nullptr) return nullptr;
        const auto [known, is_new] = known_.try_emplace(object->id, nullptr);
        if (!is_new) return known->second;
        auto tensor = tensors_.read(value);
        if (!tensor) return nullptr;
        found_.tensors.push_back(std::move(*tensor));
        return known->second = &found_.tensors.back();
    }

    void add(StateDict& dict, std::string_view name, const StoredTensor* tensor) {
        require(name.size() <= longest_name, "one of its tensors has a name of ", name.size(), " characters");
        dict.tensors.emplace_back(name, tensor);
    }

    void open(const Place& place, std::string_view key, const pickle::Value& inner) {
        if (!tree_.is_dict(inner) || place.depth + 1 == max_depth || key.size() > longest_key) return;
        open_.push_back({place.key.empty() ? std::string(key) : cat(place.key, '.', key), inner, place.depth + 1});
    }

    const pickle::Tree& tree_;
    PickledTensors tensors_;
    StateDicts found_;
    std::map<std::uint32_t, const StoredTensor*> known_;
    std::set<std::uint32_t> seen_items_, seen_objects_;
    std::deque<Place> open_;
    std::size_t entries_ = 0;
};

}  // namespace

StateDicts find_state_dicts(pickle::Tree tree, const StorageLookup& lookup) {
    StateDicts found = Search(tree, lookup).run();
    found.texts = std::move(tree.texts);
    return found;
}

}  // namespace orograph::model
