// A library for LD_PRELOAD that makes one call on a file below a folder fail, as a full or broken disk would.
// Environment: FAIL_FOLDER (only what lies below it counts), FAIL_AT (the number of the call that fails, from 1, counted over all calls
// below; 0: none), FAIL_CALL (pwrite, write, fsync, rename, ftruncate, open; empty: all of them), FAIL_ERRNO (a number; 0: it never returns), FAIL_RANK (the
// rank of mpirun it happens on; empty: every one), FAIL_ON (1: every later call fails, too, as on a full disk), FAIL_LOG (a file that gets
// a line for the call that failed).
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

std::string text(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

struct Plan {
    std::string folder = text("FAIL_FOLDER"), call = text("FAIL_CALL"), log = text("FAIL_LOG");
    long at = std::atol(text("FAIL_AT").c_str());
    int error = std::atoi(text("FAIL_ERRNO").c_str());
    bool goes_on = text("FAIL_ON") == "1";
    bool here = text("FAIL_RANK").empty() || text("FAIL_RANK") == text("OMPI_COMM_WORLD_RANK");
    std::atomic<long> count{0};
};

Plan& plan() {
    static auto* the_plan = new Plan;  // never destroyed: files are written at exit, too
    return *the_plan;
}

template <class Function>
Function* next(const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

void note(const char* call, long number, const char* path) {
    static auto* real_open = next<int(const char*, int, ...)>("open");
    static auto* real_write = next<ssize_t(int, const void*, size_t)>("write");
    const int file = real_open(plan().log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (file < 0) return;
    char line[PATH_MAX + 64];
    const int length = std::snprintf(line, sizeof(line), "%ld %s %s\n", number, call, path);
    if (real_write(file, line, static_cast<size_t>(length)) < 0) std::abort();
    close(file);
}

// Whether this call is the one; sets errno.
bool fails(const char* call, const char* path) {
    auto& p = plan();
    if (p.folder.empty() || !p.here || std::strncmp(path, p.folder.c_str(), p.folder.size()) != 0) return false;
    if (!p.call.empty() && p.call != call) return false;
    const long number = ++p.count;
    if (p.at == 0 || number < p.at || (number > p.at && !p.goes_on)) return false;
    if (number == p.at) note(call, number, path);
    while (p.error == 0) pause();
    errno = p.error;
    return true;
}

bool fails(const char* call, int file) {
    const int saved = errno;
    char link[64], path[PATH_MAX];
    std::snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
    const ssize_t length = readlink(link, path, sizeof(path) - 1);
    errno = saved;
    if (length <= 0) return false;
    path[length] = '\0';
    return fails(call, path);
}

bool writes(int flags) {
    return (flags & (O_WRONLY | O_RDWR | O_CREAT)) != 0;
}

}  // namespace

#define PASS_ON(name, result, parameters, arguments)   \
    static auto* real = next<result parameters>(name); \
    return real arguments

extern "C" {

ssize_t write(int file, const void* bytes, size_t size) {
    if (fails("write", file)) return -1;
    PASS_ON("write", ssize_t, (int, const void*, size_t), (file, bytes, size));
}

ssize_t writev(int file, const iovec* parts, int count) {
    if (fails("write", file)) return -1;
    PASS_ON("writev", ssize_t, (int, const iovec*, int), (file, parts, count));
}

ssize_t pwrite(int file, const void* bytes, size_t size, off_t offset) {
    if (fails("pwrite", file)) return -1;
    PASS_ON("pwrite", ssize_t, (int, const void*, size_t, off_t), (file, bytes, size, offset));
}

ssize_t pwrite64(int file, const void* bytes, size_t size, off64_t offset) {
    if (fails("pwrite", file)) return -1;
    PASS_ON("pwrite64", ssize_t, (int, const void*, size_t, off64_t), (file, bytes, size, offset));
}

ssize_t pwritev(int file, const iovec* parts, int count, off_t offset) {
    if (fails("pwrite", file)) return -1;
    PASS_ON("pwritev", ssize_t, (int, const iovec*, int, off_t), (file, parts, count, offset));
}

ssize_t pwritev64(int file, const iovec* parts, int count, off64_t offset) {
    if (fails("pwrite", file)) return -1;
    PASS_ON("pwritev64", ssize_t, (int, const iovec*, int, off64_t), (file, parts, count, offset));
}

int fsync(int file) {
    if (fails("fsync", file)) return -1;
    PASS_ON("fsync", int, (int), (file));
}

int fdatasync(int file) {
    if (fails("fsync", file)) return -1;
    PASS_ON("fdatasync", int, (int), (file));
}

int ftruncate(int file, off_t size) {
    if (fails("ftruncate", file)) return -1;
    PASS_ON("ftruncate", int, (int, off_t), (file, size));
}

int ftruncate64(int file, off64_t size) {
    if (fails("ftruncate", file)) return -1;
    PASS_ON("ftruncate64", int, (int, off64_t), (file, size));
}

int rename(const char* from, const char* to) {
    if (fails("rename", to)) return -1;
    PASS_ON("rename", int, (const char*, const char*), (from, to));
}

int open(const char* path, int flags, ...) {
    std::va_list rest;
    va_start(rest, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if (writes(flags) && fails("open", path)) return -1;
    PASS_ON("open", int, (const char*, int, ...), (path, flags, mode));
}

int open64(const char* path, int flags, ...) {
    std::va_list rest;
    va_start(rest, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if (writes(flags) && fails("open", path)) return -1;
    PASS_ON("open64", int, (const char*, int, ...), (path, flags, mode));
}
}
