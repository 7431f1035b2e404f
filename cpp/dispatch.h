// The kernels of the instruction set in use, and one pass of a layer for those that have a call of
// their own.
#ifndef SEQUELA_DISPATCH_H
#define SEQUELA_DISPATCH_H

#include <stdint.h>

#include "job.h"
#include "sequela/recurrent.h"

namespace sequela {

// `precision` is 0 or 1, checked by the caller.
const Kernels *kernels_of(int32_t precision);

// No array of a call may have more elements than this: every size in bytes stays below 2^62.
constexpr int64_t kMost = (int64_t)1 << 52;

// As sequela_forward, checks included; rows of `out` lie `stride` numbers apart, P or more.
int32_t forward_into(const sequela_layer &layer, void *out, int64_t stride, void *h_n, void *c_n);

}  // namespace sequela

#endif
