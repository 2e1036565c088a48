// Files of torch.save, and every other file that may be given as weights: read, chosen and converted for a network of six parameters.
#include "checkpoint.hpp"
#include "fuzz.hpp"

#include "orograph/model/weights.hpp"

#include <vector>

namespace {

using namespace orograph;

constexpr std::int64_t most_elements = 4096;

model::Network tiny_network() {
    model::Network network;
    network.architecture = "tiny";
    network.channels = 1;
    network.classes = 2;
    network.space.parameters = {{"fc.weight", {2, 2}, 0, 4}, {"fc.bias", {2}, 4, 2}};
    network.space.state_dict_order = {"fc.weight", "fc.bias"};
    return network;
}

// As many elements as the weights reader would take of a tensor whose shape is as expected.
bool is_small(const model::StoredTensor& tensor) {
    std::int64_t elements = 1;
    for (const std::int64_t size : tensor.shape) {
        if (size < 0 || size > most_elements) return false;
        elements *= size;
        if (elements > most_elements) return false;
    }
    return true;
}

void convert_all(const model::Checkpoint& checkpoint) {
    std::vector<float> out(most_elements);
    for (const model::StoredTensor& tensor : checkpoint.content.tensors) {
        if (is_small(tensor) && !model::float_name(tensor.dtype).empty()) model::copy_as_float(tensor, out.data());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const model::Network network = tiny_network();
    const auto path = fuzz::put("input.pt", {data, size});
    fuzz::attempt(size, {}, [&] {
        convert_all(model::read_checkpoint(path));
        const model::Weights weights = model::load_weights(path, network);
        fuzz::must(weights.parameters.size(0) == 6, "the weights are those of the network");
    });
    return 0;
}
