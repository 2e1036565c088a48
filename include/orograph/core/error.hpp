#pragma once

#include "orograph/core/text.hpp"

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>

namespace orograph {

// Exit codes of the program, from sysexits.h; docs/exit-codes.md lists what each one means to a user.
enum class ExitCode : int {
    done = 0,
    usage = 64,          // the command line is wrong
    data = 65,           // an input is malformed, or does not belong to the file that is to be resumed
    no_input = 66,       // an input file is missing or unreadable
    unavailable = 69,    // the device asked for is not there
    internal = 70,       // a defect of Orograph
    cannot_create = 73,  // an output cannot be created, or another job holds it
    io = 74,             // reading or writing failed, a full disk for example
    stopped = 75,        // stopped early on request; start the same command again to go on
    config = 78,         // the configuration is wrong
};

// The one exception type. The message is one line: what is wrong, where, and what to do; where a piece of it, such as a name in a damaged
// file, has more lines, it is made one.
class Error : public std::runtime_error {
public:
    Error(ExitCode code, const std::string& message) : std::runtime_error(one_line(message)), code_(code) {}
    ExitCode code() const { return code_; }

private:
    ExitCode code_;
};

// The Error that stands for whatever `action` throws: its own, one of a lack of memory, or a defect.
std::optional<Error> error_from(const std::function<void()>& action);

namespace detail {
[[noreturn]] void contract_failed(const char* kind, const char* condition, const char* file, int line);
}

}  // namespace orograph

// User input: always checked. `...` are the pieces of the message, joined by cat().
#define OROGRAPH_VALIDATE(condition, code, ...)                                        \
    do {                                                                               \
        if (!(condition)) throw ::orograph::Error(code, ::orograph::cat(__VA_ARGS__)); \
    } while (0)

// Contracts: pre- and postconditions between our own functions, without side effects; on where OROGRAPH_CONTRACTS is 1.
#if OROGRAPH_CONTRACTS
#define OROGRAPH_EXPECT(condition) \
    ((condition) ? void() : ::orograph::detail::contract_failed("precondition", #condition, __FILE__, __LINE__))
#define OROGRAPH_ENSURE(condition) \
    ((condition) ? void() : ::orograph::detail::contract_failed("postcondition", #condition, __FILE__, __LINE__))
#else
#define OROGRAPH_EXPECT(condition) void(sizeof(!(condition)))
#define OROGRAPH_ENSURE(condition) void(sizeof(!(condition)))
#endif
