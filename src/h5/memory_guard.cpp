#include "memory_guard.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <mutex>
#include <optional>

namespace orograph::h5 {
namespace {

std::mutex mutex;
int guards = 0;
std::optional<rlimit> before;  // where a limit is set

// Private memory of this process that can be written, which is what RLIMIT_DATA counts: not address space that is only reserved.
std::optional<std::uint64_t> data_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t size = 0, resident = 0, shared = 0, text = 0, library = 0, data = 0;  // pages
    if (!(statm >> size >> resident >> shared >> text >> library >> data)) return std::nullopt;
    return data * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void limit_data(std::uint64_t more) {
    rlimit now{};
    const auto has = data_bytes();
    if (!has || ::getrlimit(RLIMIT_DATA, &now) != 0) return;
    const rlimit before_all = before.value_or(now);
    const auto wanted = std::max<rlim_t>(*has + more, before ? now.rlim_cur : 0);
    const rlimit limit{std::min(wanted, before_all.rlim_cur), before_all.rlim_max};
    if (::setrlimit(RLIMIT_DATA, &limit) == 0) before = before_all;
}

}  // namespace

MemoryGuard::MemoryGuard(std::uint64_t bytes) {
    const std::lock_guard lock(mutex);
    ++guards;
    limit_data(bytes);
}

MemoryGuard::~MemoryGuard() {
    const std::lock_guard lock(mutex);
    if (--guards > 0 || !before) return;
    ::setrlimit(RLIMIT_DATA, &*before);
    before.reset();
}

bool MemoryGuard::is_up() {
    const std::lock_guard lock(mutex);
    return guards > 0;
}

}  // namespace orograph::h5
