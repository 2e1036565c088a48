#include "curve_report.hpp"

#include "orograph/core/text.hpp"
#include "orograph/landscape/curve_summary.hpp"

#include <algorithm>
#include <iomanip>

namespace orograph::app {

namespace {

const std::vector<double>* values_of(const survey::Surface& surface, const std::string& name) {
    const auto found = std::ranges::find(surface.schema.fields, name, &landscape::Field::name);
    return found == surface.schema.fields.end() ? nullptr
                                                : &surface.values[static_cast<std::size_t>(found - surface.schema.fields.begin())];
}

// A table of right-aligned columns, built column by column.
class Row {
public:
    // Three columns under one title.
    void add(const std::string& title, const landscape::CurveSummary& values, int decimals) {
        titles_ << "  " << std::left << std::setw(3 * width - 2) << title << std::right;
        add_column("min", values.min, decimals);
        add_column("max", values.max, decimals);
        add_column("int", values.integral, decimals);
    }
    void add_column(const std::string& head, double value, int decimals) {
        heads_ << std::setw(width) << head;
        values_ << std::setw(width) << std::fixed << std::setprecision(decimals) << value;
    }
    std::string text(const std::string& name) const {
        const auto first = [](const std::string& word) { return word + std::string(13 - std::min<std::size_t>(word.size(), 12), ' '); };
        return cat(first(""), titles_.view(), "\n", first("curve"), heads_.view(), "\n", first(name), values_.view(), "\n");
    }

private:
    static constexpr int width = 9;
    std::ostringstream titles_, heads_, values_;
};

landscape::CurveSummary error_of(const landscape::CurveSummary& accuracy) {
    return {100 - accuracy.max, 100 - accuracy.min, 100 - accuracy.avg, 100 - accuracy.integral};
}

}  // namespace

bool is_complete_curve(const survey::Surface& surface) {
    return surface.schema.provenance.contains("curve") && values_of(surface, "dl") && surface.count(survey::PointStatus::pending) == 0 &&
           surface.count(survey::PointStatus::failed) == 0;
}

std::vector<survey::FieldAttributes> curve_attributes(const survey::Surface& surface) {
    const auto& dl = *values_of(surface, "dl");
    std::vector<survey::FieldAttributes> attributes;
    for (std::size_t field = 0; field < surface.values.size(); ++field) {
        const auto& name = surface.schema.fields[field].name;
        const auto [min, max, avg, integral] = landscape::summarise(surface.values[field], dl);
        attributes.push_back({name, {{"min", min}, {"max", max}, {"avg", avg}, {"int", integral}}});
        if (name == "dl") attributes.back().numbers["length"] = landscape::curve_length(dl);
    }
    return attributes;
}

std::string curve_table(const survey::Surface& surface) {
    const auto& dl = *values_of(surface, "dl");
    Row row;
    if (const auto* losses = values_of(surface, "train_loss")) row.add("train loss", landscape::summarise(*losses, dl), 4);
    if (const auto* accuracies = values_of(surface, "test_acc"))
        row.add("test error (%)", error_of(landscape::summarise(*accuracies, dl)), 2);
    row.add_column("length", landscape::curve_length(dl), 3);
    return row.text(surface.schema.provenance.at("curve"));
}

}  // namespace orograph::app
