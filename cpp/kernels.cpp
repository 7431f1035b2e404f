// The kernels of one instruction set and one precision: this file is compiled once for each.
//
// No header with inline code of its own and no template with external linkage may come in here: a
// stray weak symbol compiled for a newer processor would crash an older one.
#include "backward.h"
#include "cells/every.h"
#include "forward.h"
#include "linear.h"
#include "reduce.h"
#include "optioned_backward.h"
#include "optioned_forward.h"
#include "random.h"

namespace {

int64_t saved_bytes(const Job *job) {
  return with_cell(job->cell, [&](auto cell) {
    return OptionedForward<typename Pointee<decltype(cell)>::type>::saved_count(*job) *
           (int64_t)sizeof(real);
  });
}

int64_t scratch_bytes(const Job *job, int32_t backward) {
  return with_cell(job->cell, [&](auto cell) {
    typedef typename Pointee<decltype(cell)>::type Cell;
    if (job->optioned)
      return backward ? OptionedBackward<Cell>(*job).scratch()
                      : OptionedForward<Cell>(*job).scratch();
    return backward ? BackwardPlan<Cell>(*job).scratch : ForwardPlan<Cell>(*job).scratch;
  });
}

int64_t packed_bytes(const Job *job) {
  return with_cell(job->cell, [&](auto cell) {
    return ForwardPlan<typename Pointee<decltype(cell)>::type>(*job).packed;
  });
}

void pack_weights(const Job *job) {
  with_cell(job->cell, [&](auto cell) {
    pack(ForwardPlan<typename Pointee<decltype(cell)>::type>(*job), 0);
  });
}

void run_forward(const Job *job, int32_t thread) {
  with_cell(job->cell, [&](auto cell) {
    typedef typename Pointee<decltype(cell)>::type Cell;
    job->optioned ? optioned_forward<Cell>(job, thread) : forward<Cell>(job, thread);
  });
}

void run_backward(const Job *job, int32_t thread) {
  with_cell(job->cell, [&](auto cell) {
    typedef typename Pointee<decltype(cell)>::type Cell;
    job->optioned ? optioned_backward<Cell>(job, thread) : backward<Cell>(job, thread);
  });
}

void elementwise(int32_t function, int64_t count, const void *from, void *to) {
  const real *x = static_cast<const real *>(from);
  real *y = static_cast<real *>(to);
  for (int64_t i = 0; i < count; i += W) {
    const vec v = load_units(x + i, count - i);
    store_units(y + i, function == 0 ? vexp(v) : function == 1 ? vsigmoid(v) : vtanh(v), count - i);
  }
}

}  // namespace

extern const Kernels SEQUELA_TABLE;
const Kernels SEQUELA_TABLE = {saved_bytes, scratch_bytes, packed_bytes, pack_weights,
                               run_forward, run_backward, elementwise,
                               linear_scratch, linear, pool, bag, bag_gradient, softmax, draw_masks};
