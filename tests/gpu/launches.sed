# kernel<<<blocks, threads, 0, stream>>>(arguments); becomes a call that a C++ compiler understands (with sed -zE).
s/([a-z_]+)<<<([^>]*), ([a-z_]+), 0, stream>>>\(([^;]*)\);/emulation::launch(\2, \3, stream, [\&] { \1(\4); });/g
