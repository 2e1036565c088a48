#include "orograph/core/pickle.hpp"

namespace orograph::pickle {

const std::vector<Value>* Tree::elements_of(const Value& value) const {
    const auto* found = std::get_if<Items>(&value);
    return found != nullptr && found->kind != Items::Kind::dict ? &items[found->id] : nullptr;
}

const QualifiedName* Tree::maker_of(const Value& value) const {
    const auto* object = std::get_if<Object>(&value);
    const auto* name = object != nullptr ? std::get_if<Name>(&objects[object->id].callee) : nullptr;
    return name != nullptr ? &names[name->id] : nullptr;
}

const std::vector<Value>* Tree::arguments_of(const Value& value, std::string_view module, std::string_view name) const {
    const QualifiedName* maker = maker_of(value);
    if (maker == nullptr || maker->module != module || maker->name != name) return nullptr;
    return elements_of(objects[std::get<Object>(value).id].arguments);
}

bool Tree::is_dict(const Value& value) const {
    if (const auto* found = std::get_if<Items>(&value)) return found->kind == Items::Kind::dict;
    const auto* object = std::get_if<Object>(&value);
    return object != nullptr && (objects[object->id].items >= 0 || arguments_of(value, "collections", "OrderedDict") != nullptr);
}

std::vector<Value> Tree::entries_of(const Value& value) const {
    if (!is_dict(value)) return {};
    if (const auto* found = std::get_if<Items>(&value)) return items[found->id];
    std::vector<Value> entries;
    if (const auto* arguments = arguments_of(value, "collections", "OrderedDict"); arguments != nullptr && arguments->size() == 1) {
        const auto* pairs = elements_of(arguments->front());  // as Python 2 makes one
        for (std::size_t k = 0; pairs != nullptr && k < pairs->size(); ++k) {
            const auto* pair = elements_of((*pairs)[k]);
            if (pair != nullptr && pair->size() == 2) entries.insert(entries.end(), pair->begin(), pair->end());
        }
    }
    const std::int64_t set = objects[std::get<Object>(value).id].items;
    if (set >= 0) entries.insert(entries.end(), items[static_cast<std::size_t>(set)].begin(), items[static_cast<std::size_t>(set)].end());
    return entries;
}

}  // namespace orograph::pickle
