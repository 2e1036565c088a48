#pragma once

#include "orograph/landscape/measurement.hpp"
#include "orograph/par/communicator.hpp"
#include "orograph/survey/grid.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

// The surface file (design.md section 5, docs/design/surface-file.md).
namespace orograph::survey {

enum class PointStatus : std::uint8_t { pending = 0, done = 1, non_finite = 2, failed = 3 };

struct StoredTensor {
    std::string name;
    std::vector<std::int64_t> shape;
    std::vector<float> values;
};

// One group /directions/<axis>: attributes (kind, seed, normalize, ignore, space, ...) and tensors by parameter name.
struct StoredDirection {
    std::string axis;
    std::map<std::string, std::string> attributes;
    std::vector<StoredTensor> tensors;
};

// Numbers beside the grid, in a group of their own: /<group>/<name>.
struct StoredArray {
    std::string group, name, long_name;
    std::vector<std::int64_t> shape;
    std::vector<double> values;
};

// Everything that is fixed when the file is created.
struct SurfaceSchema {
    std::string title;
    Grid grid;
    std::vector<landscape::Field> fields;
    std::vector<StoredDirection> directions;
    std::map<std::string, std::string>
        fingerprints;  // item -> digest or text; must all be equal to resume: "weights", "data", "direction x", "grid", "loss", ...
    std::map<std::string, std::string> provenance;  // for people: resolved configuration, versions, ranks
    std::vector<StoredArray> arrays;                // written, not read back
};

// What a complete file takes up, but for the metadata: some kilobytes.
double file_bytes(const SurfaceSchema& schema);

enum class Overwrite { refuse, replace };

// What a file held when it was opened. The ranges on rank 0 alone, in ascending order, so that no other rank's memory depends on the grid.
struct Inventory {
    std::vector<PointRange> pending;  // without a result; those whose CRC does not fit too
    std::vector<PointRange> failed;
    std::int64_t pending_points = 0, failed_points = 0, non_finite_points = 0;
};

// The file as ranks write it: metadata complete from the start, then only independent raw-data writes at disjoint places (platform.md,
// crash-safe recipe).
class SurfaceFile {
public:
    // Collective over comm. Creates `path` (beside, fsync, rename) or opens it to go on. An existing file goes on where its fingerprints
    // and grid are the schema's; another one is refused with Error(data) that names the first difference, or replaced where asked.
    // Error(cannot_create): no permission, locked by another job; Error(io): disk full, or too
    // small for the file when it is complete. A damaged or truncated file: Error(data).
    SurfaceFile(const par::Communicator& comm, const std::filesystem::path& path, const SurfaceSchema& schema, Overwrite overwrite);
    ~SurfaceFile();
    SurfaceFile(const SurfaceFile&) = delete;
    SurfaceFile& operator=(const SurfaceFile&) = delete;

    bool resumed() const;  // the file was there already

    const std::filesystem::path& path() const;
    const Inventory& inventory() const;
    std::size_t width() const;  // values of a record

    // Not collective. The records of consecutive points, [point][field]: values, then CRCs, then status bytes; visible to readers and safe
    // from kill -9 on return.
    void write(PointIndex first, std::span<const double> records, std::span<const PointStatus> statuses);
    void write(PointIndex point, std::span<const double> record, PointStatus status) { write(point, record, std::span(&status, 1)); }

    // Not collective. fdatasync.
    void sync();

    // Collective over comm. The normal end; releases the lock.
    void close();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// A whole surface in memory, as show, verify and export read it. values[f] has grid.size() entries; NaN where not computed.
struct Surface {
    SurfaceSchema schema;
    std::vector<std::vector<double>> values;
    std::vector<PointStatus> statuses;
    std::vector<std::uint32_t> crcs;
    std::vector<PointIndex> damaged;  // computed points whose CRC does not fit

    std::int64_t count(PointStatus status) const;
};

// Serial, needs no MPI. Error(no_input), Error(data).
Surface read_surface(const std::filesystem::path& path);
SurfaceSchema read_schema(const std::filesystem::path& path);

// Numbers that belong to a whole field: its dataset's attributes, by name.
struct FieldAttributes {
    std::string field;
    std::map<std::string, double> numbers;
};

// Serial. Adds what is missing to a file that no job has open, which is the old or the complete new one at every instant.
// Error(cannot_create): another job holds it; Error(io); Error(data).
void add_field_attributes(const std::filesystem::path& path, const std::vector<FieldAttributes>& fields);

// Writes PATH's .xmf companion, so that ParaView opens the same HDF5 file; returns its path.
std::filesystem::path write_xmf(const std::filesystem::path& surface_path, const SurfaceSchema& schema);

}  // namespace orograph::survey
