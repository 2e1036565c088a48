#include "unpickler.hpp"

#include "byte_reader.hpp"
#include "pickle_opcodes.hpp"
#include "pickle_stack.hpp"
#include "tensor_builder.hpp"

#include "orograph/core/quote.hpp"

#include <utility>

namespace orograph::model {
namespace {

// Each group of instructions returns whether the instruction was one of its own.
class Unpickler {
public:
    Unpickler(std::span<const std::byte> pickle, const StorageLookup& lookup) : reader_(pickle), builder_(tree_, lookup) {}

    PickledTree run() {
        require(next() == proto, "its pickle does not begin as one of protocol 2 to 5");
        const int protocol = reader_.number<unsigned char>();
        require(protocol >= 2 && protocol <= 5, "its pickle has protocol ", protocol, ", not 2 to 5");
        for (unsigned char opcode = next(); opcode != stop; opcode = next()) {
            const bool known = read_scalar(opcode) || read_text(opcode) || build_tuple(opcode) || build_container(opcode) ||
                               use_memo(opcode) || call(opcode);
            require(known, "its pickle has the instruction ", int{opcode}, " at byte ", reader_.position() - 1,
                    ", which torch.save does not write");
        }
        tree_.root = stack_.take();
        require(stack_.is_empty() && reader_.left() == 0, "its pickle ends with values left over");
        return std::move(tree_);
    }

private:
    unsigned char next() { return reader_.number<unsigned char>(); }

    bool read_scalar(unsigned char opcode) {
        switch (opcode) {
            case none:
            case newtrue:
            case newfalse:
                return push(Opaque{});
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
            case binfloat:
                reader_.take(8);
                return push(Opaque{});
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
            case short_binbytes:
                reader_.take(reader_.number<std::uint8_t>());
                return push(Opaque{});
            case binbytes:
                reader_.take(reader_.number<std::uint32_t>());
                return push(Opaque{});
            case binbytes8:
            case bytearray8:
                reader_.take(reader_.number<std::uint64_t>());
                return push(Opaque{});
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
            default:
                return false;
        }
    }

    bool build_container(unsigned char opcode) {
        switch (opcode) {
            case empty_list:
                return push_items(Items::Kind::list, {});
            case empty_dict:
                return push_items(Items::Kind::dict, {});
            case empty_set:
                return push(Opaque{});
            case frozenset:
                return stack_.take_since_mark(), push(Opaque{});
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
                require(std::holds_alternative<Opaque>(stack_.top()), "its pickle adds elements to what is no set");
                return true;
            default:
                return false;
        }
    }

    bool use_memo(unsigned char opcode) {
        switch (opcode) {
            case binget:
                return stack_.recall(reader_.number<std::uint8_t>()), true;
            case long_binget:
                return stack_.recall(reader_.number<std::uint32_t>()), true;
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

    bool call(unsigned char opcode) {
        switch (opcode) {
            case global:
            case inst: {
                const std::string_view module = reader_.line();
                const bool pushed = push_global(module, reader_.line());
                require(opcode == global, "its pickle makes an object of a class, which torch.save does not for weights");
                return pushed;
            }
            case stack_global: {
                const auto names = stack_.take_last(2);
                const auto *module = std::get_if<std::string_view>(&names[0]), *name = std::get_if<std::string_view>(&names[1]);
                require(module != nullptr && name != nullptr, "its pickle names something by other than text");
                return push_global(*module, *name);
            }
            case reduce:
                return apply();
            case build:
                return set_state();
            case binpersid:
                return push(builder_.add_storage(stack_.take()));
            default:
                return false;
        }
    }

    bool push_global(std::string_view module, std::string_view name) {
        const PickleGlobal* known = find_global(module, name);
        require(known != nullptr, "it refers to the Python object ", quote(cat(module.substr(0, 80), '.', name.substr(0, 80))),
                ", which is not part of weights (nothing was run); save the state_dict alone, or try python -m orograph.convert");
        return push(known);
    }

    // Calls a known name with a tuple of arguments.
    bool apply() {
        const auto pair = stack_.take_last(2);
        const auto* callee = std::get_if<const PickleGlobal*>(&pair[0]);
        const auto* tuple = std::get_if<Items>(&pair[1]);
        require(callee != nullptr && tuple != nullptr && tuple->kind == Items::Kind::tuple, "its pickle calls what is no function");
        const auto& arguments = tree_.items[tuple->id];
        switch ((*callee)->kind) {
            case GlobalKind::ordered_dict:
                require(arguments.empty(), "its pickle makes an OrderedDict of something, which torch.save does not");
                return push_items(Items::Kind::ordered_dict, {});
            case GlobalKind::tensor:
            case GlobalKind::typed_tensor:
                return push(builder_.add_tensor(arguments, (*callee)->kind));
            case GlobalKind::parameter:
                require(arguments.size() == 3 && std::holds_alternative<TensorId>(arguments[0]),
                        "one of its parameters is made of no tensor");
                return push(arguments[0]);
            case GlobalKind::size:
                require(arguments.size() == 1 && std::holds_alternative<Items>(arguments[0]), "one of its torch.Size is made of no tuple");
                return push(arguments[0]);
            case GlobalKind::ignored:
                return push(Opaque{});
            case GlobalKind::storage:
            case GlobalKind::dtype:
                break;
        }
        throw Fault(cat("its pickle calls ", (*callee)->name, ", which is no function"));
    }

    // An OrderedDict's attributes (a state_dict's _metadata) have no say in the weights; other objects have none.
    bool set_state() {
        stack_.take();
        const auto* dict = std::get_if<Items>(&stack_.top());
        require(dict != nullptr && dict->kind == Items::Kind::ordered_dict, "its pickle sets attributes of what is no OrderedDict");
        return true;
    }

    bool extend_list(std::vector<PickleValue> values) {
        const auto* list = std::get_if<Items>(&stack_.top());
        require(list != nullptr && list->kind == Items::Kind::list, "its pickle appends to what is no list");
        return extend(*list, std::move(values));
    }

    bool extend_dict(std::vector<PickleValue> values) {
        const auto* dict = std::get_if<Items>(&stack_.top());
        require(dict != nullptr && dict->is_dict() && values.size() % 2 == 0, "its pickle sets items of what is no dict");
        return extend(*dict, std::move(values));
    }

    bool extend(Items to, std::vector<PickleValue> values) {
        auto& items = tree_.items[to.id];
        items.insert(items.end(), values.begin(), values.end());
        return true;
    }

    bool push(PickleValue value) {
        stack_.push(value);
        return true;
    }

    bool push_items(Items::Kind kind, std::vector<PickleValue> values) {
        tree_.items.push_back(std::move(values));
        return push(Items{kind, static_cast<std::uint32_t>(tree_.items.size() - 1)});
    }

    // Numbers beyond 64 bits are no sizes.
    bool push_long(std::uint32_t bytes) {
        const auto digits = reader_.take(bytes);
        if (digits.size() > sizeof(std::int64_t)) return push(Opaque{});
        const bool negative = !digits.empty() && (digits.back() & std::byte{0x80}) != std::byte{0};
        std::int64_t value = negative ? -1 : 0;
        std::memcpy(&value, digits.data(), digits.size());
        return push(value);
    }

    ByteReader reader_;
    PickledTree tree_;
    TensorBuilder builder_;
    PickleStack stack_;
};

}  // namespace

PickledTree unpickle(std::span<const std::byte> pickle, const StorageLookup& lookup) {
    return Unpickler(pickle, lookup).run();
}

}  // namespace orograph::model
