#include "aten_operators.hpp"

#include "export_rules.hpp"

#include "orograph/core/fault.hpp"
#include "orograph/core/quote.hpp"

#include <ATen/ScalarOps.h>
#include <ATen/core/enum_tag.h>
#include <c10/core/DefaultDtype.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

namespace orograph::model {
namespace {

using Json = nlohmann::json;
using c10::TypeKind;

constexpr std::pair<std::string_view, at::ScalarType> types[] = {
    {"float64", at::kDouble}, {"float32", at::kFloat}, {"float16", at::kHalf}, {"bfloat16", at::kBFloat16}, {"int64", at::kLong},
    {"int32", at::kInt},      {"int16", at::kShort},   {"int8", at::kChar},    {"uint8", at::kByte},        {"bool", at::kBool},
};
constexpr std::pair<std::string_view, at::MemoryFormat> formats[] = {
    {"contiguous_format", at::MemoryFormat::Contiguous},
    {"preserve_format", at::MemoryFormat::Preserve},
    {"channels_last", at::MemoryFormat::ChannelsLast},
};

Slot literal(c10::IValue value) {
    return {.kind = Slot::Kind::literal, .literal = std::move(value)};
}

// The word of {"dtype": "float32"}, which is all that the object holds.
std::string word_of(const Json& json, const char* key) {
    require(json.is_object() && json.size() == 1 && json.contains(key) && json[key].is_string(), "is not a ", key);
    return json[key].get<std::string>();
}

template <class Table>
auto find(const Table& table, const std::string& word) {
    for (const auto& [known, value] : table) {
        if (known == word) return value;
    }
    throw Fault(cat("is ", quote(word), ", which is not known here"));
}

// Makes slots of JSON values for arguments of given types.
class Binder {
public:
    explicit Binder(const Resolve& resolve) : resolve_(resolve) {}

    Slot bind(const Json& json, const c10::TypePtr& type, std::optional<std::int32_t> copies, std::string_view name) const {
        switch (type->kind()) {
            case TypeKind::OptionalType:
                return json.is_null() ? literal({}) : bind(json, type->castRaw<c10::OptionalType>()->getElementType(), copies, name);
            case TypeKind::TensorType:
                return bind_tensor(json);
            case TypeKind::ListType:
                return bind_list(json, type->castRaw<c10::ListType>()->getElementType(), copies, name);
            case TypeKind::IntType:
            case TypeKind::SymIntType:
                return bind_integer(json);
            case TypeKind::FloatType:
                return literal(real(json));
            case TypeKind::NumberType:
                return bind_number(json);
            case TypeKind::BoolType:
                require(json.is_boolean(), "is neither true nor false");
                return literal(json.get<bool>());
            case TypeKind::ScalarTypeType:
                return bind_type(word_of(json, "dtype"));
            case TypeKind::MemoryFormatType:
                return literal(static_cast<std::int64_t>(find(formats, word_of(json, "memory_format"))));
            case TypeKind::LayoutType:
                require(word_of(json, "layout") == "strided", "is a layout other than strided");
                return literal(static_cast<std::int64_t>(at::kStrided));
            case TypeKind::DeviceObjType:
                return {.kind = Slot::Kind::device};
            case TypeKind::StringType:
                require(json.is_string() && json.get_ref<const std::string&>().size() <= export_rules().longest_text &&
                            contains(export_rules().text_arguments, name),
                        "is no text that is allowed there");
                return literal(json.get<std::string>());
            default:
                break;
        }
        throw Fault(cat("has the type ", type->str(), ", which an export cannot give"));
    }

private:
    // A number stands for a tensor of no dimensions that takes the type of the other operand.
    Slot bind_tensor(const Json& json) const {
        if (json.is_number_integer()) return literal(at::native::wrapped_scalar_tensor(at::Scalar(integer(json))));
        if (json.is_number_float()) return literal(at::native::wrapped_scalar_tensor(at::Scalar(json.get<double>())));
        return {.kind = Slot::Kind::tensor, .tensor = resolve_(json)};
    }

    Slot bind_list(const Json& json, const c10::TypePtr& element, std::optional<std::int32_t> copies, std::string_view name) const {
        const std::size_t count = json.is_array() ? json.size() : static_cast<std::size_t>(copies.value_or(0));
        require(count > 0 || json.is_array(), "is not a list");
        // SymInt lists travel as those of integers.
        const c10::TypePtr kind = element->kind() == TypeKind::SymIntType ? c10::TypePtr(c10::IntType::get()) : element;
        Slot list{.kind = Slot::Kind::list, .items = {}, .element = kind};
        for (std::size_t i = 0; i < count; ++i) list.items.push_back(bind(json.is_array() ? json[i] : json, element, {}, name));
        const auto fixed = [](const Slot& item) { return item.kind == Slot::Kind::literal; };
        if (!std::ranges::all_of(list.items, fixed)) return list;
        c10::impl::GenericList values(kind);
        for (const Slot& item : list.items) values.push_back(item.literal);
        return literal(values);
    }

    Slot bind_integer(const Json& json) const {
        if (json.is_object()) return {.kind = Slot::Kind::size, .size = parse_size(json)};
        return literal(integer(json));
    }

    static Slot bind_number(const Json& json) {
        if (json.is_boolean()) return literal(json.get<bool>());
        if (json.is_number_integer()) return literal(integer(json));
        if (json.is_object() && json.contains("batch")) return {.kind = Slot::Kind::size, .size = parse_size(json)};
        return literal(real(json));
    }

    static Slot bind_type(const std::string& word) {
        if (word == "float32") return {.kind = Slot::Kind::float_type};
        if (word == "complex64") return {.kind = Slot::Kind::complex_type};
        return literal(static_cast<std::int64_t>(find(types, word)));
    }

    static std::int64_t integer(const Json& json) {
        require(json.is_number_integer() &&
                    (!json.is_number_unsigned() || json.get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()}),
                "is not a whole number of 64 bits");
        return json.get<std::int64_t>();
    }

    static double real(const Json& json) {
        if (json.is_number()) return json.get<double>();
        const std::string word = word_of(json, "float");
        if (word == "nan") return std::numeric_limits<double>::quiet_NaN();
        require(word == "inf" || word == "-inf", "is not a number");
        return word == "inf" ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
    }

    const Resolve& resolve_;
};

c10::OperatorHandle find_operator(const DescribedNode& node) {
    const ExportRules& rules = export_rules();
    const auto refused = [&](std::string_view beginning) { return node.op.starts_with(beginning); };
    require(node.op.starts_with("aten::"), "the operator ", quote(node.op), " is not one of ATen; only those are run");
    require(std::ranges::none_of(rules.refused_beginnings, refused), "the operator ", quote(node.op),
            " is not run here: its result does not depend on its arguments alone");
    require(!node.op.starts_with("aten::_") || contains(rules.inner_operators, node.op), "the operator ", quote(node.op),
            " is not run here: it is one of LibTorch's inner ones");
    const auto handle = c10::Dispatcher::singleton().findSchema({node.op, node.overload});
    require(handle.has_value(), "this LibTorch knows no operator ", quote(node.op + (node.overload.empty() ? "" : "." + node.overload)));
    return *handle;
}

void check_schema(const c10::FunctionSchema& schema) {
    for (const c10::Argument& argument : schema.arguments())
        require(argument.alias_info() == nullptr || !argument.alias_info()->isWrite(), "the operator changes its ", argument.name(),
                " in place");
    require(!schema.is_vararg() && !schema.is_varret() && !schema.returns().empty(), "the operator gives no tensors");
    for (const c10::Argument& result : schema.returns()) {
        const bool list = result.type()->kind() == TypeKind::ListType;
        const auto kind = list ? result.type()->castRaw<c10::ListType>()->getElementType()->kind() : result.type()->kind();
        require(kind == TypeKind::TensorType && (!list || schema.returns().size() == 1), "the operator gives more than tensors");
    }
}

bool is_none(const Slot& slot) {
    return slot.kind == Slot::Kind::literal && slot.literal.isNone();
}

// Training is refused, but for the batch norms of what depends on parameters alone, with which weights are standardised.
void check_training(const AtenNode& node, const Slot& training) {
    const std::string& op = node.op.schema().name();
    require(training.kind == Slot::Kind::literal && training.literal.isBool(), "whether it trains is not true or false");
    if (!training.literal.toBool()) return;
    require(op == "aten::batch_norm" || op == "aten::native_batch_norm" || op == "aten::_native_batch_norm_legit",
            "it is to train, not to evaluate; export the model again");
    require(op == "aten::_native_batch_norm_legit" || (is_none(node.argument("running_mean")) && is_none(node.argument("running_var"))),
            "it is to train, not to evaluate: it changes its running statistics");
    require(!node.varies,
            "it is a batch norm without running statistics, so that an image's value depends on which images share its batch; ",
            "give it statistics in Python (track_running_stats=True, torch.optim.swa_utils.update_bn) and export the model again");
}

}  // namespace

AtenNode bind_operator(const DescribedNode& described, const Resolve& resolve) {
    AtenNode node{described.name, find_operator(described), {}, described.shapes};
    const c10::FunctionSchema& schema = node.op.schema();
    check_schema(schema);
    const auto& declared = schema.arguments();
    require(described.arguments.size() <= declared.size(), "it has ", described.arguments.size(), " arguments for ", declared.size());
    const Binder binder(resolve);
    std::size_t taken = described.arguments.size();
    for (std::size_t i = 0; i < declared.size(); ++i) {
        const std::string& name = declared[i].name();
        const bool keyword = described.keywords.contains(name);
        require(i >= described.arguments.size() || !keyword, "its argument ", name, " is there twice");
        taken += keyword ? 1 : 0;
        try {
            if (name == "device" && declared[i].real_type()->kind() == TypeKind::OptionalType)
                node.arguments.push_back({.kind = Slot::Kind::device});
            else if (i < described.arguments.size() || keyword)
                node.arguments.push_back(binder.bind(keyword ? described.keywords[name] : described.arguments[i], declared[i].real_type(),
                                                     declared[i].N(), name));
            else if (declared[i].default_value().has_value())
                node.arguments.push_back(literal(*declared[i].default_value()));
            else
                throw Fault("is missing");
        } catch (const Fault& fault) {
            throw Fault(cat("its argument ", name, " ", fault.what()));
        }
    }
    require(taken == described.arguments.size() + described.keywords.size(), "it has a keyword that its operator does not take");
    return node;
}

void check_determinism(const AtenNode& node) {
    const std::string& op = node.op.schema().name();
    bool evaluates = false;
    const auto& declared = node.op.schema().arguments();
    for (std::size_t i = 0; i < declared.size(); ++i) {
        const Slot& slot = node.arguments[i];
        const std::string& name = declared[i].name();
        if (name == "train" || name == "training") {
            check_training(node, slot);
            evaluates = true;
        }
        if (name == "dropout_p") {
            require(slot.kind == Slot::Kind::literal && slot.literal.isDouble() && slot.literal.toDouble() == 0,
                    "it drops values at random");
            evaluates = true;
        }
        require(name != "running_mean" || op != "aten::instance_norm" || is_none(slot), "it has running statistics, which it might change");
    }
    require(evaluates || !node.op.hasTag(at::Tag::nondeterministic_seeded), "it is random");
    require(!node.op.hasTag(at::Tag::dynamic_output_shape) || contains(export_rules().sized_by_values, op),
            "the shape of its result depends on values");
}

}  // namespace orograph::model
