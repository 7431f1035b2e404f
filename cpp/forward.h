// The forward pass of one cell: packing, the time loop, the final states.
#ifndef SEQUELA_FORWARD_H
#define SEQUELA_FORWARD_H

#include "matmul.h"
#include "rows.h"
#include "walk.h"

namespace {

// With fewer rows than this per step the input product is done for many steps first: the tile is
// then full, and the weights pass once. The order of accumulation stays: bias and x are one chain, h
// another, and the second is added to the first. One chain through all would round each product of h
// at the size of bias and x.
constexpr int64_t kFewRows = 4, kChunkRows = 96;

// The packed weights of one product of a cell.
struct Panels {
  real *x, *h, *bias;
};

// Rows of gates: of all packed rows, or of the thread's chunk where nothing is saved.
struct RowsAt {
  real *saved, *chunk;
  int64_t stride;

  real *operator()(int64_t n, int64_t local) const {
    return saved ? saved + n * stride : chunk + local * stride;
  }
};

template <class Cell>
struct ForwardPlan {
  const Job &job;
  Walk walk;
  Saved saved;
  Panels first, second;
  const real *zeros;
  real *state, *chunk;  // [B][padded], [thread][chunk_rows][stride]
  Row *rows;            // [thread][chunk_rows]: the rows of the step that a thread is at
  const real **x, **h;  // the same: what a row's products read
  int64_t chunk_rows, packed, scratch;
  real *gates, *states;  // saved for the adjoint, or null

  explicit ForwardPlan(const Job &j)
      : job(j), walk(j), saved(j, Cell::kSlots), chunk_rows(kChunkRows) {
    Arena arena(j.scratch);
    Arena before(j.packed), &weights = j.packed ? before : arena;
    first = panels<typename Cell::Forward>(weights);
    second = panels<typename Cell::SecondForward>(weights);
    packed = weights.used;
    zeros = arena.take<real>(saved.wide);
    state = Cell::kSavesState ? arena.take<real>(j.batch * saved.padded) : nullptr;
    for (int32_t i = 0; i < j.threads; ++i) {
      const Range rows = rows_of(j, i);
      if (rows.end - rows.begin > chunk_rows) chunk_rows = rows.end - rows.begin;
    }
    chunk = arena.take<real>(j.threads * chunk_rows * saved.stride);
    rows = arena.take<Row>(j.threads * chunk_rows);
    x = arena.take<const real *>(j.threads * chunk_rows);
    h = arena.take<const real *>(j.threads * chunk_rows);
    scratch = arena.used;
    gates = Cell::kSavesGates || j.optioned ? static_cast<real *>(j.saved) : nullptr;
    states = gates && Cell::kSavesState ? gates + j.rows * saved.stride : nullptr;
  }

  RowsAt gates_of(int32_t thread) const {
    return {gates, chunk + thread * chunk_rows * saved.stride, saved.stride};
  }

  static int64_t saved_count(const Job &job) {
    const Saved s(job, Cell::kSlots);
    return job.rows * ((Cell::kSavesGates || job.optioned ? s.stride : 0) +
                       (Cell::kSavesState ? s.padded : 0));
  }

  template <class P>
  Panels panels(Arena &arena) const {
    if constexpr (__is_same(P, Nothing)) {
      return {};
    } else {
      const int64_t padded = saved.padded;
      return {arena.take<real>(job.given ? 0 : padded * P::kXCount * job.input),
              arena.take<real>(padded * P::kHCount * job.projected),
              arena.take<real>(padded * P::kSlots)};
    }
  }
};

template <class P>
void pack_panel(const Job &job, const Panels &to, int units, int64_t v) {
  // A product that is to be normalised starts from zero; its bias follows.
  const bool normed = job.norm_ih || job.norm_hh;
  const real *b_ih = normed ? nullptr : static_cast<const real *>(job.b_ih);
  const real *b_hh = normed ? nullptr : static_cast<const real *>(job.b_hh);
  if (!job.given)
    pack_gates(to.x + v * W * P::kXCount * job.input, static_cast<const real *>(job.w_ih),
               job.input, job.hidden, P::kXGates, P::kXCount, units, v);
  pack_gates(to.h + v * W * P::kHCount * job.projected, static_cast<const real *>(job.w_hh),
             job.projected, job.hidden, P::kHGates, P::kHCount, units, v);
  real *bias = to.bias + v * W * P::kSlots;
  for (int slot = 0; slot < P::kSlots; ++slot)
    for (int lane = 0; lane < units * W; ++lane) {
      const int64_t unit = v * W + lane;
      const int x = slot - P::kXFirst, h = slot - P::kHFirst;
      real sum = 0;
      if (b_ih && unit < job.hidden && x >= 0 && x < P::kXCount)
        sum = b_ih[P::kXGates[x] * job.hidden + unit];
      if (b_hh && unit < job.hidden && h >= 0 && h < P::kHCount)
        sum += b_hh[P::kHGates[h] * job.hidden + unit];
      bias[slot * units * W + lane] = sum;
    }
}

template <class P>
void pack_forward(const Job &job, const Panels &to, int32_t thread) {
  int64_t turn = 0;
  const Range own = vectors_of(job, thread);
  for_panels(P::kUnits, own.begin, own.end, [&](int units, int64_t v) {
    if (job.split_units || turn++ % job.threads == thread) pack_panel<P>(job, to, units, v);
  });
}

template <class Cell>
void pack(const ForwardPlan<Cell> &plan, int32_t thread) {
  pack_forward<typename Cell::Forward>(plan.job, plan.first, thread);
  if constexpr (!__is_same(typename Cell::SecondForward, Nothing))
    pack_forward<typename Cell::SecondForward>(plan.job, plan.second, thread);
}

template <class Cell>
void copy_initial(const ForwardPlan<Cell> &plan, int32_t thread) {
  const Job &job = plan.job;
  const real *c0 = static_cast<const real *>(job.c0);
  if (thread == 0)
    for (int64_t i = 0; i < plan.saved.wide; ++i) const_cast<real *>(plan.zeros)[i] = 0;
  if (!plan.state) return;
  for (int64_t b = thread; b < job.batch; b += job.threads)
    for (int64_t i = 0; i < plan.saved.padded; ++i)
      plan.state[b * plan.saved.padded + i] = c0 && i < job.hidden ? c0[b * job.hidden + i] : 0;
}

// Where the pieces of row b at step t lie; `local` counts rows within the thread's chunk.
template <class Cell>
SEQUELA_INLINE Row row_at(const ForwardPlan<Cell> &plan, int32_t thread, int64_t t, int64_t b,
                          int64_t local, bool keep) {
  const Job &job = plan.job;
  const int64_t width = job.projected, stride = job.out_stride, padded = plan.saved.padded;
  const int64_t n = job.offsets[t] + b, before = plan.walk.before(t, b);
  real *out = static_cast<real *>(job.out);
  const real *h0 = static_cast<const real *>(job.h0);
  Row row;
  row.h = before >= 0 ? out + before * stride : h0 ? h0 + b * width : plan.zeros;
  row.out = out + n * stride;
  row.state = plan.states ? plan.states + n * padded : plan.state ? plan.state + b * padded : nullptr;
  row.state_before = plan.states && before >= 0 ? plan.states + before * padded
                     : plan.state               ? plan.state + b * padded
                                                : nullptr;
  const bool needed = plan.gates || keep || !__is_same(typename Cell::SecondForward, Nothing);
  row.gates = needed ? plan.gates_of(thread)(n, local) : nullptr;
  return row;
}

template <class P>
SEQUELA_INLINE void start_from_bias(Tile &tile, const Panels &panels, int rows, int units,
                                    int64_t v) {
  for (int i = 0; i < P::kSlots * units; ++i) {
    const vec b = load(panels.bias + v * W * P::kSlots + i * W);
    for (int r = 0; r < rows; ++r) tile.at[r][i] = b;
  }
}

template <class P>
SEQUELA_INLINE void add_input(Tile &tile, const Job &job, const Panels &panels, int rows, int units,
                              const real *const *x, int64_t v) {
  const int64_t width = job.input, hidden = job.hidden;
  if (!job.given)
    return multiply(tile, P::kXFirst * units, rows, P::kXCount * units, x, Inner{1, width, 0, 1},
                    panels.x + v * W * P::kXCount * width);
  for (int r = 0; r < rows; ++r)
    for (int i = 0; i < P::kXCount; ++i)
      for (int u = 0; u < units; ++u) {
        const int64_t unit = (v + u) * W;
        vec &to = tile.at[r][(P::kXFirst + i) * units + u];
        to = to + load_units(x[r] + P::kXGates[i] * hidden + unit, hidden - unit);
      }
}

// Slot `slot` of unit vector v + u in a row of gates.
template <class Cell, class P>
SEQUELA_INLINE real *slot_of(real *gates, int64_t v, int slot, int u) {
  return gates + slot_at(Cell::kSlots, v + u, P::kFirst + slot);
}

// bias + w_ih x of many steps' rows.
template <class Cell, class P>
__attribute__((noinline)) void inputs(const ForwardPlan<Cell> &plan, const Panels &panels,
                                      int32_t thread, int64_t first_step, int64_t count,
                                      const RowsAt &to) {
  const Job &job = plan.job;
  const Range rows = rows_of(job, thread), vectors = vectors_of(job, thread);
  const real *data = static_cast<const real *>(job.x);
  for_panels(P::kUnits, vectors.begin, vectors.end, [&](int units, int64_t v) {
    int64_t step = first_step, b = 0, local = 0;
    for_tiles(count, [&](int height, int64_t) {
      const real *x[kTileRows];
      real *gates[kTileRows];
      Tile tile;
      for (int r = 0; r < height; ++r, ++b, ++local) {
        while (b >= plan.walk.active(rows, plan.walk.time(step))) ++step, b = 0;
        const int64_t n = job.offsets[plan.walk.time(step)] + rows.begin + b;
        x[r] = data + n * job.input;
        gates[r] = to(n, local);
      }
      start_from_bias<P>(tile, panels, height, units, v);
      add_input<P>(tile, job, panels, height, units, x, v);
      for (int r = 0; r < height; ++r)
        for (int slot = P::kXFirst; slot < P::kXFirst + P::kXCount; ++slot)
          for (int u = 0; u < units; ++u)
            store(slot_of<Cell, P>(gates[r], v, slot, u), tile.at[r][slot * units + u]);
    });
  });
}

// Whether the rows of a step all begin here, from zeros.
inline bool from_zeros(const real *const *h, int64_t count, int64_t hidden) {
  bool moved = false;
  for (int64_t i = 0; i < count && !moved; ++i)
    for (int64_t k = 0; k < hidden; ++k) moved |= h[i][k] != 0;
  return !moved;
}

// One step of the thread's rows and units: product, gates, state, in tiles.
template <class Cell, class P>
__attribute__((noinline)) void one_step(const ForwardPlan<Cell> &plan, const Panels &panels,
                                        int32_t thread, int64_t t, int64_t count, int64_t local,
                                        bool ahead) {
  const Job &job = plan.job;
  const Range rows = rows_of(job, thread), vectors = vectors_of(job, thread);
  const int64_t hidden = job.hidden, mine = thread * plan.chunk_rows;
  const real *data = static_cast<const real *>(job.x);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t b = rows.begin + i;
    const Row row = row_at(plan, thread, t, b, local + i, ahead);
    plan.rows[mine + i] = row;
    plan.x[mine + i] = data + (job.offsets[t] + b) * job.input;
    plan.h[mine + i] = P::kReadsState ? row.state : row.h;
    const int64_t after = plan.walk.after(t, b);
    if (!ahead && after >= 0) fetch(data + after * job.input, job.input);
  }
  // The product of zeros is one for all rows, and seldom anything but zeros (of weights that are not
  // finite): a twentieth of the products of twenty steps.
  const bool alike = count > 1 && t == plan.walk.time(0) &&
                     from_zeros(plan.h + mine, count, hidden);
  for_panels(P::kUnits, vectors.begin, vectors.end, [&](int units, int64_t v) {
    Tile zeros;
    if (alike) {
      for (int i = 0; i < P::kHCount * units; ++i) zeros.at[0][i] = splat(0);
      multiply(zeros, 0, 1, P::kHCount * units, plan.h + mine, Inner{1, hidden, 0, 0},
               panels.h + v * W * P::kHCount * hidden);
    }
    for_tiles(count, [&](int height, int64_t start) {
      const Row *row = plan.rows + mine + start;
      const real *const *x = plan.x + mine + start, *const *h = plan.h + mine + start;
      Tile tile;
      start_from_bias<P>(tile, panels, height, units, v);
      if (!ahead)
        add_input<P>(tile, job, panels, height, units, x, v);
      else
        for (int r = 0; r < height; ++r)
          for (int slot = P::kXFirst; slot < P::kXFirst + P::kXCount; ++slot)
            for (int u = 0; u < units; ++u)
              tile.at[r][slot * units + u] = load(slot_of<Cell, P>(row[r].gates, v, slot, u));
      if (alike)
        for (int r = 0; r < height; ++r)
          for (int i = 0; i < P::kHCount * units; ++i) {
            vec &to = tile.at[r][P::kHFirst * units + i];
            to = to + zeros.at[0][i];
          }
      else
        multiply(tile, P::kHFirst * units, height, P::kHCount * units, h, Inner{1, hidden, 0, 0},
                 panels.h + v * W * P::kHCount * hidden);
      // In two passes over the rows: one row's chain of functions is longer than what a processor
      // looks ahead.
      for (int r = 0; r < height; ++r) P::begin(tile.at[r], row[r], v);
      for (int r = 0; r < height; ++r) P::end(tile.at[r], row[r], units, v, hidden);
    });
  });
}

template <class Cell>
void walk_forward(const ForwardPlan<Cell> &plan, int32_t thread) {
  const Job &job = plan.job;
  const Range rows = rows_of(job, thread);
  constexpr bool two = !__is_same(typename Cell::SecondForward, Nothing);
  for (int64_t step = 0; step < job.steps;) {
    int64_t end = step + 1, count = plan.walk.active(rows, plan.walk.time(step));
    const bool ahead = count < kFewRows;
    while (ahead && end < job.steps) {
      const int64_t more = plan.walk.active(rows, plan.walk.time(end));
      if (more >= kFewRows || count + more > plan.chunk_rows) break;
      count += more, ++end;
    }
    if (ahead) {
      inputs<Cell, typename Cell::Forward>(plan, plan.first, thread, step, count,
                                           plan.gates_of(thread));
      if constexpr (two)
        inputs<Cell, typename Cell::SecondForward>(plan, plan.second, thread, step, count,
                                                   plan.gates_of(thread));
    }
    for (int64_t local = 0; step < end; ++step) {
      const int64_t t = plan.walk.time(step), now = plan.walk.active(rows, t);
      one_step<Cell, typename Cell::Forward>(plan, plan.first, thread, t, now, local, ahead);
      if constexpr (two) {
        if (job.split_units) sequela_team_wait(job.team);
        one_step<Cell, typename Cell::SecondForward>(plan, plan.second, thread, t, now, local,
                                                     ahead);
      }
      if (job.split_units) sequela_team_wait(job.team);
      local += now;
    }
  }
}

template <class Cell>
void final_states(const ForwardPlan<Cell> &plan, int32_t thread) {
  const Job &job = plan.job;
  const int64_t hidden = job.hidden, width = job.projected, padded = plan.saved.padded;
  const real *out = static_cast<const real *>(job.out), *h0 = static_cast<const real *>(job.h0);
  real *h_n = static_cast<real *>(job.h_n), *c_n = static_cast<real *>(job.c_n);
  for (int64_t b = thread; b < job.batch; b += job.threads) {
    const int64_t last = plan.walk.last(b);
    const real *h = last >= 0 ? out + last * job.out_stride : h0 ? h0 + b * width : plan.zeros;
    for (int64_t i = 0; h_n && i < width; ++i) h_n[b * width + i] = h[i];
    if (!c_n) continue;
    const real *c = plan.states && last >= 0 ? plan.states + last * padded
                                             : plan.state + b * padded;
    for (int64_t i = 0; i < hidden; ++i) c_n[b * hidden + i] = c[i];
  }
}

template <class Cell>
void forward(const Job *job, int32_t thread) {
  const ForwardPlan<Cell> plan(*job);
  if (!job->packed) pack(plan, thread);
  copy_initial(plan, thread);
  sequela_team_wait(job->team);
  walk_forward(plan, thread);
  sequela_team_wait(job->team);
  final_states(plan, thread);
}

}  // namespace

#endif
