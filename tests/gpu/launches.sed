# kernel<<<blocks, threads, 0, stream>>>(arguments); becomes a call that a C++ compiler understands (with sed -zE).
s/([a-z_]+(<[A-Za-z, ]+>)?)<<<([^>]*), ([a-z_]+), 0, stream>>>\(([^;]*)\);/emulation::launch(\3, \4, stream, [\&] { \1(\5); });/g
