// The kernels of the instruction set in use.
#ifndef SEQUELA_DISPATCH_H
#define SEQUELA_DISPATCH_H

#include <stdint.h>

#include "job.h"

namespace sequela {

// `precision` is 0 or 1, checked by the caller.
const Kernels *kernels_of(int32_t precision);

}  // namespace sequela

#endif
