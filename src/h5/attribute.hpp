#pragma once

#include "orograph/h5/dataset.hpp"

#include <map>
#include <string>

// Attributes of any object. `where` names the object in messages. Creating throws Error(io), reading Error(data).
namespace orograph::h5 {

void write_text_attribute(Id object, const std::string& where, const std::string& name, const std::string& value);

// `count` values; -1: a scalar.
void write_number_attribute(Id object, const std::string& where, const std::string& name, Type type, const void* values,
                            std::int64_t count);

bool has_attribute(Id object, const std::string& name);
std::string read_text_attribute(Id object, const std::string& where, const std::string& name);
std::int32_t read_int32_attribute(Id object, const std::string& where, const std::string& name);

// All scalar strings of fixed length; what others have added in other types is passed over.
std::map<std::string, std::string> read_text_attributes(Id object, const std::string& where);

}  // namespace orograph::h5
