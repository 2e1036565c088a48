#include "orograph/core/openmp_variables.hpp"

#include <cstring>

namespace orograph {
namespace {

// What takes cores or threads away: bindings, and limits on how many threads a parallel region gets. OMP_NUM_THREADS is none of these:
// it only presets what run.threads sets.
constexpr const char* binding_variables[] = {"OMP_PROC_BIND", "OMP_PLACES",       "GOMP_CPU_AFFINITY", "KMP_AFFINITY",
                                             "KMP_HW_SUBSET", "OMP_THREAD_LIMIT", "OMP_DYNAMIC"};
constexpr int most_set_aside = 32;

// The kernel's strings, which stay where they are.
const char* set_aside[most_set_aside];
int set_aside_count = 0;

// "OMP_PROC_BIND=..." and, as OpenMP 5.1 has it, "OMP_PROC_BIND_ALL=...".
__attribute__((no_sanitize("address", "undefined"))) bool is_binding_variable(const char* entry) {
    for (const char* name : binding_variables) {
        const char* in = entry;
        while (*name != '\0' && *in == *name) ++in, ++name;
        if (*name == '\0' && (*in == '=' || *in == '_')) return true;
    }
    return false;
}

// Runs before the constructors of the shared libraries, the C library's and the sanitizers' among them, so it calls no function of theirs.
__attribute__((no_sanitize("address", "undefined"))) void set_variables_aside(int, char**, char** environment) {
    char** kept = environment;
    for (char** entry = environment; *entry != nullptr; ++entry) {
        if (set_aside_count < most_set_aside && is_binding_variable(*entry))
            set_aside[set_aside_count++] = *entry;
        else
            *kept++ = *entry;
    }
    *kept = nullptr;
}

// The dynamic linker calls what stands in this section of an executable first of all.
__attribute__((section(".preinit_array"), used)) void (*const before_the_libraries)(int, char**, char**) = set_variables_aside;

}  // namespace

std::vector<std::string> set_aside_openmp_variables() {
    return {set_aside, set_aside + set_aside_count};
}

}  // namespace orograph
