// What a cell sees of one row at one step. Pointers lead to unit 0 of the row.
#ifndef SEQUELA_ROWS_H
#define SEQUELA_ROWS_H

#include "math.h"
#include "vec.h"

namespace {

// `h`, `out`: [H]. `state`, `state_before`: [padded]. `gates`: [vector][slot][W], or null where
// nothing is kept (never for a cell that reads them back).
struct Row {
  const real *h, *state_before;
  real *out, *state, *gates;
};

// `gates` holds gates and receives their gradients. `carry` [padded] goes from step to step:
// dc of the LSTM, the direct part of dh of the GRU.
struct AdjointRow {
  const real *h, *h_before, *state, *state_before;
  real *gates, *carry;
};

struct Nothing {};

}  // namespace

#endif
