#pragma once

namespace orograph {

// Occupies those of standard input, output and error that the program was started without, so that no file that it opens gets their number
// and what is logged. Reading gives the end, writing fails, as before. Call at the top of main.
void occupy_standard_descriptors();

}  // namespace orograph
