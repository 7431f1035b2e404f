// Back-propagation through time for one cell: the gates' gradients, step by step.
//
// The gradients take the place of the gates. The gates of a step wait for the product of the next
// step's gradients with w_hh, so both are done in one tile.
#ifndef SEQUELA_BACKWARD_H
#define SEQUELA_BACKWARD_H

#include "gradients.h"
#include "matmul.h"
#include "rows.h"
#include "walk.h"

namespace {

template <class P>
SEQUELA_INLINE int64_t adjoint_size(const Saved &saved) {
  if constexpr (__is_same(P, Nothing)) return 0;
  else return saved.wide * P::kCount * saved.padded;
}

template <class Cell>
struct BackwardPlan {
  const Job &job;
  Walk walk;
  Saved saved;
  real *first, *second, *inputs;     // w_hh and w_ih, packed for products with the gradients
  real *zeros, *state, *carry;       // [padded], [B][padded] each
  real *gates, *states;              // [N][stride], [N][padded]
  const real *from_x, *from_h;       // the gradients of the two products: those of the gates
  const real **before;               // [N]: h before each packed row
  Sums sums;
  int64_t scratch;

  explicit BackwardPlan(const Job &j) : job(j), walk(j), saved(j, Cell::kSlots) {
    Arena arena(j.scratch);
    const int64_t width = j.given ? 0 : j.input, columns = (width + W - 1) / W * W;
    first = arena.take<real>(adjoint_size<typename Cell::Adjoint>(saved));
    second = arena.take<real>(adjoint_size<typename Cell::SecondAdjoint>(saved));
    inputs = arena.take<real>(saved.padded * Cell::kXCount * columns);
    zeros = arena.take<real>(saved.wide);
    state = arena.take<real>(j.batch * saved.padded);
    carry = arena.take<real>(j.batch * saved.padded);
    before = arena.take<const real *>(j.rows);
    sums.x = arena.take<real>(saved.padded * Cell::kXCount * width);
    sums.h = arena.take<real>(saved.padded * Cell::kHCount * j.projected);
    sums.r = arena.take<real>(saved.padded * Cell::kRCount * j.projected);
    sums.bias = arena.take<real>(saved.padded * Cell::kSlots);
    gates = Cell::kSavesGates || j.optioned ? static_cast<real *>(j.saved)
                                            : arena.take<real>(j.rows * saved.stride);
    from_x = from_h = gates;
    states = Cell::kSavesState && gates ? gates + j.rows * saved.stride : nullptr;
    scratch = arena.used;
  }
};

template <class P, class Cell>
void pack_hidden(const BackwardPlan<Cell> &plan, real *to, int32_t thread) {
  const Job &job = plan.job;
  int64_t turn = 0;
  const Range all{0, plan.saved.wide / W};  // units are split only where h is not projected
  const Range own = job.split_units ? vectors_of(job, thread) : all;
  for_panels(4, own.begin, own.end, [&](int units, int64_t v) {
    if (job.split_units || turn++ % job.threads == thread)
      pack_adjoint(to + v * W * P::kCount * plan.saved.padded, static_cast<const real *>(job.w_hh),
                   job.projected, job.hidden, P::kGates, P::kCount, units, v);
  });
}

template <class Cell>
void pack_backward(const BackwardPlan<Cell> &plan, int32_t thread) {
  const Job &job = plan.job;
  pack_hidden<typename Cell::Adjoint>(plan, plan.first, thread);
  if constexpr (!__is_same(typename Cell::SecondAdjoint, Nothing))
    pack_hidden<typename Cell::SecondAdjoint>(plan, plan.second, thread);
  if (job.given) return;
  if (job.dx && job.input <= kNarrow) {
    if (thread == 0) pack_narrow<Cell>(plan);
    return;
  }
  int64_t turn = 0;
  for_panels(4, 0, job.dx ? (job.input + W - 1) / W : 0, [&](int units, int64_t v) {
    if (turn++ % job.threads == thread)
      pack_adjoint(plan.inputs + v * W * Cell::kXCount * plan.saved.padded,
                   static_cast<const real *>(job.w_ih), job.input, job.hidden, Cell::kXGates,
                   Cell::kXCount, units, v);
  });
}

// Rows of the state before and of the carried gradient, padded; where h was before each row.
template <class Cell>
void start_backward(const BackwardPlan<Cell> &plan, int32_t thread) {
  const Job &job = plan.job;
  const int64_t padded = plan.saved.padded, hidden = job.hidden, width = job.projected;
  const real *c0 = static_cast<const real *>(job.c0), *h0 = static_cast<const real *>(job.h0);
  const real *late = static_cast<const real *>(Cell::kCarriesH ? job.dh_n : job.dc_n);
  const real *out = static_cast<const real *>(job.out);
  if (thread == 0)
    for (int64_t i = 0; i < plan.saved.wide; ++i) plan.zeros[i] = 0;
  for (int64_t b = thread; b < job.batch; b += job.threads)
    for (int64_t i = 0; i < padded; ++i) {
      plan.state[b * padded + i] = c0 && i < hidden ? c0[b * hidden + i] : 0;
      plan.carry[b * padded + i] = late && i < hidden ? late[b * hidden + i] : 0;
    }
  const Range steps = share(job.steps, thread, job.threads);
  for (int64_t t = steps.begin; t < steps.end; ++t)
    for (int64_t b = 0; b < job.sizes[t]; ++b) {
      const int64_t n = plan.walk.before(t, b);
      plan.before[job.offsets[t] + b] = n >= 0 ? out + n * width
                                        : h0   ? h0 + b * width
                                               : plan.zeros;
    }
}

template <class Cell>
SEQUELA_INLINE AdjointRow adjoint_row(const BackwardPlan<Cell> &plan, int64_t t, int64_t b) {
  const Job &job = plan.job;
  const int64_t n = job.offsets[t] + b, padded = plan.saved.padded;
  const int64_t previous = plan.walk.before(t, b);
  AdjointRow row;
  row.h = static_cast<const real *>(job.out) + n * job.hidden;
  row.h_before = plan.before[n];
  row.state = plan.states ? plan.states + n * padded : nullptr;
  row.state_before = plan.states && previous >= 0 ? plan.states + previous * padded
                                                  : plan.state + b * padded;
  row.gates = plan.gates + n * plan.saved.stride;
  row.carry = plan.carry + b * padded;
  return row;
}

// What reaches h from outside the product: the output's gradient, the carried or the late part. It
// is added to the finished product: a chain that began with it would round every step at its size.
template <class Cell>
SEQUELA_INLINE void add_outside(const BackwardPlan<Cell> &plan, vec *acc, int units, int64_t n,
                                int64_t b, bool last, int64_t v) {
  const Job &job = plan.job;
  const int64_t hidden = job.hidden;
  const real *dout = static_cast<const real *>(job.dout);
  const real *dh_n = static_cast<const real *>(job.dh_n);
  for (int u = 0; u < units; ++u) {
    const int64_t unit = (v + u) * W;
    vec sum = dout && n >= 0 ? load_units(dout + n * hidden + unit, hidden - unit) : splat(0);
    if constexpr (Cell::kCarriesH)
      sum = sum + load(plan.carry + b * plan.saved.padded + unit);
    else if (last && dh_n)
      sum = sum + load_units(dh_n + b * hidden + unit, hidden - unit);
    acc[u] = acc[u] + sum;
  }
}

template <class Cell, class P>
SEQUELA_INLINE void multiply_adjoint(const BackwardPlan<Cell> &plan, const real *packed, Tile &tile,
                                     int height, int units, const real *const *from, int64_t v) {
  multiply(tile, 0, height, units, from,
           Inner{plan.saved.lines, P::kCount * kLine, Cell::kSlots * kLine, 2},
           packed + v * W * P::kCount * plan.saved.padded);
}

// What the same units will need at the step that is done next.
template <class Cell>
SEQUELA_INLINE void fetch_before(const BackwardPlan<Cell> &plan, int units, int64_t t, int64_t b,
                                 int64_t v) {
  const Job &job = plan.job;
  const int64_t n = plan.walk.before(t, b), count = units * W;
  if (n < 0) return;
  fetch(plan.gates + n * plan.saved.stride + slot_at(Cell::kSlots, v, 0), count * Cell::kSlots);
  fetch(plan.before[n] + v * W, count);
  if (plan.states) fetch(plan.states + n * plan.saved.padded + v * W, count);
  if (job.dout) fetch(static_cast<const real *>(job.dout) + n * job.hidden + v * W, count);
}

// R rows, either all with a later step or all without.
template <class Cell, class P>
__attribute__((noinline)) void adjoint_tile(const BackwardPlan<Cell> &plan, const real *packed,
                                            int height, int units, int64_t t, int64_t b, bool last,
                                            int64_t v) {
  const Job &job = plan.job;
  Tile tile;
  const real *from[kTileRows];
  AdjointRow rows[kTileRows];
  for (int r = 0; r < height; ++r) {
    rows[r] = adjoint_row(plan, t, b + r);
    for (int u = 0; u < units; ++u) tile.at[r][u] = splat(0);
    if constexpr (P::kOfThisStep) {
      from[r] = rows[r].gates + P::kFirst * kLine;
    } else {
      const int64_t after = last ? 0 : plan.walk.after(t, b + r);
      from[r] = plan.gates + after * plan.saved.stride + P::kFirst * kLine;
    }
  }
  if constexpr (!P::kOfThisStep)
    for (int r = 0; r < height; ++r) fetch_before(plan, units, t, b + r, v);
  if (!last) multiply_adjoint<Cell, P>(plan, packed, tile, height, units, from, v);
  if constexpr (!P::kOfThisStep)
    for (int r = 0; r < height; ++r)
      add_outside(plan, tile.at[r], units, job.offsets[t] + b + r, b + r, last, v);
  for (int r = 0; r < height; ++r)
    for (int u = 0; u < units; ++u) P::apply(tile.at[r][u], rows[r], v + u, job.hidden);
}

template <class Cell, class P>
void adjoint_step(const BackwardPlan<Cell> &plan, const real *packed, int32_t thread, int64_t t) {
  const Range rows = rows_of(plan.job, thread), vectors = vectors_of(plan.job, thread);
  const int64_t now = plan.walk.active(rows, t);
  int64_t going = now;  // rows that have a later step; the others begin here
  if (!P::kOfThisStep)
    while (going > 0 && plan.walk.after(t, rows.begin + going - 1) < 0) --going;
  for_panels(4, vectors.begin, vectors.end, [&](int units, int64_t v) {
    for_tiles(going, [&](int height, int64_t start) {
      adjoint_tile<Cell, P>(plan, packed, height, units, t, rows.begin + start, false, v);
    });
    for_tiles(now - going, [&](int height, int64_t start) {
      adjoint_tile<Cell, P>(plan, packed, height, units, t, rows.begin + going + start, true, v);
    });
  });
}

template <class Cell>
__attribute__((noinline)) void initial_tile(const BackwardPlan<Cell> &plan, int height, int units,
                                            int64_t b, int64_t v) {
  typedef typename Cell::Adjoint P;
  const Job &job = plan.job;
  Tile tile;
  const real *from[kTileRows];
  for (int r = 0; r < height; ++r) {
    for (int u = 0; u < units; ++u) tile.at[r][u] = splat(0);
    from[r] = plan.gates + plan.walk.first(b + r) * plan.saved.stride + P::kFirst * kLine;
  }
  multiply_adjoint<Cell, P>(plan, plan.first, tile, height, units, from, v);
  for (int r = 0; r < height; ++r) add_outside(plan, tile.at[r], units, -1, b + r, false, v);
  for (int r = 0; r < height; ++r)
    for (int u = 0; u < units; ++u)
      store_units(static_cast<real *>(job.dh0) + (b + r) * job.hidden + (v + u) * W, tile.at[r][u],
                  job.hidden - (v + u) * W);
}

// dh0 and dc0; empty rows hand their late gradient through.
template <class Cell>
void initial_gradients(const BackwardPlan<Cell> &plan, int32_t thread) {
  const Job &job = plan.job;
  const Range rows = rows_of(job, thread), vectors = vectors_of(job, thread);
  const int64_t hidden = job.hidden, filled = job.steps ? plan.walk.active(rows, 0) : 0;
  const int64_t begin = vectors.begin * W, end = vectors.end * W < hidden ? vectors.end * W : hidden;
  const real *dh_n = static_cast<const real *>(job.dh_n);
  real *dh0 = static_cast<real *>(job.dh0), *dc0 = static_cast<real *>(job.dc0);
  if (dh0) {
    for_panels(4, vectors.begin, vectors.end, [&](int units, int64_t v) {
      for_tiles(filled, [&](int height, int64_t start) {
        initial_tile(plan, height, units, rows.begin + start, v);
      });
    });
    for (int64_t b = rows.begin + filled; b < rows.end; ++b)
      for (int64_t i = begin; i < end; ++i) dh0[b * hidden + i] = dh_n ? dh_n[b * hidden + i] : 0;
  }
  for (int64_t b = rows.begin; dc0 && b < rows.end; ++b)
    for (int64_t i = begin; i < end; ++i)
      dc0[b * hidden + i] = plan.carry[b * plan.saved.padded + i];
}

template <class Cell>
void backward(const Job *job, int32_t thread) {
  const BackwardPlan<Cell> plan(*job);
  pack_backward(plan, thread);
  start_backward(plan, thread);
  sequela_team_wait(job->team);
  for (int64_t step = job->steps - 1; step >= 0; --step) {
    const int64_t t = plan.walk.time(step);
    adjoint_step<Cell, typename Cell::Adjoint>(plan, plan.first, thread, t);
    if (job->split_units) sequela_team_wait(job->team);
    if constexpr (!__is_same(typename Cell::SecondAdjoint, Nothing)) {
      adjoint_step<Cell, typename Cell::SecondAdjoint>(plan, plan.second, thread, t);
      if (job->split_units) sequela_team_wait(job->team);
    }
  }
  initial_gradients(plan, thread);
  sequela_team_wait(job->team);
  input_gradients<Cell>(plan, thread);
  weight_gradients<Cell>(plan, thread);
}

}  // namespace

#endif
