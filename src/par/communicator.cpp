#include "comm_impl.hpp"
#include "counts.hpp"

#include "orograph/core/error.hpp"
#include "orograph/par/mpi_access.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

namespace orograph::par {
namespace {

bool mpi_is_up() {
    int initialised = 0;
    int finalised = 0;
    MPI_Initialized(&initialised);
    MPI_Finalized(&finalised);
    return initialised && !finalised;
}

std::int64_t reduce(const Communicator& comm, std::int64_t value, MPI_Op operation) {
    if (comm.is_null()) return value;
    std::int64_t result = 0;
    OROGRAPH_MPI(MPI_Allreduce(&value, &result, 1, MPI_INT64_T, operation, raw(comm)));
    return result;
}

// Collective over comm. Throws the Error of the lowest rank that has one, on every rank.
void throw_first(const Communicator& comm, const std::optional<Error>& own) {
    const std::int64_t failed = all_min(comm, own ? comm.rank() : comm.size());
    if (failed == comm.size()) return;
    const auto root = static_cast<int>(failed);
    auto code = own ? own->code() : ExitCode::done;
    std::string message = own ? own->what() : "";
    broadcast(comm, std::as_writable_bytes(std::span(&code, 1)), root);
    broadcast(comm, message, root);
    throw Error(code, message);
}

}  // namespace

Communicator::Impl::Impl(MPI_Comm comm_in, bool owned_in) : comm(comm_in), owned(owned_in) {
    OROGRAPH_MPI(MPI_Comm_rank(comm, &rank));
    OROGRAPH_MPI(MPI_Comm_size(comm, &size));
}

Communicator::Impl::~Impl() {
    if (owned && std::uncaught_exceptions() == 0 && mpi_is_up()) MPI_Comm_free(&comm);
}

Communicator Communicator::world() {
    return mpi_is_up() ? Communicator(std::make_shared<const Impl>(MPI_COMM_WORLD, false)) : Communicator();
}

int Communicator::rank() const {
    return impl_ ? impl_->rank : 0;
}

int Communicator::size() const {
    return impl_ ? impl_->size : 1;
}

// Precondition: color >= 0.
Communicator Communicator::split(int color, int key) const {
    OROGRAPH_EXPECT(color >= 0);
    if (is_null()) return {};
    MPI_Comm part;
    OROGRAPH_MPI(MPI_Comm_split(impl_->comm, color, key, &part));
    return Communicator(std::make_shared<const Impl>(part, true));
}

Communicator Communicator::split_node() const {
    if (is_null()) return {};
    MPI_Comm node;
    OROGRAPH_MPI(MPI_Comm_split_type(impl_->comm, MPI_COMM_TYPE_SHARED, impl_->rank, MPI_INFO_NULL, &node));
    return Communicator(std::make_shared<const Impl>(node, true));
}

Communicator Communicator::duplicate() const {
    if (is_null()) return {};
    MPI_Comm copy;
    OROGRAPH_MPI(MPI_Comm_dup(impl_->comm, &copy));
    return Communicator(std::make_shared<const Impl>(copy, true));
}

MPI_Comm raw(const Communicator& comm) {
    return comm.is_null() ? MPI_COMM_SELF : comm.impl()->comm;
}

void check_mpi(int code, const char* expression, const char* file, int line) {
    if (code == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    int rank = 0;
    MPI_Error_string(code, text, &length);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    throw Error(ExitCode::io, cat(expression, " failed on rank ", rank, ": ", text, " (", file, ":", line, ")"));
}

void barrier(const Communicator& comm) {
    if (comm.is_null()) return;
    MPI_Request request;
    OROGRAPH_MPI(MPI_Ibarrier(raw(comm), &request));
    int arrived = 0;
    while (true) {
        OROGRAPH_MPI(MPI_Test(&request, &arrived, MPI_STATUS_IGNORE));
        if (arrived) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

void broadcast(const Communicator& comm, std::span<std::byte> bytes, int root) {
    OROGRAPH_EXPECT(root >= 0 && root < comm.size());
    if (comm.is_null()) return;
    while (!bytes.empty()) {
        const auto piece = bytes.first(std::min(bytes.size(), largest_piece));
        OROGRAPH_MPI(MPI_Bcast(piece.data(), checked_count(piece.size()), MPI_BYTE, root, raw(comm)));
        bytes = bytes.subspan(piece.size());
    }
}

void broadcast(const Communicator& comm, std::string& text, int root) {
    std::uint64_t size = text.size();
    broadcast(comm, std::as_writable_bytes(std::span(&size, 1)), root);
    text.resize(size);
    broadcast(comm, std::as_writable_bytes(std::span(text)), root);
}

std::int64_t all_max(const Communicator& comm, std::int64_t value) {
    return reduce(comm, value, MPI_MAX);
}

std::int64_t all_min(const Communicator& comm, std::int64_t value) {
    return reduce(comm, value, MPI_MIN);
}

std::int64_t all_sum(const Communicator& comm, std::int64_t value) {
    return reduce(comm, value, MPI_SUM);
}

// The other ranks wait asleep for a rank whose action takes long.
void agree(const Communicator& comm, const std::function<void()>& action) {
    const auto own = error_from(action);
    barrier(comm);
    throw_first(comm, own);
}

void on_root(const Communicator& comm, const std::function<void()>& action) {
    agree(comm, [&] {
        if (comm.rank() == 0) action();
    });
}

}  // namespace orograph::par
