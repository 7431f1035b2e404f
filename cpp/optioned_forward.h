// The forward pass of a cell with options: the products of a step's rows go to memory, then each
// row is computed as a whole, which is what normalisation needs; a projection follows.
//
// Apart from what the options say the numbers are those of forward.h, bit by bit: the same chains.
// Rows are split over threads, never units.
#ifndef SEQUELA_OPTIONED_FORWARD_H
#define SEQUELA_OPTIONED_FORWARD_H

#include "forward.h"
#include "options.h"

namespace {

template <class Cell>
struct OptionedForward {
  ForwardPlan<Cell> plain;
  const Job &job;
  Arena arena;
  PackedOptions packed;
  Options options;
  SavedProducts products;
  real *chunk_x, *chunk_h;  // products to be normalised where nothing is saved
  real *masked;             // [thread][chunk_rows][wide]
  real *unprojected, *work; // [thread][chunk_rows][padded], [thread][padded]
  real *projection;         // w_hr, packed
  FullRow *rows;            // [thread][chunk_rows]

  explicit OptionedForward(const Job &j)
      : plain(j),
        job(j),
        arena(j.scratch, plain.scratch),
        packed(arena, j, plain.saved, Cell::kSlots),
        options(options_of(j, plain.saved, packed)),
        products(j, plain.saved, Cell::kSavesState) {
    const Saved &saved = plain.saved;
    const int64_t count = j.threads * plain.chunk_rows;
    const bool kept = !options.normed || products.x;
    chunk_x = kept ? nullptr : arena.take<real>(count * saved.stride);
    chunk_h = kept ? nullptr : arena.take<real>(count * saved.stride);
    masked = j.mask ? arena.take<real>(count * saved.wide) : nullptr;
    unprojected = j.w_hr ? arena.take<real>(count * saved.padded) : nullptr;
    projection = j.w_hr ? arena.take<real>(saved.wide * j.hidden) : nullptr;
    work = arena.take<real>(j.threads * saved.padded);
    rows = arena.take<FullRow>(count);
  }

  int64_t scratch() const { return arena.used; }

  static int64_t saved_count(const Job &job) {
    return ForwardPlan<Cell>::saved_count(job) +
           SavedProducts::count(job, Saved(job, Cell::kSlots));
  }

  RowsAt of(int32_t thread, real *kept, real *chunk) const {
    return {kept, chunk + thread * plain.chunk_rows * plain.saved.stride, plain.saved.stride};
  }
  RowsAt product_x(int32_t thread) const { return of(thread, products.x, chunk_x); }
  RowsAt product_h(int32_t thread) const { return of(thread, products.h, chunk_h); }
};

template <class Cell>
void pack_projection(const OptionedForward<Cell> &plan, int32_t thread) {
  constexpr int kOnly[] = {0};
  const Job &job = plan.job;
  if (!job.w_hr) return;
  int64_t turn = 0;
  for_panels(4, 0, plan.plain.saved.wide / W, [&](int units, int64_t v) {
    if (turn++ % job.threads == thread)
      pack_gates(plan.projection + v * W * job.hidden, static_cast<const real *>(job.w_hr),
                 job.hidden, job.projected, kOnly, 1, units, v);
  });
}

// Where everything of a step's rows lies; h as the recurrent product reads it.
template <class Cell>
__attribute__((noinline)) void prepare(const OptionedForward<Cell> &plan, int32_t thread, int64_t t,
                                       int64_t count, int64_t local) {
  const Job &job = plan.job;
  const ForwardPlan<Cell> &plain = plan.plain;
  const int64_t mine = thread * plain.chunk_rows, width = job.projected;
  const real *mask = static_cast<const real *>(job.mask);
  const real *keep_h = static_cast<const real *>(job.keep_h);
  const real *keep_c = static_cast<const real *>(job.keep_c);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t b = rows_of(job, thread).begin + i, n = job.offsets[t] + b;
    const Row from = row_at(plain, thread, t, b, local + i, true);
    FullRow &row = plan.rows[mine + i];
    row.h_before = row.h_masked = from.h, row.out = from.out, row.n = n;
    row.state = from.state, row.state_before = from.state_before, row.gates = from.gates;
    row.work = plan.work + thread * plain.saved.padded;
    row.unprojected =
        plan.unprojected ? plan.unprojected + (mine + i) * plain.saved.padded : nullptr;
    row.product_x = plan.options.normed ? plan.product_x(thread)(n, local + i) : nullptr;
    row.product_h = plan.options.normed ? plan.product_h(thread)(n, local + i) : nullptr;
    row.keep_h = keep_h ? keep_h + n * width : nullptr;
    row.keep_c = keep_c ? keep_c + n * job.hidden : nullptr;
    plain.x[mine + i] = static_cast<const real *>(job.x) + n * job.input;
    if (!mask) continue;
    real *masked = plan.masked + (mine + i) * plain.saved.wide;
    for (int64_t k = 0; k < width; ++k) masked[k] = mask[b * width + k] * from.h[k];
    row.h_masked = masked;
  }
}

// The sums that the gates are functions of (or, to be normalised, the recurrent products alone).
template <class Cell, class P>
__attribute__((noinline)) void products(const OptionedForward<Cell> &plan, const Panels &panels,
                                        int32_t thread, int64_t count, bool ahead) {
  const Job &job = plan.job;
  const ForwardPlan<Cell> &plain = plan.plain;
  const int64_t mine = thread * plain.chunk_rows;
  const bool normed = plan.options.normed;
  for (int64_t i = mine; i < mine + count; ++i)
    plain.h[i] = P::kReadsState ? plan.rows[i].state : plan.rows[i].h_masked;
  for_panels(P::kUnits, 0, plain.saved.vectors, [&](int units, int64_t v) {
    for_tiles(count, [&](int height, int64_t start) {
      const FullRow *row = plan.rows + mine + start;
      const int first = normed ? P::kHFirst : 0, end = normed ? first + P::kHCount : P::kSlots;
      Tile tile;
      start_from_bias<P>(tile, panels, height, units, v);
      if (!normed && !ahead)
        add_input<P>(tile, job, panels, height, units, plain.x + mine + start, v);
      for (int r = 0; !normed && ahead && r < height; ++r)
        for (int slot = P::kXFirst; slot < P::kXFirst + P::kXCount; ++slot)
          for (int u = 0; u < units; ++u)
            tile.at[r][slot * units + u] = load(slot_of<Cell, P>(row[r].gates, v, slot, u));
      multiply(tile, P::kHFirst * units, height, P::kHCount * units, plain.h + mine + start,
               Inner{1, job.projected, 0, 0}, panels.h + v * W * P::kHCount * job.projected);
      for (int r = 0; r < height; ++r)
        for (int slot = first; slot < end; ++slot)
          for (int u = 0; u < units; ++u)
            store(slot_of<Cell, P>(normed ? row[r].product_h : row[r].gates, v, slot, u),
                  tile.at[r][slot * units + u]);
    });
  });
}

// bias + normalised input product + normalised recurrent product, for the slots of P.
template <class Cell, class P>
__attribute__((noinline)) void combine(const OptionedForward<Cell> &plan, const FullRow &row) {
  constexpr int kWhich = __is_same(P, typename Cell::Forward) ? 1 : 2;
  const Options &o = plan.options;
  const Group group{Cell::kSlots, P::kFirst + P::kHFirst, P::kHCount, o.lines, o.hidden};
  const real scale = o.gain_h ? normalise(row.product_h, group, o.valid) : 1;
  if (plan.products.scale) plan.products.scale[row.n * 4 + kWhich] = scale;
  for_group({Cell::kSlots, P::kFirst, P::kSlots, o.lines, o.hidden}, [&](int64_t at, int64_t) {
    const int slot = (int)(at / kLine % Cell::kSlots) - P::kFirst;
    vec sum = load(o.bias + at);
    if (slot >= P::kXFirst && slot < P::kXFirst + P::kXCount) {
      const vec x = load(row.product_x + at);
      sum = o.gain_x ? fma(x, load(o.gain_x + at), sum) : x + sum;
    }
    if (slot >= P::kHFirst && slot < P::kHFirst + P::kHCount) {
      const vec h = load(row.product_h + at);
      sum = o.gain_h ? fma(h, load(o.gain_h + at), sum) : h + sum;
    }
    store(row.gates + at, sum);
  });
}

template <class Cell, class P>
void whole_rows(const OptionedForward<Cell> &plan, int32_t thread, int64_t count) {
  const int64_t mine = thread * plan.plain.chunk_rows;
  for (int64_t i = mine; i < mine + count; ++i) {
    if (plan.options.normed) combine<Cell, P>(plan, plan.rows[i]);
    P::whole(plan.rows[i], plan.options);
  }
}

// h = w_hr (o * tanh(c)).
template <class Cell>
__attribute__((noinline)) void project(const OptionedForward<Cell> &plan, int32_t thread,
                                       int64_t count) {
  const Job &job = plan.job;
  const int64_t mine = thread * plan.plain.chunk_rows;
  for_panels(4, 0, plan.plain.saved.wide / W, [&](int units, int64_t v) {
    for_tiles(count, [&](int height, int64_t start) {
      const FullRow *row = plan.rows + mine + start;
      const real *from[kTileRows];
      Tile tile = {};
      for (int r = 0; r < height; ++r) from[r] = row[r].unprojected;
      multiply(tile, 0, height, units, from, Inner{1, job.hidden, 0, 1},
               plan.projection + v * W * job.hidden);
      for (int r = 0; r < height; ++r)
        for (int u = 0; u < units; ++u)
          finish_h(row[r], plan.options, (v + u) * W, tile.at[r][u]);
    });
  });
}

// The input products of many steps, normalised if they are to be.
template <class Cell>
__attribute__((noinline)) void inputs_ahead(const OptionedForward<Cell> &plan, int32_t thread,
                                            int64_t step, int64_t end, int64_t count) {
  const Job &job = plan.job;
  const ForwardPlan<Cell> &plain = plan.plain;
  const Options &o = plan.options;
  const RowsAt to = o.normed ? plan.product_x(thread) : plain.gates_of(thread);
  inputs<Cell, typename Cell::Forward>(plain, plain.first, thread, step, count, to);
  if constexpr (!__is_same(typename Cell::SecondForward, Nothing))
    inputs<Cell, typename Cell::SecondForward>(plain, plain.second, thread, step, count, to);
  if (!o.gain_x) return;
  const Group group{Cell::kSlots, Cell::kXFirst, Cell::kXCount, o.lines, o.hidden};
  const Range rows = rows_of(job, thread);
  for (int64_t local = 0; step < end; ++step) {
    const int64_t t = plain.walk.time(step), now = plain.walk.active(rows, t);
    for (int64_t i = 0; i < now; ++i, ++local) {
      const int64_t n = job.offsets[t] + rows.begin + i;
      const real scale = normalise(to(n, local), group, o.valid);
      if (plan.products.scale) plan.products.scale[n * 4] = scale;
    }
  }
}

template <class Cell>
void walk_optioned(const OptionedForward<Cell> &plan, int32_t thread) {
  const Job &job = plan.job;
  const ForwardPlan<Cell> &plain = plan.plain;
  const Range rows = rows_of(job, thread);
  for (int64_t step = 0; step < job.steps;) {
    int64_t end = step + 1, count = plain.walk.active(rows, plain.walk.time(step));
    const bool ahead = count < kFewRows || plan.options.normed;
    while (ahead && end < job.steps) {
      const int64_t more = plain.walk.active(rows, plain.walk.time(end));
      if ((more >= kFewRows && !plan.options.normed) || count + more > plain.chunk_rows) break;
      count += more, ++end;
    }
    if (ahead) inputs_ahead(plan, thread, step, end, count);
    for (int64_t local = 0; step < end; ++step) {
      const int64_t t = plain.walk.time(step), now = plain.walk.active(rows, t);
      prepare(plan, thread, t, now, local);
      products<Cell, typename Cell::Forward>(plan, plain.first, thread, now, ahead);
      whole_rows<Cell, typename Cell::Forward>(plan, thread, now);
      if constexpr (!__is_same(typename Cell::SecondForward, Nothing)) {
        products<Cell, typename Cell::SecondForward>(plan, plain.second, thread, now, ahead);
        whole_rows<Cell, typename Cell::SecondForward>(plan, thread, now);
      }
      if (job.w_hr) project(plan, thread, now);
      local += now;
    }
  }
}

template <class Cell>
void optioned_forward(const Job *job, int32_t thread) {
  const OptionedForward<Cell> plan(*job);
  pack(plan.plain, thread);
  pack_projection(plan, thread);
  if (thread == 0) pack_options<Cell>(plan.packed, *job, plan.plain.saved);
  copy_initial(plan.plain, thread);
  sequela_team_wait(job->team);
  walk_optioned(plan, thread);
  sequela_team_wait(job->team);
  final_states(plan.plain, thread);
}

}  // namespace

#endif
