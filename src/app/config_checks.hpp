#pragma once

#include "orograph/app/config.hpp"
#include "orograph/app/value.hpp"

#include <string>

// Rules that hold between keys, each a refusal that says what to change. Error(config) everywhere; `origin` is the configuration's name.
namespace orograph::app {

// Before the keys are read: a plane and a line are the same job but for the number of axes; says so where the wrong one was chosen.
void check_job(const Value& root, Job job, const std::string& origin);

// A job that trains and has curve keys, of its own or of each run.
bool trains_curve(const Value& root, Job job);

// Kinds of curves that are sampled only; says so before the list of those that can be trained does.
void check_trained_kind(const Value& root, const std::string& origin);

void check(const Config& config, const std::string& origin);

}  // namespace orograph::app
