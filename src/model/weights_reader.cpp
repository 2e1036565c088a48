#include "architecture_search.hpp"
#include "checkpoint.hpp"
#include "same_tensors.hpp"
#include "state_choice.hpp"
#include "weights_source.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/log.hpp"
#include "orograph/core/quote.hpp"
#include "orograph/model/weights.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace orograph::model {
namespace {

constexpr std::size_t max_listed = 20;
constexpr std::size_t longest_guessed = 200;  // a hostile file's name may be megabytes long

std::string show_shape(const std::vector<std::int64_t>& shape) {
    std::vector<std::string> sizes;
    for (const std::int64_t size : shape) sizes.push_back(std::to_string(size));
    return cat("[", join(sizes), "]");
}

// Matches the tensors of a file with those of a network, copies what fits and notes everything that does not.
class Reader {
public:
    Reader(const Network& network, const Reading& reading)
        : network_(network),
          reading_(reading),
          file_(reading.tensors),
          weights_{at::empty({network.space.parameter_count()}, at::kFloat), at::empty({network.space.state_count()}, at::kFloat)} {
        for (const std::string& name : network.space.state_dict_order) expected_.insert(name);
    }

    Weights read() {
        read_group(network_.space.parameters, weights_.parameters);
        read_group(network_.space.states, weights_.states);
        if (!reading_.is_complete) note_unexpected();
        return weights_;
    }

    const std::vector<std::string>& faults() const { return faults_; }

    // What was converted, for the log; empty where all tensors are float32.
    std::string conversions() const {
        std::vector<std::string> list;
        for (const auto& [dtype, count] : converted_)
            list.push_back(cat(count, count == 1 ? " tensor of " : " tensors of ", dtype, dtype == "float64" ? " rounded" : " widened"));
        return join(list);
    }

private:
    void read_group(const std::vector<TensorSpec>& specs, const at::Tensor& flat) {
        for (const TensorSpec& spec : specs) {
            const auto found = file_.find(spec.name);
            if (found == file_.end()) {
                faults_.push_back(spec.name + " is missing");
            } else {
                read_tensor(*found->second, spec, flat.data_ptr<float>() + spec.offset);
            }
        }
    }

    void read_tensor(const StoredTensor& tensor, const TensorSpec& spec, float* out) {
        const std::string_view dtype = float_name(tensor.dtype);
        if (dtype.empty()) {
            faults_.push_back(cat(spec.name, " is ", tensor.dtype, ": convert it to F32"));
        } else if (tensor.shape != spec.shape) {
            faults_.push_back(cat(spec.name, " has shape ", show_shape(tensor.shape), " instead of ", show_shape(spec.shape)));
        } else {
            note(copy_as_float(tensor, out), spec);
            if (tensor.dtype != "F32") ++converted_[dtype];
        }
    }

    void note(const Conversion& conversion, const TensorSpec& spec) {
        if (conversion.not_finite > 0)
            faults_.push_back(cat(spec.name, " holds NaN or infinity in ", conversion.not_finite, " of ", spec.count, " places"));
        if (conversion.overflowed > 0)
            faults_.push_back(cat(spec.name, " is beyond the range of float32 in ", conversion.overflowed, " of ", spec.count, " places"));
    }

    void note_unexpected() {
        std::vector<std::string> missing;
        for (const std::string& name : expected_) {
            if (!file_.contains(name)) missing.push_back(name);
        }
        for (const auto& [name, tensor] : file_) {
            if (expected_.contains(name)) continue;
            const std::string guess = faults_.size() < max_listed && name.size() <= longest_guessed ? nearest(name, missing) : "";
            faults_.push_back(cat(quote(name), " is unexpected", guess.empty() ? "" : cat(" (should it be ", guess, "?)")));
        }
    }

    const Network& network_;
    const Reading& reading_;
    const std::map<std::string, const StoredTensor*>& file_;
    Weights weights_;
    std::set<std::string> expected_;
    std::vector<std::string> faults_;
    std::map<std::string_view, int> converted_;  // tensors by dtype
};

std::vector<std::string> quoted(const std::vector<std::string>& names) {
    std::vector<std::string> out;
    for (const std::string& name : names) out.push_back(quote(name));
    return out;
}

std::string list(const std::vector<std::string>& faults, std::size_t most) {
    const std::size_t shown = std::min(faults.size(), most);
    const std::string listed = join(std::span(faults).first(shown), "; ");
    return faults.size() > shown ? cat(listed, "; and ", faults.size() - shown, " more") : listed;
}

// The other architectures whose tensors are just the file's, in words; empty where there are none.
std::string suggest_architecture(const Network& network, const WeightsSource& source, const ChosenState& state) {
    if (state.reading.is_complete && !state.is_part()) return {};  // then the fault is another one
    if (state.reading.is_complete && state.larger.empty())
        return " (there are layers in the same blocks that it does not have: another network was trained; set model.architecture to it, "
               "take it through orograph.export, or choose other tensors with FILE#prefix=)";
    const ReadingChoice choice{source.prefix, source.bend.value_or(0)};
    const auto names = state.larger.empty() ? find_architectures(*state.dict, network, {choice, {}, 0, true}) : state.larger;
    if (names.empty()) return {};
    return cat(" (these are the tensors of ", join(names, " and of "), ": set model.architecture to ",
               names.size() == 1 ? "it if it" : "the one that", " was trained; any other network with them goes through orograph.export)");
}

std::string where(const WeightsSource& source, const ChosenState& state) {
    std::ostringstream out;
    out << source.file;
    std::vector<std::string> parts;
    if (!state.dict->key.empty()) parts.push_back(cat("its ", quote(state.dict->key)));
    if (!state.reading.place.empty()) parts.push_back(cat("names that begin with ", quote(state.reading.prefix)));
    if (!parts.empty()) out << " (" << join(parts) << ")";
    return out.str();
}

// Names that the prefix leaves out, which may be where missing tensors are.
std::string elsewhere(const Reading& reading) {
    std::vector<std::string> names;
    for (const std::string& name : reading.left_over) {
        if (!reading.is_complete && !without_wrappers(name).starts_with(reading.place)) names.push_back(name);
    }
    return names.empty() ? "" : cat("; other names: ", list(quoted(names), 3));
}

void check_fit(const Reader& reader, const Network& network, const WeightsSource& source, const ChosenState& state) {
    if (reader.faults().empty() && !state.is_part()) return;
    const std::string suggestion = suggest_architecture(network, source, state);
    const auto& left_over = state.larger.empty() ? state.reading.in_blocks : state.reading.left_over;
    const std::string faults = reader.faults().empty() ? cat("left over would be ", list(quoted(left_over), 3))
                                                       : list(reader.faults(), suggestion.empty() ? max_listed : 3);
    throw Error(ExitCode::data, cat("the weights ", where(source, state), " do not fit ", network.architecture, " with ", network.channels,
                                    network.channels == 1 ? " channel" : " channels", " and ", network.classes, " classes", suggestion,
                                    ": ", faults, elsewhere(state.reading)));
}

// What a reader should know of how the file was read, in one line each.
void tell(const Reader& reader, const Network& network, const WeightsSource& source, const ChosenState& state) {
    const Reading& reading = state.reading;
    const std::string weights = cat("weights ", where(source, state), ": ");
    if (const std::string converted = reader.conversions(); !converted.empty()) log::info(cat(weights, converted, " to float32"));
    if (!reading.renamed.empty())
        log::info(cat(weights, "layers have other names than ", network.architecture, "'s, ", quote(reading.renamed.front().first), " is ",
                      reading.renamed.front().second, " and so on (", reading.renamed.size(), " tensors)"));
    if (!reading.left_over.empty())
        log::warn(cat(weights, "left over, since ", network.architecture, " has no such tensors: ", list(quoted(reading.left_over), 5),
                      "; if they are layers of the network that was trained, this is another one"));
    if (reading.bends > 0 && !network.space.states.empty())
        log::warn(cat(weights, "a curve keeps one set of batch-norm statistics, which need not belong to bend ", *source.bend));
}

}  // namespace

Weights load_weights(const std::filesystem::path& source, const Network& network) {
    const WeightsSource parsed = parse_weights_source(source);
    const Checkpoint checkpoint = read_checkpoint(parsed.file);
    const ChosenState state = choose_state(checkpoint, parsed, network);
    Reader reader(network, state.reading);
    Weights weights = reader.read();
    check_fit(reader, network, parsed, state);
    note_same_tensors(network);
    tell(reader, network, parsed, state);
    return weights;
}

}  // namespace orograph::model
