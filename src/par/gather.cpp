#include "counts.hpp"

#include "orograph/par/communicator.hpp"
#include "orograph/par/mpi_access.hpp"

#include <algorithm>
#include <numeric>

namespace orograph::par {
namespace {

std::vector<std::uint64_t> gather_sizes(const Communicator& comm, std::uint64_t own) {
    std::vector<std::uint64_t> sizes(static_cast<std::size_t>(comm.size()));
    OROGRAPH_MPI(MPI_Allgather(&own, 1, MPI_UINT64_T, sizes.data(), 1, MPI_UINT64_T, raw(comm)));
    return sizes;
}

// How many of `size` bytes fall into the `piece` bytes from `offset`.
int piece_of(std::uint64_t size, std::uint64_t offset, std::uint64_t piece) {
    return checked_count(std::min(piece, size - std::min(size, offset)));
}

// Appends bytes [offset, offset + piece) of every rank's text to texts. Three ranks with "abc", "", "de", piece = 2:
//
//     round 0   ab|  |de      round 1   c|  |
void gather_round(const Communicator& comm, const std::string& own, const std::vector<std::uint64_t>& sizes, std::uint64_t offset,
                  std::uint64_t piece, std::vector<std::string>& texts) {
    std::vector<int> counts;
    for (const auto size : sizes) counts.push_back(piece_of(size, offset, piece));
    std::vector<int> places(counts.size());
    std::exclusive_scan(counts.begin(), counts.end(), places.begin(), 0);
    std::string all(static_cast<std::size_t>(places.back()) + static_cast<std::size_t>(counts.back()), '\0');
    const char* first = own.data() + std::min<std::uint64_t>(own.size(), offset);
    OROGRAPH_MPI(MPI_Allgatherv(first, counts[static_cast<std::size_t>(comm.rank())], MPI_BYTE, all.data(), counts.data(), places.data(),
                                MPI_BYTE, raw(comm)));
    for (std::size_t rank = 0; rank < texts.size(); ++rank) {
        texts[rank].append(all, static_cast<std::size_t>(places[rank]), static_cast<std::size_t>(counts[rank]));
    }
}

// Three ranks with values a, b, c, of which rank r sums the r-th part and gives the sum to all:
//
//     rank 0   a0 a1 a2        a0 b0 c0        sum0 sum1 sum2
//     rank 1   b0 b1 b2   ->   a1 b1 c1   ->   sum0 sum1 sum2
//     rank 2   c0 c1 c2        a2 b2 c2        sum0 sum1 sum2
void sum_in_parts(const Communicator& comm, std::span<float> values) {
    const auto ranks = static_cast<std::size_t>(comm.size());
    const std::size_t part = (values.size() + ranks - 1) / ranks;
    std::vector<float> all(part * ranks), own(part * ranks), sum(part);
    std::ranges::copy(values, all.begin());
    OROGRAPH_MPI(MPI_Alltoall(all.data(), checked_count(part), MPI_FLOAT, own.data(), checked_count(part), MPI_FLOAT, raw(comm)));
    for (std::size_t rank = 0; rank < ranks; ++rank)
        for (std::size_t i = 0; i < part; ++i) sum[i] += own[rank * part + i];
    OROGRAPH_MPI(MPI_Allgather(sum.data(), checked_count(part), MPI_FLOAT, all.data(), checked_count(part), MPI_FLOAT, raw(comm)));
    std::copy_n(all.begin(), values.size(), values.begin());
}

}  // namespace

// In pieces of which MPI can count the elements.
void all_sum(const Communicator& comm, std::span<float> values) {
    if (comm.size() == 1) return;
    while (!values.empty()) {
        const auto piece = values.first(std::min(values.size(), largest_piece / sizeof(float)));
        sum_in_parts(comm, piece);
        values = values.subspan(piece.size());
    }
}

// In rounds that bring no more than largest_piece from all ranks together: counts and displacements are int.
std::vector<std::string> all_gather(const Communicator& comm, const std::string& text) {
    if (comm.is_null()) return {text};
    const auto sizes = gather_sizes(comm, text.size());
    const auto largest = *std::max_element(sizes.begin(), sizes.end());
    const auto piece = std::max<std::uint64_t>(1, largest_piece / sizes.size());
    std::vector<std::string> texts(sizes.size());
    for (std::uint64_t offset = 0; offset < largest; offset += piece) gather_round(comm, text, sizes, offset, piece, texts);
    return texts;
}

}  // namespace orograph::par
