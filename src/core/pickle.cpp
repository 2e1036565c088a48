#include "orograph/core/pickle.hpp"

#include "pickle_opcodes.hpp"
#include "pickle_stack.hpp"
#include "pickle_text.hpp"

#include "orograph/core/byte_reader.hpp"
#include "orograph/core/fault.hpp"

#include <charconv>
#include <utility>

namespace orograph::pickle {
namespace {

// Each group of instructions returns whether the instruction was one of its own.
class Machine {
public:
    explicit Machine(std::span<const std::byte> bytes) : reader_(bytes) {}

    Tree run() {
        for (unsigned char opcode = next(); opcode != stop; opcode = next()) {
            const bool known = read_number(opcode) || read_text(opcode) || build_tuple(opcode) || build_container(opcode) ||
                               fill_container(opcode) || use_memo(opcode) || name(opcode) || call(opcode);
            require(known, "its pickle has the instruction ", int{opcode}, " at byte ", reader_.position() - 1, ", which is unknown");
        }
        tree_.root = stack_.take();
        require(stack_.is_empty(), "its pickle ends with values left over");
        tree_.bytes = reader_.position();
        return std::move(tree_);
    }

private:
    unsigned char next() { return reader_.number<unsigned char>(); }

    bool read_number(unsigned char opcode) {
        switch (opcode) {
            case none:
            case newfalse:
                return push(Other{});
            case newtrue:
                return push(True{});
            case binint:
                return push(std::int64_t{reader_.number<std::int32_t>()});
            case binint1:
                return push(std::int64_t{reader_.number<std::uint8_t>()});
            case binint2:
                return push(std::int64_t{reader_.number<std::uint16_t>()});
            case long1:
                return push_long(reader_.number<std::uint8_t>());
            case long4:
                return push_long(reader_.number<std::uint32_t>());
            case int_line:
            case long_line:
                return push_decimal(reader_.line());
            case float_line:
                return reader_.line(), push(Other{});
            case binfloat:
                return reader_.take(8), push(Other{});
            case proto:
                return check_protocol(reader_.number<unsigned char>());
            case frame:
                require(reader_.number<std::uint64_t>() <= reader_.left(), "its pickle is cut short");
                return true;
            default:
                return false;
        }
    }

    bool read_text(unsigned char opcode) {
        switch (opcode) {
            case short_binunicode:
            case short_binstring:
                return push(reader_.text(reader_.number<std::uint8_t>()));
            case binunicode:
            case binstring:
                return push(reader_.text(reader_.number<std::uint32_t>()));
            case binunicode8:
                return push(reader_.text(reader_.number<std::uint64_t>()));
            case string_line:
                return push_text(unescape_string(reader_.line()));
            case unicode_line:
                return push_text(unescape_unicode(reader_.line()));
            case short_binbytes:
                return push(Bytes{reader_.text(reader_.number<std::uint8_t>())});
            case binbytes:
                return push(Bytes{reader_.text(reader_.number<std::uint32_t>())});
            case binbytes8:
            case bytearray8:
                return push(Bytes{reader_.text(reader_.number<std::uint64_t>())});
            default:
                return false;
        }
    }

    bool build_tuple(unsigned char opcode) {
        switch (opcode) {
            case mark:
                return stack_.mark(), true;
            case empty_tuple:
                return push_items(Items::Kind::tuple, {});
            case tuple1:
            case tuple2:
            case tuple3:
                return push_items(Items::Kind::tuple, stack_.take_last(static_cast<std::size_t>(opcode - tuple1 + 1)));
            case tuple:
                return push_items(Items::Kind::tuple, stack_.take_since_mark());
            case pop:
                return stack_.pop(), true;
            case pop_mark:
                return stack_.take_since_mark(), true;
            case dup:
                return push(stack_.top());
            default:
                return false;
        }
    }

    bool build_container(unsigned char opcode) {
        switch (opcode) {
            case empty_list:
                return push_items(Items::Kind::list, {});
            case list:
                return push_items(Items::Kind::list, stack_.take_since_mark());
            case empty_dict:
                return push_items(Items::Kind::dict, {});
            case dict:
                return push_items(Items::Kind::dict, in_pairs(stack_.take_since_mark()));
            case empty_set:
                return push(Other{});
            case frozenset:
                return stack_.take_since_mark(), push(Other{});
            default:
                return false;
        }
    }

    bool fill_container(unsigned char opcode) {
        switch (opcode) {
            case append:
                return extend_list(stack_.take_last(1));
            case appends:
                return extend_list(stack_.take_since_mark());
            case setitem:
                return extend_dict(stack_.take_last(2));
            case setitems:
                return extend_dict(stack_.take_since_mark());
            case additems:
                stack_.take_since_mark();
                require(is<Other>(stack_.top()) || is<Object>(stack_.top()), "its pickle adds elements to what is no set");
                return true;
            default:
                return false;
        }
    }

    bool use_memo(unsigned char opcode) {
        switch (opcode) {
            case get_line:
                return stack_.recall(index_of(reader_.line())), true;
            case binget:
                return stack_.recall(reader_.number<std::uint8_t>()), true;
            case long_binget:
                return stack_.recall(reader_.number<std::uint32_t>()), true;
            case put_line:
                return stack_.remember(index_of(reader_.line())), true;
            case binput:
                return stack_.remember(reader_.number<std::uint8_t>()), true;
            case long_binput:
                return stack_.remember(reader_.number<std::uint32_t>()), true;
            case memoize:
                return stack_.remember(), true;
            default:
                return false;
        }
    }

    bool name(unsigned char opcode) {
        switch (opcode) {
            case global: {
                const std::string_view module = reader_.line();
                return push_name(module, reader_.line());
            }
            case stack_global: {
                const auto names = stack_.take_last(2);
                const auto *module = std::get_if<std::string_view>(&names[0]), *name = std::get_if<std::string_view>(&names[1]);
                require(module != nullptr && name != nullptr, "its pickle names something by other than text");
                return push_name(*module, *name);
            }
            case ext1:
                return reader_.take(1), push_name("copyreg", "an extension");
            case ext2:
                return reader_.take(2), push_name("copyreg", "an extension");
            case ext4:
                return reader_.take(4), push_name("copyreg", "an extension");
            default:
                return false;
        }
    }

    // An object is what the pickle says of it: that something is called, and with what.
    bool call(unsigned char opcode) {
        switch (opcode) {
            case reduce:
            case newobj: {
                const auto taken = stack_.take_last(2);
                return push_object(taken[0], taken[1]);
            }
            case newobj_ex: {
                const auto taken = stack_.take_last(3);
                return push_object(taken[0], taken[1]);
            }
            case inst: {
                const std::string_view module = reader_.line();
                push_name(module, reader_.line());
                const Value callee = stack_.take();
                return push_made(callee, stack_.take_since_mark());
            }
            case obj: {
                auto taken = stack_.take_since_mark();
                require(!taken.empty(), "its pickle makes an object of nothing");
                const Value callee = taken.front();
                taken.erase(taken.begin());
                return push_made(callee, std::move(taken));
            }
            case build:
                return set_state();
            case persid_line:
                return push_persistent(reader_.line());
            case binpersid:
                return push_persistent(stack_.take());
            default:
                return false;
        }
    }

    bool push_name(std::string_view module, std::string_view name) {
        tree_.names.push_back({module, name});
        return push(Name{static_cast<std::uint32_t>(tree_.names.size() - 1)});
    }

    bool push_object(const Value& callee, const Value& arguments) {
        const auto* tuple = std::get_if<Items>(&arguments);
        require((is<Name>(callee) || is<Object>(callee)) && tuple != nullptr && tuple->kind == Items::Kind::tuple,
                "its pickle calls what is no function");
        tree_.objects.push_back({callee, arguments, Other{}});
        return push(Object{static_cast<std::uint32_t>(tree_.objects.size() - 1)});
    }

    bool push_made(const Value& callee, std::vector<Value> arguments) {
        push_items(Items::Kind::tuple, std::move(arguments));
        return push_object(callee, stack_.take());
    }

    bool push_persistent(const Value& id) {
        tree_.objects.push_back({Other{}, id, Other{}});
        return push(Object{static_cast<std::uint32_t>(tree_.objects.size() - 1)});
    }

    bool set_state() {
        const Value state = stack_.take();
        const auto* object = std::get_if<Object>(&stack_.top());
        require(object != nullptr, "its pickle sets attributes of what is no object");
        tree_.objects[object->id].state = state;
        return true;
    }

    // A subclass of list keeps its elements to itself.
    bool extend_list(std::vector<Value> values) {
        if (is<Object>(stack_.top())) return true;
        const auto* items = std::get_if<Items>(&stack_.top());
        require(items != nullptr && items->kind == Items::Kind::list, "its pickle appends to what is no list");
        return extend(tree_.items[items->id], values);
    }

    bool extend_dict(std::vector<Value> values) {
        values = in_pairs(std::move(values));
        if (const auto* object = std::get_if<Object>(&stack_.top())) return extend(items_of(*object), values);
        const auto* items = std::get_if<Items>(&stack_.top());
        require(items != nullptr && items->kind == Items::Kind::dict, "its pickle sets items of what is no dict");
        return extend(tree_.items[items->id], values);
    }

    std::vector<Value>& items_of(Object object) {
        std::int64_t& place = tree_.objects[object.id].items;
        if (place < 0) {
            place = static_cast<std::int64_t>(tree_.items.size());
            tree_.items.emplace_back();
        }
        return tree_.items[static_cast<std::size_t>(place)];
    }

    static bool extend(std::vector<Value>& items, const std::vector<Value>& values) {
        items.insert(items.end(), values.begin(), values.end());
        return true;
    }

    static std::vector<Value> in_pairs(std::vector<Value> values) {
        require(values.size() % 2 == 0, "its pickle has a key without a value");
        return values;
    }

    bool push(Value value) {
        stack_.push(value);
        return true;
    }

    bool push_text(std::string text) {
        tree_.texts.push_back(std::move(text));
        return push(std::string_view(tree_.texts.back()));
    }

    bool push_items(Items::Kind kind, std::vector<Value> values) {
        tree_.items.push_back(std::move(values));
        return push(Items{kind, static_cast<std::uint32_t>(tree_.items.size() - 1)});
    }

    bool push_long(std::uint32_t bytes) {
        const auto digits = reader_.take(bytes);
        if (digits.size() > sizeof(std::int64_t)) return push(Other{});
        const bool negative = !digits.empty() && (digits.back() & std::byte{0x80}) != std::byte{0};
        std::int64_t value = negative ? -1 : 0;
        std::memcpy(&value, digits.data(), digits.size());
        return push(value);
    }

    // "12", "12L"; "00" and "01" are False and True.
    bool push_decimal(std::string_view line) {
        if (line == "00") return push(Other{});
        if (line == "01") return push(True{});
        if (line.ends_with('L')) line.remove_suffix(1);
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
        if (error == std::errc::result_out_of_range) return push(Other{});
        require(error == std::errc() && end == line.data() + line.size(), "its pickle has a number that is none");
        return push(value);
    }

    static std::size_t index_of(std::string_view line) {
        std::size_t index = 0;
        const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), index);
        require(error == std::errc() && end == line.data() + line.size(), "its pickle remembers under what is no number");
        return index;
    }

    static bool check_protocol(int protocol) {
        require(protocol <= 5, "its pickle has protocol ", protocol, ", and 5 is the last one");
        return true;
    }

    template <class Wanted>
    static bool is(const Value& value) {
        return std::holds_alternative<Wanted>(value);
    }

    ByteReader reader_;
    Tree tree_;
    Stack stack_;
};

}  // namespace

Tree read(std::span<const std::byte> bytes) {
    return Machine(bytes).run();
}

}  // namespace orograph::pickle
