#include "crash_guard.hpp"

#include "orograph/core/error.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <ctime>
#include <mutex>
#include <vector>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OROGRAPH_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define OROGRAPH_SANITIZED 1
#endif
#ifndef OROGRAPH_SANITIZED
#define OROGRAPH_SANITIZED 0
#endif

namespace orograph::h5 {
namespace {

constexpr std::array crashes{SIGSEGV, SIGBUS, SIGFPE, SIGABRT};

std::mutex mutex;
std::vector<const CrashGuard*> guards;            // the newest last
std::atomic<const CrashGuard*> newest = nullptr;  // what the handler sees
std::array<struct sigaction, crashes.size()> before;

extern "C" void blame_file(int) {
    if (const CrashGuard* guard = newest.load()) {
        [[maybe_unused]] const auto written = ::write(STDERR_FILENO, guard->line().data(), guard->line().size());
    }
    ::_exit(static_cast<int>(ExitCode::data));
}

void install() {
    struct sigaction action {};
    action.sa_handler = blame_file;
    for (std::size_t k = 0; k < crashes.size(); ++k) ::sigaction(crashes[k], &action, &before[k]);
}

void restore() {
    for (std::size_t k = 0; k < crashes.size(); ++k) ::sigaction(crashes[k], &before[k], nullptr);
}

// As the logger begins a line.
std::string now() {
    const std::time_t time = std::time(nullptr);
    std::tm local{};
    std::array<char, 32> text{};
    ::localtime_r(&time, &local);
    std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &local);
    return text.data();
}

}  // namespace

CrashGuard::CrashGuard(const std::filesystem::path& path)
    : line_(
          cat(now(), " error ", path.string(), " is damaged: the HDF5 library crashes when it reads it; fetch or write the file again\n")) {
    const std::lock_guard lock(mutex);
    if (guards.empty() && !OROGRAPH_SANITIZED) install();
    guards.push_back(this);
    newest = this;
}

CrashGuard::~CrashGuard() {
    const std::lock_guard lock(mutex);
    std::erase(guards, this);
    newest = guards.empty() ? nullptr : guards.back();
    if (guards.empty() && !OROGRAPH_SANITIZED) restore();
}

}  // namespace orograph::h5
