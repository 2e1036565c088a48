#include "orograph/data/dataset.hpp"

#include "raw_split.hpp"
#include "resident.hpp"
#include "selection.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>
#include <cmath>

namespace orograph::data {
namespace {

void check_splits(const std::vector<std::string>& splits) {
    OROGRAPH_VALIDATE(!splits.empty(), ExitCode::config, "data.splits is empty: list train, test or both");
    for (auto split = splits.begin(); split != splits.end(); ++split) {
        OROGRAPH_VALIDATE(*split == "train" || *split == "test", ExitCode::config, "data.splits: there is no split '", *split,
                          "' (known: train, test)");
        OROGRAPH_VALIDATE(std::find(splits.begin(), split, *split) == split, ExitCode::config, "data.splits lists ", *split, " twice");
    }
}

void check_normalization(const Normalization& constants, const std::string& set, int channels) {
    const auto needed = static_cast<std::size_t>(channels);
    OROGRAPH_VALIDATE(constants.mean.size() == needed && constants.std.size() == needed, ExitCode::config, "data.normalize: ", set,
                      " needs ", needed, needed == 1 ? " number" : " numbers", " each in mean and std, not ", constants.mean.size(),
                      " and ", constants.std.size());
    for (std::size_t c = 0; c < needed; ++c) {
        OROGRAPH_VALIDATE(std::isfinite(constants.mean[c]), ExitCode::config, "data.normalize.mean holds ", constants.mean[c],
                          "; only finite numbers make sense");
        OROGRAPH_VALIDATE(std::isfinite(constants.std[c]) && static_cast<float>(constants.std[c]) > 0, ExitCode::config,
                          "data.normalize.std holds ", constants.std[c], "; it must be positive and finite");
    }
}

}  // namespace

const Split* Dataset::find(std::string_view name) const {
    const auto found = std::find_if(splits.begin(), splits.end(), [&](const Split& split) { return split.name == name; });
    return found == splits.end() ? nullptr : &*found;
}

Dataset load(const Source& source) {
    check_splits(source.splits);
    check_selection(source);
    RawSet raw = source.set == own_set ? open_arrays(source) : open_known_set(source);
    Dataset dataset{source.set, raw.channels, raw.classes, source.normalize.value_or(raw.usual), {}, {}};
    check_normalization(dataset.normalization, dataset.set, dataset.channels);

    Fingerprint digest;
    digest.add(dataset.set)
        .add_values(std::span<const double>(dataset.normalization.mean))
        .add_values(std::span<const double>(dataset.normalization.std));
    for (RawSplit& split : raw.splits) {
        if (source.corrupt && split.name == "train") corrupt_labels(*source.corrupt, dataset.classes, split.labels);
        const auto indices = select(source, split.name, split.size());
        split.margin = margin_of(split, source.image);
        dataset.splits.push_back(make_resident(split, indices, dataset.normalization, dataset.classes, digest));
        split = {};  // frees what a known set holds in memory
    }
    dataset.fingerprint = digest.hex();
    return dataset;
}

Split slice(const Split& split, std::int64_t first, std::int64_t count) {
    OROGRAPH_EXPECT(first >= 0 && count >= 0 && first + count <= split.size());
    return {split.name, split.images.narrow(0, first, count).clone(at::MemoryFormat::Contiguous),
            split.labels.narrow(0, first, count).clone()};
}

}  // namespace orograph::data
