#include "orograph/landscape/checkpoint_list.hpp"

#include "orograph/core/error.hpp"

#include <cmath>

namespace orograph::landscape {

const model::Weights& CheckpointList::at(std::span<const double> coordinates) {
    const CheckpointFile& file = files_.at(static_cast<std::size_t>(std::llround(coordinates[0])));
    const model::Weights loaded = model::load_weights(file.source, network_);
    OROGRAPH_VALIDATE(model::fingerprint(network_, loaded) == file.fingerprint, ExitCode::data, file.source.string(),
                      " was changed while the job ran; start again with checkpoints that stay as they are");
    weights_ = loaded.to(device_);
    return weights_;
}

}  // namespace orograph::landscape
