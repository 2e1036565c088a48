#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// Pickles (Python's pickletools) as data: what is in them is looked at, and nothing of it is run, imported or called.
namespace orograph::pickle {

struct Other {};  // None, False, a float, a set, a number beyond 64 bits: a value without consequence for us
struct True {};
struct Bytes {
    std::string_view content;
};
// A container: number `id` in Tree::items. Two values may share one, and one may hold itself.
struct Items {
    enum class Kind { tuple, list, dict };
    Kind kind = Kind::tuple;
    std::uint32_t id = 0;
};
struct Name {  // of a class or function: number `id` in Tree::names
    std::uint32_t id = 0;
};
struct Object {  // number `id` in Tree::objects
    std::uint32_t id = 0;
};

// Text stands as std::string_view; Python 2's str, which may be either, too.
using Value = std::variant<Other, True, std::int64_t, std::string_view, Bytes, Items, Name, Object>;

// What a pickle tells to make an object: a call that nobody makes, and what is to be done to its result.
struct Call {
    Value callee;             // mostly a Name; Other: the object is a persistent id, which `arguments` holds
    Value arguments;          // mostly a tuple
    Value state;              // its attributes, or what its own __setstate__ would get
    std::int64_t items = -1;  // number in Tree::items of what is set by key in it, -1: nothing is
};

struct QualifiedName {
    std::string_view module, name;
};

// Views into the pickle and into `texts`.
struct Tree {
    Value root;
    std::vector<std::vector<Value>> items;  // of a dict: key, value, key, value ...
    std::vector<QualifiedName> names;
    std::vector<Call> objects;
    std::deque<std::string> texts;  // those that the pickle writes with escapes
    std::size_t bytes = 0;          // length of the pickle

    // The arguments of a call of module.name; null for every other value.
    const std::vector<Value>* arguments_of(const Value& value, std::string_view module, std::string_view name) const;
    // The name of what an object is made by; null for other values, and where that is no name.
    const QualifiedName* maker_of(const Value& value) const;
    // Keys and values of a dict, of an object in which items are set (a subclass of dict), of an OrderedDict made of pairs; empty for
    // others.
    std::vector<Value> entries_of(const Value& value) const;
    bool is_dict(const Value& value) const;
    // The elements of a tuple or list; null for other values.
    const std::vector<Value>* elements_of(const Value& value) const;
};

// Reads the pickle of any protocol (0 to 5) that `bytes` begin with; what follows it is for the caller to judge. Memory and time are
// bounded by its length; nothing recurses. Fault for what is none.
Tree read(std::span<const std::byte> bytes);

}  // namespace orograph::pickle
