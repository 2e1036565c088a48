#include "curve_source.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/files.hpp"

#include <filesystem>

namespace orograph::app {

namespace {

// curve.yaml as training writes it.
struct CurveIndex {
    std::string kind, architecture;
    std::vector<std::string> bends;
    std::optional<double> weight_decay;
};

const std::vector<std::string> index_kinds{"bezier", "polychain"};

template <class Fields>
void visit(Fields& fields, CurveIndex& s) {
    fields.choice("kind", s.kind, index_kinds, "");
    fields.texts("bends", s.bends, "all points, the ends first and last");
    fields.number("weight_decay", s.weight_decay, at_least_0, "");
    fields.text("architecture", s.architecture, "");
}

CurveIndex read_index(const std::string& path) {
    const auto bytes = read_file(path, 1 << 20, "curve index");
    CurveIndex index;
    try {
        const Value root = parse_yaml({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
        FieldReader reader(&root, "the index", path);
        visit(reader, index);
    } catch (const Error& error) {
        throw Error(ExitCode::data, cat(error.what(), "; curve.file takes the curve.yaml that training wrote"));
    }
    OROGRAPH_VALIDATE(!index.kind.empty(), ExitCode::data, path, ": kind is missing; curve.file takes the curve.yaml that training wrote");
    OROGRAPH_VALIDATE(index.bends.size() >= 2, ExitCode::data, path, ": bends names ", index.bends.size(),
                      " checkpoints; a curve has at least two, its ends first and last");
    return index;
}

CurveSource source_of(const CurveIndex& index, const std::string& path, bool segment) {
    CurveSource source{segment ? "segment" : index.kind, {}, index.weight_decay.value_or(0), index.weight_decay.has_value()};
    const auto folder = std::filesystem::path(path).parent_path();
    for (std::size_t j = 0; j < index.bends.size(); ++j)
        source.points.push_back({(folder / index.bends[j]).string(), cat("bends[", j, "] of ", path)});
    if (segment) source.points.erase(source.points.begin() + 1, source.points.end() - 1);
    return source;
}

CurveSource source_of(const CurveSection& section) {
    CurveSource source{section.kind.value_or("bezier"), {}};
    const auto add = [&](const std::vector<std::string>& files, const char* key) {
        for (std::size_t j = 0; j < files.size(); ++j) source.points.push_back({files[j], cat("curve.", key, "[", j, "]")});
    };
    add(section.files, "files");
    add(section.ends, "ends");
    add(section.bends, "bends");
    if (source.kind != "checkpoints") std::rotate(source.points.begin() + 1, source.points.begin() + 2, source.points.end());
    return source;
}

}  // namespace

CurveSource curve_source_of(const CurveSection& section, const std::string& architecture) {
    CurveSource source;
    if (section.file.empty()) {
        source = source_of(section);
    } else {
        const CurveIndex index = read_index(section.file);
        OROGRAPH_VALIDATE(index.architecture.empty() || index.architecture == architecture, ExitCode::config, section.file,
                          " is a curve of ", index.architecture, ", and model.architecture is ", architecture, "; set ",
                          index.architecture);
        source = source_of(index, section.file, section.kind == "segment");
    }
    if (section.weight_decay) {
        source.weight_decay = *section.weight_decay;
        source.knows_weight_decay = true;
    }
    return source;
}

model::Weights load_point(const CurveSource& source, std::size_t point, const model::Network& network) {
    try {
        return model::load_weights(source.points[point].source, network);
    } catch (const Error& error) {
        throw Error(error.code(), cat(source.points[point].key, ": ", error.what()));
    }
}

LoadedCurve load_curve(CurveSource source, const model::Network& network) {
    LoadedCurve curve{std::move(source)};
    for (std::size_t point = 0; point < curve.source.points.size(); ++point) {
        model::Weights weights = load_point(curve.source, point, network);
        curve.files.push_back({curve.source.points[point].source, model::fingerprint(network, weights)});
        if (curve.source.kind != "checkpoints" || point == 0) curve.weights.push_back(std::move(weights));
    }
    return curve;
}

}  // namespace orograph::app
