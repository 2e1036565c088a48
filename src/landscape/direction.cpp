#include "orograph/landscape/direction.hpp"

#include "normalize.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/random.hpp"

#include <map>
#include <span>

namespace orograph::landscape {

namespace {

// Apart from the streams of initial weights (one a tensor): a direction of the network's own seed would otherwise be parallel to them.
constexpr std::uint64_t first_direction_stream = std::uint64_t{3} << 32;

std::span<float> span_of(const at::Tensor& flat, const model::TensorSpec& spec) {
    return {flat.data_ptr<float>() + spec.offset, static_cast<std::size_t>(spec.count)};
}

Direction zero_direction(const model::Weights& centre, const DirectionSpec& spec) {
    OROGRAPH_EXPECT(centre.parameters.is_cpu() && centre.states.is_cpu());
    return {{at::zeros_like(centre.parameters), at::zeros_like(centre.states)}, spec};
}

void draw(const std::vector<model::TensorSpec>& specs, const DirectionSpec& spec, std::uint64_t first_stream, const at::Tensor& centre,
          const at::Tensor& delta) {
    for (std::size_t position = 0; position < specs.size(); ++position) {
        const std::span<float> direction = span_of(delta, specs[position]);
        CounterRandom(spec.seed, first_stream + position).fill_normal(direction);
        normalize_tensor(direction, span_of(centre, specs[position]), specs[position].shape, spec.normalize, spec.ignore);
    }
}

// A tensor of Li et al.'s file: a parameter, a state, or (spec null) a counter, which takes no part.
struct Slot {
    const model::TensorSpec* spec = nullptr;
    bool is_state = false;
};

// In the order of their file: parameters(), or state_dict().
std::vector<Slot> file_order(const model::ParameterSpace& space, Space moved) {
    std::map<std::string, Slot> by_name;
    std::vector<Slot> slots;
    for (const model::TensorSpec& spec : space.parameters) {
        by_name[spec.name] = {&spec, false};
        if (moved == Space::parameters) slots.push_back({&spec, false});
    }
    if (moved == Space::parameters) return slots;
    for (const model::TensorSpec& spec : space.states) by_name[spec.name] = {&spec, true};
    for (const std::string& name : space.state_dict_order) slots.push_back(by_name[name]);
    return slots;
}

void copy_checked(const at::Tensor& from, const Slot& slot, std::size_t position, const Direction& to) {
    const model::TensorSpec& spec = *slot.spec;
    OROGRAPH_VALIDATE(from.sizes() == at::IntArrayRef(spec.shape), ExitCode::data, "direction ", to.spec.name, ": tensor ", position,
                      " has shape ", from.sizes(), " where ", spec.name, " has ", at::IntArrayRef(spec.shape),
                      "; use a direction of the same architecture");
    OROGRAPH_VALIDATE(at::isfinite(from).all().item<bool>(), ExitCode::data, "direction ", to.spec.name, ": tensor ", position, " (",
                      spec.name, ") holds a value that is not finite; make the file anew");
    const at::Tensor& flat = slot.is_state ? to.delta.states : to.delta.parameters;
    flat.slice(0, spec.offset, spec.offset + spec.count).copy_(from.reshape({-1}));
}

}  // namespace

Direction random_direction(const model::Network& network, const model::Weights& centre, const DirectionSpec& spec) {
    Direction direction = zero_direction(centre, spec);
    const model::ParameterSpace& space = network.space;
    draw(space.parameters, spec, first_direction_stream, centre.parameters, direction.delta.parameters);
    if (spec.space == Space::states) {
        draw(space.states, spec, first_direction_stream + space.parameters.size(), centre.states, direction.delta.states);
    }
    return direction;
}

Direction direction_towards(const model::Network& network, const model::Weights& centre, const DirectionSpec& spec) {
    const model::Weights other = model::load_weights(spec.weights, network);
    Direction direction = zero_direction(centre, spec);
    direction.delta.parameters = other.parameters - centre.parameters;
    if (spec.space == Space::states) direction.delta.states = other.states - centre.states;
    return direction;
}

Direction direction_from_tensors(const model::Network& network, const std::vector<at::Tensor>& tensors, const DirectionSpec& spec) {
    std::vector<Slot> slots = file_order(network.space, spec.space);
    const auto is_counter = [](const Slot& slot) { return slot.spec == nullptr; };
    if (tensors.size() != slots.size()) std::erase_if(slots, is_counter);
    OROGRAPH_VALIDATE(tensors.size() == slots.size(), ExitCode::data, "direction ", spec.name, " has ", tensors.size(), " tensors, ",
                      network.architecture, " in the space of ", to_string(spec.space), " has ", slots.size(),
                      "; use a direction of the same architecture and space");
    Direction direction{{at::zeros({network.space.parameter_count()}), at::zeros({network.space.state_count()})}, spec};
    for (std::size_t position = 0; position < slots.size(); ++position) {
        if (!is_counter(slots[position])) copy_checked(tensors[position], slots[position], position, direction);
    }
    return direction;
}

std::vector<at::Tensor> tensors_of(const model::Network& network, const Direction& direction) {
    std::vector<at::Tensor> tensors;
    for (const Slot& slot : file_order(network.space, direction.spec.space)) {
        if (slot.spec == nullptr) continue;
        const at::Tensor& flat = slot.is_state ? direction.delta.states : direction.delta.parameters;
        tensors.push_back(flat.slice(0, slot.spec->offset, slot.spec->offset + slot.spec->count).reshape(slot.spec->shape));
    }
    return tensors;
}

}  // namespace orograph::landscape
