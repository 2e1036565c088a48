#include "plan.hpp"

#include "orograph/core/text.hpp"

#include <algorithm>

namespace orograph::evaluate {

namespace {

void append(std::string& text, const char* part) {
    if (!text.empty()) text += "+";
    text += part;
}

std::string name_of_convolution(const Step& step) {
    if (step.groups == 1) return "conv+bias";
    return step.groups == step.input[0] ? "depthwise_conv+bias" : "grouped_conv+bias";
}

std::string name_of_pointwise(const Step& step) {
    std::string name;
    if (!step.others.empty()) append(name, "concat");
    if (step.zeros[0] + step.zeros[1] > 0) append(name, "pad");
    if (step.layer >= 0) append(name, "scale_shift");
    return name;
}

std::string kind_of(const Step& step) {
    switch (step.kind) {
        case StepKind::convolution:
            return name_of_convolution(step);
        case StepKind::linear:
            return "linear+bias";
        case StepKind::max_pool:
            return "max_pool";
        case StepKind::avg_pool:
            return "avg_pool";
        case StepKind::pointwise:
            return name_of_pointwise(step);
        case StepKind::image:
            return "image";
        case StepKind::flatten:
            break;
    }
    return "flatten";
}

std::string operations_of(const Step& step) {
    std::string text = kind_of(step);
    if (step.residual != no_value) append(text, step.kind == StepKind::pointwise ? "add" : "residual");
    if (step.relu) append(text, "relu");
    return text;
}

std::string describe(const Plan& plan, const Step& step) {
    const std::string name = step.layer >= 0 ? " " + plan.layers[step.layer].name : "";
    return cat(operations_of(step), name, " ", step.output[0], "x", step.output[1], "x", step.output[2]);
}

}  // namespace

bool is_batch_norm(const Step& step) {
    return step.kind == StepKind::pointwise && step.layer >= 0;
}

std::vector<bool> normalised_values(const Plan& plan) {
    std::vector<bool> normalised(plan.steps.size());
    for (const Step& step : plan.steps) {
        if (!is_batch_norm(step)) continue;
        normalised[step.source] = true;
        for (const int value : step.others) normalised[value] = true;
    }
    return normalised;
}

std::vector<int> values_read(const Step& step) {
    std::vector<int> values{step.source};
    values.insert(values.end(), step.others.begin(), step.others.end());
    if (step.residual != no_value) values.push_back(step.residual);
    return values;
}

std::vector<int> last_readers(const Plan& plan) {
    std::vector<int> last(plan.steps.size(), no_value);
    for (int i = 0; i < static_cast<int>(plan.steps.size()); ++i)
        for (const int value : values_read(plan.steps[i]))
            if (value >= 0) last[value] = i;
    return last;
}

std::vector<bool> replaceable_residuals(const Plan& plan) {
    const std::vector<int> last = last_readers(plan);
    std::vector<bool> result;
    for (int i = 0; i < static_cast<int>(plan.steps.size()); ++i) {
        const int residual = plan.steps[i].residual;
        const bool read_once = std::ranges::count(values_read(plan.steps[i]), residual) == 1;
        result.push_back(residual >= 0 && last[residual] == i && read_once);
    }
    return result;
}

std::vector<std::string> describe(const Plan& plan) {
    std::vector<std::string> lines;
    for (const Step& step : plan.steps) lines.push_back(describe(plan, step));
    return lines;
}

std::string summary(const Plan& plan) {
    std::vector<std::pair<std::string, int>> counts;
    for (const Step& step : plan.steps) {
        const std::string name = operations_of(step);
        const auto found = std::ranges::find(counts, name, &std::pair<std::string, int>::first);
        if (found == counts.end())
            counts.emplace_back(name, 1);
        else
            ++found->second;
    }
    std::vector<std::string> parts;
    for (const auto& [name, count] : counts) parts.push_back(cat(count, " ", name));
    return join(parts);
}

}  // namespace orograph::evaluate
