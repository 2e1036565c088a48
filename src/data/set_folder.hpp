#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace orograph::data {

// Where a known set's files are, and how they are called.
struct SetLayout {
    std::string set;
    std::vector<std::filesystem::path> places;  // below a folder of torchvision's, or of an unpacked archive
    std::vector<std::string> files;             // any of these is a sign of the set
};

// `folder`, or the place below it that holds files of the set (said in the log). Where there are none, Error(no_input) says what the folder
// is instead: another set's, an archive that is not unpacked, a form that is not read. `folder` again where nothing is known of it.
std::filesystem::path find_folder(const std::filesystem::path& folder, const SetLayout& layout, const std::vector<SetLayout>& all);

}  // namespace orograph::data
