#include "export_formats.hpp"

#include "orograph/app/commands.hpp"
#include "orograph/core/files.hpp"
#include "orograph/survey/direction_file.hpp"

#include <algorithm>
#include <iostream>

namespace orograph::app {

namespace {

std::size_t field_number(const survey::Surface& surface, const std::string& name) {
    if (name.empty()) return 0;
    std::vector<std::string> names;
    for (const auto& field : surface.schema.fields) names.push_back(field.name);
    const auto found = std::find(names.begin(), names.end(), name);
    OROGRAPH_VALIDATE(found != names.end(), ExitCode::usage, "--field ", name, ": the file has ", join(names));
    return static_cast<std::size_t>(found - names.begin());
}

std::filesystem::path output_of(const ExportRequest& request, const std::string& ending) {
    if (!request.output.empty()) return request.output;
    return std::filesystem::path(request.path).replace_extension(ending);
}

void write_text(const ExportRequest& request, const std::string& ending, const std::string& text) {
    const auto path = output_of(request, ending);
    write_file_atomically(path, text);
    std::cout << path.string() << "\n";
}

// Li et al.'s pair of files: the surface, and the directions it was drawn along.
void write_li(const ExportRequest& request, const survey::Surface& surface) {
    const auto path = output_of(request, ".li.h5");
    survey::write_li_surface(path, surface);
    std::vector<survey::NamedDirection> directions;
    for (const auto& direction : surface.schema.directions) directions.push_back({direction.axis + "direction", direction.tensors});
    auto direction_path = path;
    direction_path.replace_extension(".directions.h5");
    survey::write_direction_file(direction_path, directions);
    std::cout << path.string() << "\n" << direction_path.string() << "\n";
}

}  // namespace

ExitCode export_surface(const ExportRequest& request) {
    const auto surface = survey::read_surface(request.path);
    switch (request.format) {
        case ExportFormat::csv:
            write_text(request, ".csv", to_csv(surface));
            break;
        case ExportFormat::vti:
            write_text(request, ".vti", to_vti(surface));
            break;
        case ExportFormat::vtp:
            write_text(request, ".vtp", to_vtp(surface, field_number(surface, request.field)));
            break;
        case ExportFormat::xmf:
            std::cout << survey::write_xmf(request.path, surface.schema).string() << "\n";
            break;
        case ExportFormat::li:
            write_li(request, surface);
            break;
    }
    return ExitCode::done;
}

}  // namespace orograph::app
