#include "surface_layout.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/files.hpp"
#include "orograph/core/text.hpp"

namespace orograph::survey {

namespace {

std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

// "51 41"
std::string dimensions_of(const Grid& grid) {
    std::vector<std::string> lengths;
    for (const auto length : shape_of(grid)) lengths.push_back(std::to_string(length));
    return join(lengths, " ");
}

// "51 41 1", a line "51 1 1": XDMF names the slowest dimension first.
std::string mesh_of(const Grid& grid) {
    return dimensions_of(grid) + (grid.axes().size() == 1 ? " 1 1" : " 1");
}

// A structured mesh with explicit points, because the file runs y fastest and a rectilinear one would have to run x fastest.
std::string geometry(const Grid& grid) {
    std::string out = cat("<Geometry GeometryType=\"XYZ\">\n<DataItem Dimensions=\"", mesh_of(grid),
                          " 3\" NumberType=\"Float\" Precision=\"8\" Format=\"XML\">\n");
    for (std::int64_t point = 0; point < grid.size(); ++point) {
        auto place = grid.coordinates(PointIndex{point});
        place.resize(3, 0.0);
        out += cat(shortest(place[0]), " ", shortest(place[1]), " ", shortest(place[2]), "\n");
    }
    return out + "</DataItem>\n</Geometry>\n";
}

std::string attribute(const std::string& name, const std::string& dimensions, const std::string& number, const std::string& file) {
    return cat("<Attribute Name=\"", escaped(name), "\" AttributeType=\"Scalar\" Center=\"Node\">\n<DataItem Dimensions=\"", dimensions,
               "\" ", number, " Format=\"HDF\">", escaped(file), ":/", escaped(name), "</DataItem>\n</Attribute>\n");
}

std::string document(const std::string& file, const SurfaceSchema& schema) {
    const auto dimensions = dimensions_of(schema.grid);
    std::string out =
        cat("<?xml version=\"1.0\"?>\n<!DOCTYPE Xdmf SYSTEM \"Xdmf.dtd\" []>\n<Xdmf Version=\"2.0\">\n<Domain>\n<Grid Name=\"",
            escaped(schema.title), "\" GridType=\"Uniform\">\n<Topology TopologyType=\"3DSMesh\" Dimensions=\"", mesh_of(schema.grid),
            "\"/>\n");
    out += geometry(schema.grid);
    for (const auto& field : schema.fields) out += attribute(field.name, dimensions, "NumberType=\"Float\" Precision=\"8\"", file);
    out += attribute("status", dimensions, "NumberType=\"UChar\" Precision=\"1\"", file);
    return out + "</Grid>\n</Domain>\n</Xdmf>\n";
}

}  // namespace

// XDMF 2, which ParaView's readers and VisIt know. Error(data): more than two axes. Error(cannot_create), Error(io).
std::filesystem::path write_xmf(const std::filesystem::path& surface_path, const SurfaceSchema& schema) {
    const auto axes = schema.grid.axes().size();
    OROGRAPH_VALIDATE(axes <= 2, ExitCode::data, surface_path.string(), " has ", axes, " axes; an .xmf file describes lines and planes");
    auto path = surface_path;
    path.replace_extension(".xmf");
    write_file_atomically(path, document(surface_path.filename().string(), schema));
    return path;
}

}  // namespace orograph::survey
