// The options of a call as a cell sees them that computes a whole row at a time: peephole, zoneout,
// recurrent dropout, layer normalisation, and every state and gate handed out.
#ifndef SEQUELA_OPTIONS_H
#define SEQUELA_OPTIONS_H

#include "math.h"
#include "normalise.h"
#include "walk.h"

namespace {

// Null where the call has no such option. Padded arrays hold zeros beyond the last unit.
struct Options {
  int64_t hidden, projected, padded, lines;
  bool zoned_h, zoned_c;
  real rate_h, rate_c;
  const real *peephole;               // [line][i f o][kLine]
  const real *norm_c, *norm_c_bias;   // [padded]
  const real *valid;                  // [padded]: 1 for a unit, 0 beyond the last
  const real *bias, *gain_x, *gain_h; // as a row of gates, where products are normalised
  bool normed;
  real *all_c, *all_gates[4];              // [N, H], torch's order of gates
  const real *dall_c, *dall_gates[4];      // their gradients
};

// One row at one step, forward. `work` [padded] is the thread's own.
struct FullRow {
  const real *h_before, *h_masked;  // [P]: h, and h as the recurrent product reads it
  const real *state_before;         // [padded]
  real *state, *gates, *out, *work;
  real *unprojected;                // [padded], what the projection reads, or null
  real *product_x, *product_h;      // rows of gates where the products are normalised, or null
  const real *keep_h, *keep_c;      // [P], [H]: drawn zoneout, or null
  int64_t n;
};

// The same, backward. `gates` receives the gradients of the sums that the gates are functions of.
struct FullAdjointRow {
  const real *dh;  // [padded]: what reaches h, or with a projection o * tanh(c), of this step alone
  const real *h_before, *h_masked, *mask;  // [P]
  const real *state_before;                // [padded]
  real *gates, *carry_h, *carry_c;         // carried to the step before: [wide], [padded]
  real *work;                              // [3][padded]
  real *unprojected;
  const real *keep_c;
  real *sum_peephole, *sum_norm_c, *sum_norm_c_bias;  // of this row over time
  int64_t n;
};

SEQUELA_INLINE vec keep_of(const real *keep, real rate, int64_t unit, int64_t width) {
  return keep ? load_units(keep + unit, width - unit) : splat(rate);
}

SEQUELA_INLINE vec zone(vec fresh, vec before, vec keep) {
  return fma(keep, before, (1 - keep) * fresh);
}

SEQUELA_INLINE void give(real *to, const Options &options, int64_t n, int64_t unit, vec value) {
  if (to) store_units(to + n * options.hidden + unit, value, options.hidden - unit);
}

SEQUELA_INLINE vec given(const real *from, const Options &options, int64_t n, int64_t unit) {
  return from ? load_units(from + n * options.hidden + unit, options.hidden - unit) : splat(0);
}

SEQUELA_INLINE void finish_h(const FullRow &row, const Options &options, int64_t unit, vec h) {
  const int64_t left = options.projected - unit;
  if (options.zoned_h)
    h = zone(h, load_units(row.h_before + unit, left),
             keep_of(row.keep_h, options.rate_h, unit, options.projected));
  store_units(row.out + unit, h, left);
}

// Arrays of a call, padded once: the members of Options that must be packed.
struct PackedOptions {
  real *peephole, *norm_c, *norm_c_bias, *valid, *bias, *gain_x, *gain_h;

  PackedOptions(Arena &arena, const Job &job, const Saved &saved, int slots) {
    const int64_t padded = saved.padded;
    const bool normed = job.norm_ih || job.norm_hh;
    valid = arena.take<real>(padded);
    peephole = job.w_peephole ? arena.take<real>(3 * padded) : nullptr;
    norm_c = job.norm_c ? arena.take<real>(padded) : nullptr;
    norm_c_bias = job.norm_c ? arena.take<real>(padded) : nullptr;
    bias = normed ? arena.take<real>(slots * padded) : nullptr;
    gain_x = job.norm_ih ? arena.take<real>(slots * padded) : nullptr;
    gain_h = job.norm_hh ? arena.take<real>(slots * padded) : nullptr;
  }
};

// to[line][first + i][kLine] += from[gates[i]][unit].
inline void spread_gates(real *to, const Job &job, const void *from, int slots, int first,
                         int count, const int *gates) {
  if (!to || !from) return;
  const int64_t hidden = job.hidden;
  for (int i = 0; i < count; ++i)
    for (int64_t unit = 0; unit < hidden; ++unit)
      to[(unit / kLine * slots + first + i) * kLine + unit % kLine] +=
          static_cast<const real *>(from)[gates[i] * hidden + unit];
}

template <class Cell>
void pack_options(const PackedOptions &to, const Job &job, const Saved &saved) {
  constexpr int kThree[] = {0, 1, 2};
  const int64_t padded = saved.padded;
  auto clear = [&](real *row, int64_t slots) {
    for (int64_t i = 0; row && i < slots * padded; ++i) row[i] = 0;
  };
  for (int64_t i = 0; i < padded; ++i) to.valid[i] = i < job.hidden;
  clear(to.peephole, 3), clear(to.norm_c, 1), clear(to.norm_c_bias, 1);
  clear(to.bias, Cell::kSlots), clear(to.gain_x, Cell::kSlots), clear(to.gain_h, Cell::kSlots);
  spread_gates(to.peephole, job, job.w_peephole, 3, 0, 3, kThree);
  spread_gates(to.norm_c, job, job.norm_c, 1, 0, 1, kThree);
  spread_gates(to.norm_c_bias, job, job.norm_c_bias, 1, 0, 1, kThree);
  auto from_x = [&](real *row, const void *from) {
    spread_gates(row, job, from, Cell::kSlots, Cell::kXFirst, Cell::kXCount, Cell::kXGates);
  };
  auto from_h = [&](real *row, const void *from) {
    spread_gates(row, job, from, Cell::kSlots, Cell::kHFirst, Cell::kHCount, Cell::kHGates);
    spread_gates(row, job, from, Cell::kSlots, Cell::kRFirst, Cell::kRCount, Cell::kRGates);
  };
  from_x(to.bias, job.b_ih), from_h(to.bias, job.b_hh);
  from_x(to.gain_x, job.norm_ih), from_h(to.gain_h, job.norm_hh);
}

inline Options options_of(const Job &job, const Saved &saved, const PackedOptions &packed) {
  Options options = {};
  options.hidden = job.hidden, options.projected = job.projected;
  options.padded = saved.padded, options.lines = saved.lines;
  options.zoned_h = job.keep_h || job.zoneout_h != 0, options.rate_h = (real)job.zoneout_h;
  options.zoned_c = job.keep_c || job.zoneout_c != 0, options.rate_c = (real)job.zoneout_c;
  options.peephole = packed.peephole, options.norm_c = packed.norm_c;
  options.norm_c_bias = packed.norm_c_bias, options.valid = packed.valid;
  options.bias = packed.bias, options.gain_x = packed.gain_x, options.gain_h = packed.gain_h;
  options.normed = job.norm_ih || job.norm_hh;
  options.all_c = static_cast<real *>(job.all_c);
  options.dall_c = static_cast<const real *>(job.dall_c);
  for (int i = 0; i < 4; ++i) {
    options.all_gates[i] = static_cast<real *>(job.all_gates[i]);
    options.dall_gates[i] = static_cast<const real *>(job.dall_gates[i]);
  }
  return options;
}

// What the backward pass needs of normalised products, behind the gates and states: both products
// less their mean and over their deviation, and 1 / deviation of x, h and (reset before) r * h.
struct SavedProducts {
  real *x, *h, *scale;  // [N][stride], [N][stride], [N][4]

  SavedProducts(const Job &job, const Saved &saved, bool states) : x(), h(), scale() {
    real *base = static_cast<real *>(job.saved);
    if (!base || !(job.norm_ih || job.norm_hh)) return;
    x = base + job.rows * (saved.stride + (states ? saved.padded : 0));
    h = x + job.rows * saved.stride;
    scale = h + job.rows * saved.stride;
  }

  static int64_t count(const Job &job, const Saved &saved) {
    return job.norm_ih || job.norm_hh ? job.rows * (2 * saved.stride + 4) : 0;
  }
};

}  // namespace

#endif
