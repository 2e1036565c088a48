#include "orograph/model/exported.hpp"

#include "aten_operators.hpp"
#include "export_rules.hpp"
#include "exported_mapping.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/fault.hpp"
#include "orograph/core/fingerprint.hpp"
#include "orograph/core/quote.hpp"
#include "orograph/core/safetensors.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

namespace orograph::model {
namespace {

constexpr const char* version = "1";

const FileTensor& find(const std::map<std::string, const FileTensor*>& tensors, const std::string& name) {
    const auto found = tensors.find(name);
    require(found != tensors.end(), "the tensor ", quote(name), " is missing");
    return *found->second;
}

at::ScalarType type_of(const FileTensor& tensor) {
    constexpr std::pair<std::string_view, at::ScalarType> types[] = {
        {"F64", at::kDouble}, {"F32", at::kFloat}, {"F16", at::kHalf}, {"BF16", at::kBFloat16}, {"I64", at::kLong},
        {"I32", at::kInt},    {"I16", at::kShort}, {"I8", at::kChar},  {"U8", at::kByte},       {"BOOL", at::kBool}};
    for (const auto& [name, type] : types) {
        if (name == tensor.dtype) return type;
    }
    throw Fault(cat("the tensor ", quote(tensor.name), " is ", tensor.dtype, ", which is not known here"));
}

at::Tensor to_tensor(const FileTensor& stored) {
    const at::Tensor tensor = at::empty(stored.shape, type_of(stored));
    if (!stored.data.empty()) std::memcpy(tensor.data_ptr(), stored.data.data(), stored.data.size());
    return tensor;
}

// Builds the network of one file.
class Loader {
public:
    Loader(const TensorFile& file, Description description) : description_(std::move(description)) {
        for (const FileTensor& tensor : file.tensors) tensors_[tensor.name] = &tensor;
    }

    Network load(const std::filesystem::path& path, const std::string& graph_text) {
        network_.architecture = cat(exported_architecture, " ", quote(description_.module));
        network_.channels = static_cast<int>(description_.image[0]);
        network_.ops.push_back({.kind = OpKind::input, .shape = description_.image});
        set_space();
        graph_.file = path.string();
        graph_.image = description_.image;
        bind_nodes();
        set_releases();
        check_logits();
        check_shapes(graph_, blank(network_.space.parameters), blank(network_.space.states));
        graph_.multiply_adds = count_multiply_adds(graph_, network_.space);
        network_.digest = digest(graph_text);
        graph_.unmapped = map_operators(graph_, description_.trains, network_);
        if (!graph_.unmapped.empty()) network_.graph = std::make_shared<const AtenGraph>(std::move(graph_));
        return std::move(network_);
    }

private:
    void set_space() {
        ParameterSpace& space = network_.space;
        add_specs(description_.parameters, space.parameters, TensorRef::Place::parameter);
        add_specs(description_.states, space.states, TensorRef::Place::state);
        require(!space.parameters.empty(), "it has no parameters");
        space.state_dict_order = description_.state_dict;
        const std::set<std::string> all(space.state_dict_order.begin(), space.state_dict_order.end());
        require(all.size() == space.state_dict_order.size(), "'state_dict' in its graph names a tensor twice");
        for (const auto& [name, ref] : refs_) require(all.contains(name), "'state_dict' in its graph has no ", quote(name));
        for (const std::string& name : space.state_dict_order) {
            if (!refs_.contains(name)) space.counters.push_back(name);
        }
    }

    void add_specs(const std::vector<std::string>& names, std::vector<TensorSpec>& specs, TensorRef::Place place) {
        std::int64_t offset = 0;
        for (const std::string& name : names) {
            const FileTensor& tensor = find(tensors_, name);
            require(tensor.dtype == "F32", "the tensor ", quote(name), " is ", tensor.dtype, " instead of F32");
            const auto count = static_cast<std::int64_t>(tensor.data.size() / sizeof(float));
            require(count > 0, "the tensor ", quote(name), " is empty");
            require(name.find('/') == std::string::npos, "the tensor ", quote(name),
                    " has a slash in its name, which divides names in HDF5; ", "name the module in Python otherwise");
            require(refs_.emplace(name, TensorRef{place, specs.size(), 0}).second, "the tensor ", quote(name), " is named twice");
            specs.push_back({name, tensor.shape, offset, count});
            offset += count;
        }
    }

    void bind_nodes() {
        for (const DescribedNode& node : description_.nodes) {
            try {
                require(node.name != description_.input && !numbers_.contains(node.name), "there are two of that name");
                AtenNode bound = bind_operator(node, [this](const nlohmann::json& json) { return resolve(json); });
                bound.varies = varies(bound);
                check_determinism(bound);
                graph_.nodes.push_back(std::move(bound));
                numbers_[node.name] = graph_.nodes.size() - 1;
            } catch (const Fault& fault) {
                throw Fault(cat("node ", quote(node.name), " (", quote(node.op), "): ", fault.what()));
            }
        }
        graph_.output = resolve(description_.output);
    }

    // Whether a node's result may depend on the images, or on how many they are.
    bool varies(const AtenNode& node) const {
        bool found = false;
        for_each_slot(node.arguments, [&](const Slot& slot) {
            const TensorRef& ref = slot.tensor;
            const bool tensor = slot.kind == Slot::Kind::tensor;
            found |= slot.kind == Slot::Kind::size || (tensor && ref.place == TensorRef::Place::images) ||
                     (tensor && ref.place == TensorRef::Place::node && graph_.nodes[ref.index].varies);
        });
        return found;
    }

    TensorRef resolve(const nlohmann::json& json) {
        require(json.is_object(), "is not a tensor");
        const bool node = json.contains("node");
        require(node || json.contains("tensor"), "is not a tensor");
        const nlohmann::json& name = json[node ? "node" : "tensor"];
        require(name.is_string(), "is not the name of a tensor");
        return node ? resolve_node(json, name.get<std::string>()) : resolve_tensor(name.get<std::string>());
    }

    TensorRef resolve_node(const nlohmann::json& json, const std::string& name) const {
        if (name == description_.input) return {};
        const auto found = numbers_.find(name);
        require(found != numbers_.end(), "reads the node ", quote(name), ", which is not before it");
        TensorRef ref{TensorRef::Place::node, found->second, 0};
        if (json.contains("output")) {
            require(json["output"].is_number_unsigned(), "is not the number of a result");
            ref.output = json["output"].get<std::size_t>();
        }
        require(ref.output < graph_.nodes[ref.index].shapes.size(), "reads result ", ref.output, " of the node ", quote(name),
                ", which has fewer");
        return ref;
    }

    // Whatever is neither parameter nor state is a constant.
    TensorRef resolve_tensor(const std::string& name) {
        if (const auto known = refs_.find(name); known != refs_.end()) return known->second;
        const FileTensor& stored = find(tensors_, name);
        graph_.constants.push_back(to_tensor(stored));
        constants_.push_back(&stored);
        return refs_.emplace(name, TensorRef{TensorRef::Place::constant, graph_.constants.size() - 1, 0}).first->second;
    }

    void check_logits() {
        require(graph_.output.place == TensorRef::Place::node, "its logits are no node's result");
        const Shape& shape = graph_.nodes[graph_.output.index].shapes[graph_.output.output];
        require(shape.size() == 2 && shape[0] == Size{1, 0} && shape[1].factor == 0 && shape[1].offset > 0 &&
                    shape[1].offset <= export_rules().most_classes,
                "its logits do not have the shape [B, classes]");
        network_.classes = static_cast<int>(shape[1].offset);
    }

    void set_releases() {
        std::vector<std::size_t> last(graph_.nodes.size());
        for (std::size_t k = 0; k < last.size(); ++k) {
            last[k] = k;
            for_each_read(graph_.nodes[k].arguments, [&](std::size_t read) { last[read] = k; });
        }
        graph_.releases.resize(last.size());
        for (std::size_t k = 0; k < last.size(); ++k) {
            if (last[k] > k && k != graph_.output.index) graph_.releases[last[k]].push_back(k);
        }
    }

    static std::vector<at::Tensor> blank(const std::vector<TensorSpec>& specs) {
        std::vector<at::Tensor> tensors;
        for (const TensorSpec& spec : specs) tensors.push_back(at::empty(spec.shape, at::TensorOptions(at::kMeta).dtype(at::kFloat)));
        return tensors;
    }

    std::string digest(const std::string& graph_text) const {
        Fingerprint fingerprint;
        fingerprint.add(graph_text);
        for (const FileTensor* constant : constants_) fingerprint.add(constant->name).add(std::span<const std::byte>(constant->data));
        return fingerprint.hex();
    }

    Description description_;
    std::map<std::string, const FileTensor*> tensors_;
    std::map<std::string, TensorRef> refs_;       // of tensors of the file
    std::map<std::string, std::size_t> numbers_;  // of nodes
    std::vector<const FileTensor*> constants_;
    AtenGraph graph_;
    Network network_;
};

const std::string& metadata(const TensorFile& file, const char* key) {
    const auto found = file.metadata.find(key);
    require(found != file.metadata.end(), "it is no export; write it in Python: orograph.export(model, images, FILE)");
    return found->second;
}

}  // namespace

Network load_exported(const std::filesystem::path& path) {
    const TensorFile file = read_safetensors(path);
    try {
        const std::string& found = metadata(file, "orograph.exported");
        require(found == version, "it has version ", quote(found), " of the format, and this program reads version ", version,
                "; export the model again, or take the program that belongs to it");
        const std::string& graph = metadata(file, "orograph.graph");
        return Loader(file, parse_description(graph)).load(path, graph);
    } catch (const Fault& fault) {
        throw Error(ExitCode::data, cat("cannot read the exported model ", path, ": ", fault.what()));
    }
}

std::string unmapped_operator(const AtenGraph& graph) {
    return graph.unmapped;
}

std::int64_t multiply_adds_of(const AtenGraph& graph) {
    return graph.multiply_adds;
}

}  // namespace orograph::model
