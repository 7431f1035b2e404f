// The native library. It holds the interface version alone until the kernels move in.
#include "sequela/recurrent.h"

extern "C" int32_t sequela_interface_version(void) { return SEQUELA_INTERFACE_VERSION; }
