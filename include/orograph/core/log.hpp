#pragma once

#include <string_view>

// Logging. spdlog stays behind this header: its fmt and the one in torch's include folder do not go together.
// All lines go to stderr; stdout carries only what a command was asked to print.
namespace orograph::log {

enum class Level { debug, info, warn, error, off };

// Sets this process's rank and the lowest level that is written. Call once, after MPI is up.
void configure(Level level, int rank);

// "debug", "info", "warn", "error", "off"; throws Error(config) for another word.
Level level_from(std::string_view word);

// Whether the world logger writes lines of this level here: for messages that are dear to make.
bool writes(Level level);

// World logger: written by rank 0 only.
void debug(std::string_view message);
void info(std::string_view message);
void warn(std::string_view message);
void error(std::string_view message);

// Self logger: any rank, with its rank in the line.
void self(Level level, std::string_view message);

}  // namespace orograph::log
