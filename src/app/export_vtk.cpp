#include "export_formats.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/text.hpp"

#include <array>
#include <cmath>
#include <span>

namespace orograph::app {

namespace {

// Extent of the grid with a line as a plane of one row.
struct Extent {
    std::size_t nx, ny;
};

Extent extent_of(const survey::Surface& surface) {
    const auto& axes = surface.schema.grid.axes();
    return {axes[0].coordinates.size(), axes.size() > 1 ? axes[1].coordinates.size() : 1};
}

std::string header(const std::string& type) {
    return cat("<?xml version=\"1.0\"?>\n<VTKFile type=\"", type, "\" version=\"0.1\" byte_order=\"LittleEndian\">\n");
}

template <class Next>
std::string data_array(const std::string& attributes, std::size_t count, Next next) {
    std::string out = "<DataArray " + attributes + " format=\"ascii\">\n";
    for (std::size_t i = 0; i < count; ++i) out += next(i) + (i % 8 == 7 ? "\n" : " ");
    return out + "\n</DataArray>\n";
}

// VTK runs x fastest, the surface file y.
std::size_t point_of(const Extent& extent, std::size_t vtk_index) {
    return vtk_index % extent.nx * extent.ny + vtk_index / extent.nx;
}

std::string point_data(const survey::Surface& surface, const Extent& extent) {
    std::string out = cat("<PointData Scalars=\"", surface.schema.fields.front().name, "\">\n");
    for (std::size_t field = 0; field < surface.values.size(); ++field) {
        out += data_array(cat("type=\"Float64\" Name=\"", surface.schema.fields[field].name, "\""), surface.values[field].size(),
                          [&](std::size_t i) { return shortest(surface.values[field][point_of(extent, i)]); });
    }
    out += data_array("type=\"UInt8\" Name=\"status\"", surface.statuses.size(),
                      [&](std::size_t i) { return std::to_string(static_cast<int>(surface.statuses[point_of(extent, i)])); });
    return out + "</PointData>\n";
}

double spacing(const std::vector<double>& axis) {
    return axis.size() > 1 ? (axis.back() - axis.front()) / static_cast<double>(axis.size() - 1) : 1.0;
}

// The quads, as VTK point numbers, whose four corners are finite.
std::vector<std::array<std::size_t, 4>> quads_of(const Extent& extent, std::span<const double> height) {
    std::vector<std::array<std::size_t, 4>> quads;
    for (std::size_t j = 0; j + 1 < extent.ny; ++j) {
        for (std::size_t i = 0; i + 1 < extent.nx; ++i) {
            const std::size_t a = j * extent.nx + i;
            const std::array<std::size_t, 4> quad{a, a + 1, a + 1 + extent.nx, a + extent.nx};
            bool finite = true;
            for (const auto corner : quad) finite = finite && std::isfinite(height[point_of(extent, corner)]);
            if (finite) quads.push_back(quad);
        }
    }
    return quads;
}

}  // namespace

std::string to_vti(const survey::Surface& surface) {
    const auto extent = extent_of(surface);
    const auto& axes = surface.schema.grid.axes();
    const bool plane = axes.size() > 1;
    std::string out = header("ImageData");
    const std::string whole = cat("0 ", extent.nx - 1, " 0 ", extent.ny - 1, " 0 0");
    out += cat("<ImageData WholeExtent=\"", whole, "\" Origin=\"", shortest(axes[0].coordinates.front()), " ",
               plane ? shortest(axes[1].coordinates.front()) : "0", " 0\" Spacing=\"", shortest(spacing(axes[0].coordinates)), " ",
               plane ? shortest(spacing(axes[1].coordinates)) : "1", " 1\">\n<Piece Extent=\"", whole, "\">\n");
    return out + point_data(surface, extent) + "</Piece>\n</ImageData>\n</VTKFile>\n";
}

std::string to_vtp(const survey::Surface& surface, std::size_t height_field) {
    const auto& axes = surface.schema.grid.axes();
    OROGRAPH_VALIDATE(axes.size() == 2, ExitCode::data, "a line has no height surface; export it as csv or vti");
    const auto extent = extent_of(surface);
    const auto& height = surface.values[height_field];
    const auto quads = quads_of(extent, height);
    std::string out = header("PolyData");
    out += cat("<PolyData>\n<Piece NumberOfPoints=\"", height.size(),
               "\" NumberOfVerts=\"0\" NumberOfLines=\"0\" NumberOfStrips=\"0\" NumberOfPolys=\"", quads.size(), "\">\n");
    out += point_data(surface, extent);
    out += "<Points>\n" +
           data_array("type=\"Float64\" NumberOfComponents=\"3\"", height.size(),
                      [&](std::size_t i) {
                          const double z = height[point_of(extent, i)];
                          return cat(shortest(axes[0].coordinates[i % extent.nx]), " ", shortest(axes[1].coordinates[i / extent.nx]), " ",
                                     shortest(std::isfinite(z) ? z : 0.0));
                      }) +
           "</Points>\n";
    out += "<Polys>\n" + data_array("type=\"Int64\" Name=\"connectivity\"", quads.size() * 4,
                                    [&](std::size_t i) { return std::to_string(quads[i / 4][i % 4]); });
    out += data_array("type=\"Int64\" Name=\"offsets\"", quads.size(), [](std::size_t i) { return std::to_string(4 * (i + 1)); });
    return out + "</Polys>\n</Piece>\n</PolyData>\n</VTKFile>\n";
}

}  // namespace orograph::app
