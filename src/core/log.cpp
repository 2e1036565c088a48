#include "orograph/core/log.hpp"

#include "orograph/core/error.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <memory>

namespace orograph::log {
namespace {

spdlog::level::level_enum spdlog_level(Level level) {
    switch (level) {
        case Level::debug:
            return spdlog::level::debug;
        case Level::info:
            return spdlog::level::info;
        case Level::warn:
            return spdlog::level::warn;
        case Level::error:
            return spdlog::level::err;
        case Level::off:
            return spdlog::level::off;
    }
    return spdlog::level::off;
}

// Time, level, message. On a terminal the line first clears the progress bar that may stand there.
std::string pattern(const std::string& speaker) {
    const std::string clear_line = ::isatty(STDERR_FILENO) ? "\r\x1b[K" : "";
    return clear_line + "%Y-%m-%d %H:%M:%S %^%l%$ " + speaker + "%v";
}

// Logger to stderr, coloured on terminals only.
std::shared_ptr<spdlog::logger> make_logger(const std::string& name) {
    auto logger = std::make_shared<spdlog::logger>(name, std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    logger->set_pattern(pattern(""));
    return logger;
}

spdlog::logger& world_logger() {
    static const auto logger = make_logger("world");
    return *logger;
}

spdlog::logger& self_logger() {
    static const auto logger = make_logger("self");
    return *logger;
}

void write(spdlog::logger& logger, Level level, std::string_view message) {
    logger.log(spdlog_level(level), spdlog::string_view_t(message.data(), message.size()));
}

}  // namespace

void configure(Level level, int rank) {
    world_logger().set_level(rank == 0 ? spdlog_level(level) : spdlog::level::off);
    self_logger().set_level(spdlog_level(level));
    self_logger().set_pattern(pattern(cat("rank ", rank, ": ")));
}

Level level_from(std::string_view word) {
    if (word == "debug") return Level::debug;
    if (word == "info") return Level::info;
    if (word == "warn") return Level::warn;
    if (word == "error") return Level::error;
    OROGRAPH_VALIDATE(word == "off", ExitCode::config, "unknown log level '", word, "'; choose debug, info, warn, error or off");
    return Level::off;
}

bool writes(Level level) {
    return world_logger().should_log(spdlog_level(level));
}

void debug(std::string_view message) {
    write(world_logger(), Level::debug, message);
}

void info(std::string_view message) {
    write(world_logger(), Level::info, message);
}

void warn(std::string_view message) {
    write(world_logger(), Level::warn, message);
}

void error(std::string_view message) {
    write(world_logger(), Level::error, message);
}

void self(Level level, std::string_view message) {
    write(self_logger(), level, message);
}

}  // namespace orograph::log
