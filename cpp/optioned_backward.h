// Back-propagation through time for a cell with options, and the gradients of what they add.
//
// As in backward.h the gradients take the place of the gates. What depends on a row's parameters
// alone (gains, peephole) is summed over time for each row, then over the rows: by whichever threads,
// in the same order.
#ifndef SEQUELA_OPTIONED_BACKWARD_H
#define SEQUELA_OPTIONED_BACKWARD_H

#include "backward.h"
#include "options.h"

namespace {

constexpr int kInTurn[] = {0, 1, 2};

template <class Cell>
struct OptionedBackward {
  BackwardPlan<Cell> plain;
  const Job &job;
  Arena arena;
  PackedOptions packed;
  Options options;
  SavedProducts products;
  int64_t dh_rows;
  real *carry_h, *dh;    // [B][wide]; [dh_rows][wide]: a row per packed row where dw_hr needs it
  real *through;         // [B][padded]: what a product hands to the units
  real *masked;          // [N][wide]: h as the recurrent product read it
  real *unprojected;     // [N][padded]: o * tanh(c)
  real *projection;      // w_hr, packed for products with dh
  real *work;            // [thread][3][padded]
  real *sum_x, *sum_h;   // [B][stride]: gains of the two products
  real *sum_peephole, *sum_c, *sum_c_bias;  // [B][3 padded], [B][padded] twice
  real *total, *projection_total;

  explicit OptionedBackward(const Job &j)
      : plain(j),
        job(j),
        arena(j.scratch, plain.scratch),
        packed(arena, j, plain.saved, Cell::kSlots),
        options(options_of(j, plain.saved, packed)),
        products(j, plain.saved, Cell::kSavesState),
        dh_rows(j.w_hr ? j.rows : j.batch) {
    const Saved &saved = plain.saved;
    auto take = [&](bool wanted, int64_t count) {
      return wanted ? arena.take<real>(count) : nullptr;
    };
    carry_h = take(true, j.batch * saved.wide);
    dh = take(true, dh_rows * saved.wide);
    through = take(true, j.batch * saved.padded);
    masked = take(j.mask, j.rows * saved.wide);
    unprojected = take(j.w_hr, j.rows * saved.padded);
    projection = take(j.w_hr, saved.wide * saved.padded);
    work = take(true, j.threads * 3 * saved.padded);
    sum_x = take(j.norm_ih, j.batch * saved.stride);
    sum_h = take(j.norm_hh, j.batch * saved.stride);
    sum_peephole = take(j.w_peephole, j.batch * 3 * saved.padded);
    sum_c = take(j.norm_c, j.batch * saved.padded);
    sum_c_bias = take(j.norm_c, j.batch * saved.padded);
    total = take(true, 5 * saved.padded + 2 * saved.stride);
    projection_total = take(j.w_hr, saved.wide * j.hidden);
    if (products.x) plain.from_x = products.x, plain.from_h = products.h;
  }

  int64_t scratch() const { return arena.used; }
  real *dh_of(int64_t n, int64_t b) const { return dh + (job.w_hr ? n : b) * plain.saved.wide; }
};

template <class Cell>
void pack_optioned(const OptionedBackward<Cell> &plan, int32_t thread) {
  const Job &job = plan.job;
  const Saved &saved = plan.plain.saved;
  if (thread == 0) pack_options<Cell>(plan.packed, job, saved);
  if (!job.w_hr) return;
  int64_t turn = 0;
  for_panels(4, 0, saved.vectors, [&](int units, int64_t v) {
    if (turn++ % job.threads == thread)
      pack_adjoint(plan.projection + v * W * saved.wide, static_cast<const real *>(job.w_hr),
                   job.hidden, job.projected, kInTurn, 1, units, v);
  });
}

// The carried gradients and the sums of each row; h as the recurrent products read it.
template <class Cell>
void start_optioned(const OptionedBackward<Cell> &plan, int32_t thread) {
  const Job &job = plan.job;
  const Saved &saved = plan.plain.saved;
  const int64_t width = job.projected;
  const real *dh_n = static_cast<const real *>(job.dh_n);
  const real *dc_n = static_cast<const real *>(job.dc_n);
  const real *mask = static_cast<const real *>(job.mask);
  auto clear = [](real *row, int64_t b, int64_t count) {
    for (int64_t i = 0; row && i < count; ++i) row[b * count + i] = 0;
  };
  for (int64_t b = thread; b < job.batch; b += job.threads) {
    for (int64_t i = 0; i < saved.wide; ++i)
      plan.carry_h[b * saved.wide + i] = dh_n && i < width ? dh_n[b * width + i] : 0;
    for (int64_t i = 0; i < saved.padded; ++i)
      plan.plain.carry[b * saved.padded + i] =
          dc_n && i < job.hidden ? dc_n[b * job.hidden + i] : 0;
    clear(plan.sum_x, b, saved.stride), clear(plan.sum_h, b, saved.stride);
    clear(plan.sum_peephole, b, 3 * saved.padded);
    clear(plan.sum_c, b, saved.padded), clear(plan.sum_c_bias, b, saved.padded);
  }
  if (!mask) return;
  const Range steps = share(job.steps, thread, job.threads);
  for (int64_t t = steps.begin; t < steps.end; ++t)
    for (int64_t b = 0; b < job.sizes[t]; ++b) {
      const int64_t n = job.offsets[t] + b;
      real *row = plan.masked + n * saved.wide;
      for (int64_t i = 0; i < width; ++i) row[i] = mask[b * width + i] * plan.plain.before[n][i];
      plan.plain.before[n] = row;
    }
}

// acc * mask: what the product hands to h itself.
template <class Cell>
SEQUELA_INLINE vec unmasked(const OptionedBackward<Cell> &plan, int64_t b, int64_t unit, vec acc) {
  const int64_t width = plan.job.projected;
  const real *mask = static_cast<const real *>(plan.job.mask);
  return mask ? acc * load_units(mask + b * width + unit, width - unit) : acc;
}

// dh of a step: the output's gradient, the carried one, and that of the later step's product; its
// share that zoneout hands on is carried.
template <class Cell>
__attribute__((noinline)) void gather_tile(const OptionedBackward<Cell> &plan, int height,
                                           int units, int64_t t, int64_t b, bool last, int64_t v) {
  typedef typename Cell::Adjoint P;
  const Job &job = plan.job;
  const BackwardPlan<Cell> &plain = plan.plain;
  const Options &o = plan.options;
  const int64_t width = job.projected, wide = plain.saved.wide;
  const real *dout = static_cast<const real *>(job.dout);
  const real *keep_h = static_cast<const real *>(job.keep_h);
  const real *from[kTileRows];
  Tile tile = {};
  for (int r = 0; r < height; ++r) {
    const int64_t after = last ? 0 : plain.walk.after(t, b + r);
    from[r] = plain.from_h + after * plain.saved.stride + P::kFirst * kLine;
  }
  if (!last) multiply_adjoint<Cell, P>(plain, plain.first, tile, height, units, from, v);
  for (int r = 0; r < height; ++r)
    for (int u = 0; u < units; ++u) {
      const int64_t n = job.offsets[t] + b + r, unit = (v + u) * W, left = width - unit;
      real *carry = plan.carry_h + (b + r) * wide + unit;
      vec sum = load(carry) + unmasked(plan, b + r, unit, tile.at[r][u]);
      if (dout) sum = sum + load_units(dout + n * width + unit, left);
      vec on = splat(0);
      if (o.zoned_h) {
        const vec keep = keep_of(keep_h ? keep_h + n * width : nullptr, o.rate_h, unit, width);
        on = keep * sum, sum = (1 - keep) * sum;
      }
      store(carry, on);
      store(plan.dh_of(n, b + r) + unit, sum);
    }
}

template <class Cell>
void gather_step(const OptionedBackward<Cell> &plan, Range rows, int64_t t, int64_t now) {
  const BackwardPlan<Cell> &plain = plan.plain;
  int64_t going = now;  // rows that have a later step; the others begin here
  while (going > 0 && plain.walk.after(t, rows.begin + going - 1) < 0) --going;
  for_panels(4, 0, plain.saved.wide / W, [&](int units, int64_t v) {
    for_tiles(going, [&](int height, int64_t start) {
      gather_tile(plan, height, units, t, rows.begin + start, false, v);
    });
    for_tiles(now - going, [&](int height, int64_t start) {
      gather_tile(plan, height, units, t, rows.begin + going + start, true, v);
    });
  });
}

// A product of this step into `through`: of dh with w_hr, or of n's gradient with w_hn.
template <class Cell>
__attribute__((noinline)) void through_step(const OptionedBackward<Cell> &plan, Range rows,
                                            int64_t t, int64_t now, const real *packed,
                                            int64_t length, Inner inner) {
  const Job &job = plan.job;
  const Saved &saved = plan.plain.saved;
  for_panels(4, 0, saved.vectors, [&](int units, int64_t v) {
    for_tiles(now, [&](int height, int64_t start) {
      const int64_t b = rows.begin + start;
      const real *from[kTileRows];
      Tile tile = {};
      for (int r = 0; r < height; ++r) {
        const int64_t n = job.offsets[t] + b + r;
        from[r] = job.w_hr ? plan.dh_of(n, b + r) : plan.plain.from_h + n * saved.stride + Cell::kRFirst * kLine;
      }
      multiply(tile, 0, height, units, from, inner, packed + v * W * length);
      for (int r = 0; r < height; ++r)
        for (int u = 0; u < units; ++u)
          store(plan.through + (b + r) * saved.padded + (v + u) * W, tile.at[r][u]);
    });
  });
}

template <class Cell>
SEQUELA_INLINE FullAdjointRow full_row(const OptionedBackward<Cell> &plan, int32_t thread,
                                       int64_t t, int64_t b, const real *dh) {
  const Job &job = plan.job;
  const BackwardPlan<Cell> &plain = plan.plain;
  const int64_t n = job.offsets[t] + b, padded = plain.saved.padded, width = job.projected;
  const int64_t previous = plain.walk.before(t, b);
  const real *h0 = static_cast<const real *>(job.h0);
  const real *mask = static_cast<const real *>(job.mask);
  const real *keep_c = static_cast<const real *>(job.keep_c);
  FullAdjointRow row;
  row.dh = dh, row.n = n, row.gates = plain.gates + n * plain.saved.stride;
  row.h_before = previous >= 0 ? static_cast<const real *>(job.out) + previous * width
                 : h0          ? h0 + b * width
                               : plain.zeros;
  row.h_masked = plain.before[n], row.mask = mask ? mask + b * width : nullptr;
  row.state_before = plain.states && previous >= 0 ? plain.states + previous * padded
                                                   : plain.state + b * padded;
  row.carry_h = plan.carry_h + b * plain.saved.wide, row.carry_c = plain.carry + b * padded;
  row.work = plan.work + thread * 3 * padded;
  row.unprojected = plan.unprojected ? plan.unprojected + n * padded : nullptr;
  row.keep_c = keep_c ? keep_c + n * job.hidden : nullptr;
  row.sum_peephole = plan.sum_peephole ? plan.sum_peephole + b * 3 * padded : nullptr;
  row.sum_norm_c = plan.sum_c ? plan.sum_c + b * padded : nullptr;
  row.sum_norm_c_bias = plan.sum_c_bias ? plan.sum_c_bias + b * padded : nullptr;
  return row;
}

// From the gradients of the sums to those of the products that were normalised.
template <class Cell>
__attribute__((noinline)) void through_products(const OptionedBackward<Cell> &plan, int64_t n,
                                                int64_t b, bool x, int first, int count,
                                                int which) {
  const Options &o = plan.options;
  const int64_t stride = plan.plain.saved.stride;
  const real *gain = x ? o.gain_x : o.gain_h, *da = plan.plain.gates + n * stride;
  real *row = (x ? plan.products.x : plan.products.h) + n * stride;
  const Group group{Cell::kSlots, first, count, o.lines, o.hidden};
  if (gain)
    normalise_adjoint(da, row, (x ? plan.sum_x : plan.sum_h) + b * stride, gain,
                      plan.products.scale[n * 4 + which], group, o.valid);
  else
    for_group(group, [&](int64_t place, int64_t) { store(row + place, load(da + place)); });
}

template <class Cell>
void optioned_step(const OptionedBackward<Cell> &plan, int32_t thread, int64_t t) {
  constexpr bool two = !__is_same(typename Cell::SecondAdjoint, Nothing);
  const Job &job = plan.job;
  const Saved &saved = plan.plain.saved;
  const Range rows = rows_of(job, thread);
  const int64_t now = plan.plain.walk.active(rows, t), n = job.offsets[t];
  const bool normed = plan.options.normed;
  gather_step(plan, rows, t, now);
  if (job.w_hr)
    through_step(plan, rows, t, now, plan.projection, saved.wide,
                 Inner{saved.wide / kLine, kLine, kLine, 2});
  for (int64_t b = rows.begin; b < rows.begin + now; ++b) {
    const real *dh = job.w_hr ? plan.through + b * saved.padded : plan.dh_of(n + b, b);
    Cell::Adjoint::whole(full_row(plan, thread, t, b, dh), plan.options);
    if (normed && two)
      through_products(plan, n + b, b, false, Cell::kRFirst, Cell::kRCount, 2);
  }
  if constexpr (two) {
    typedef typename Cell::SecondAdjoint P;
    through_step(plan, rows, t, now, plan.plain.second, P::kCount * saved.padded,
                 Inner{saved.lines, P::kCount * kLine, Cell::kSlots * kLine, 2});
    for (int64_t b = rows.begin; b < rows.begin + now; ++b)
      P::whole(full_row(plan, thread, t, b, plan.through + b * saved.padded), plan.options);
  }
  for (int64_t b = rows.begin; normed && b < rows.begin + now; ++b) {
    through_products(plan, n + b, b, true, Cell::kXFirst, Cell::kXCount, 0);
    through_products(plan, n + b, b, false, Cell::kHFirst, Cell::kHCount, 1);
  }
}

// dh0 and dc0; empty rows hand their late gradient through.
template <class Cell>
void optioned_initial(const OptionedBackward<Cell> &plan, int32_t thread) {
  typedef typename Cell::Adjoint P;
  const Job &job = plan.job;
  const BackwardPlan<Cell> &plain = plan.plain;
  const Range rows = rows_of(job, thread);
  const int64_t filled = job.steps ? plain.walk.active(rows, 0) : 0;
  const int64_t width = job.projected, wide = plain.saved.wide;
  real *dh0 = static_cast<real *>(job.dh0), *dc0 = static_cast<real *>(job.dc0);
  for_panels(4, 0, dh0 ? wide / W : 0, [&](int units, int64_t v) {
    for_tiles(rows.end - rows.begin, [&](int height, int64_t start) {
      const int64_t b = rows.begin + start;
      // A tile may hold rows with and without steps: these are the last.
      const int going = start >= filled ? 0 : start + height <= filled ? height : (int)(filled - start);
      const real *from[kTileRows];
      Tile tile = {};
      for (int r = 0; r < going; ++r)
        from[r] = plain.from_h + plain.walk.first(b + r) * plain.saved.stride + P::kFirst * kLine;
      if (going) multiply_adjoint<Cell, P>(plain, plain.first, tile, going, units, from, v);
      for (int r = 0; r < height; ++r)
        for (int u = 0; u < units; ++u) {
          const int64_t unit = (v + u) * W;
          const vec sum = load(plan.carry_h + (b + r) * wide + unit);
          const vec acc = unmasked(plan, b + r, unit, tile.at[r][u]);
          store_units(dh0 + (b + r) * width + unit, sum + acc, width - unit);
        }
    });
  });
  for (int64_t b = rows.begin; dc0 && b < rows.end; ++b)
    for (int64_t i = 0; i < job.hidden; ++i)
      dc0[b * job.hidden + i] = plain.carry[b * plain.saved.padded + i];
}

// The sums of a sample's rows, in the order of the rows, handed to the caller.
template <class Cell>
void end_sums(const OptionedBackward<Cell> &plan, const Sample &sample, real *to, real *total,
              const real *sums, int64_t stride, const Columns &columns, int32_t thread) {
  if (!to || !sums) return;
  const Job &job = plan.job;
  const Range own = share(columns.vectors() / columns.count * columns.slots, thread, job.threads);
  for (int64_t q = own.begin * W; q < own.end * W; q += W) {
    vec sum = splat(0);
    for (int64_t b = sample.number; b < job.batch; b += sample.apart)
      sum = sum + load(sums + b * stride + q);
    store(total + q, sum);
  }
  bias_end(job, to, total, columns, thread);
}

template <class Cell>
void projection_gradients(const OptionedBackward<Cell> &plan, const Sample &sample,
                          int32_t thread) {
  const Job &job = plan.job;
  const Saved &saved = plan.plain.saved;
  const Columns columns =
      sample.of({1, 0, 1, kInTurn, plan.dh, saved.wide, job.projected});
  const real *rows[kBlock];
  for (int64_t begin = 0; begin < sample.rows; begin += kBlock) {
    const int64_t count = begin + kBlock < sample.rows ? kBlock : sample.rows - begin;
    for (int64_t n = 0; n < count; ++n)
      rows[n] = plan.unprojected + sample.at(begin + n) * saved.padded;
    product_block(job, plan.projection_total, job.hidden, columns, rows, begin, count, thread);
  }
  product_end(job, sample.part(job.dw_hr, job.projected * job.hidden), plan.projection_total,
              job.hidden, columns, thread);
}

template <class Cell>
void option_gradients(const OptionedBackward<Cell> &plan, const Sample &sample, int32_t thread) {
  const Job &job = plan.job;
  const Saved &saved = plan.plain.saved;
  const int64_t hidden = job.hidden, gates = hidden * Cell::kXCount;
  const Columns one{1, 0, 1, kInTurn, nullptr, 0, hidden};
  const Columns three{3, 0, 3, kInTurn, nullptr, 0, hidden};
  real *to_x = plan.total, *to_h = to_x + saved.stride, *peephole = to_h + saved.stride;
  real *c = peephole + 3 * saved.padded, *c_bias = c + saved.padded;
  const Columns x = columns_x<Cell>(plan.plain), h = columns_h<Cell>(plan.plain);
  auto end = [&](void *to, int64_t size, real *total, const real *sums, int64_t stride,
                 const Columns &columns) {
    end_sums(plan, sample, sample.part(to, size), total, sums, stride, columns, thread);
  };
  end(job.dw_peephole, 3 * hidden, peephole, plan.sum_peephole, 3 * saved.padded, three);
  end(job.dnorm_c, hidden, c, plan.sum_c, saved.padded, one);
  end(job.dnorm_c_bias, hidden, c_bias, plan.sum_c_bias, saved.padded, one);
  end(job.dnorm_ih, gates, to_x, plan.sum_x, saved.stride, x);
  end(job.dnorm_hh, gates, to_h, plan.sum_h, saved.stride, h);
  if (Cell::kRCount)
    end(job.dnorm_hh, gates, to_h, plan.sum_h, saved.stride, columns_r<Cell>(plan.plain));
  if (job.w_hr && job.dw_hr) projection_gradients(plan, sample, thread);
}

template <class Cell>
void optioned_backward(const Job *job, int32_t thread) {
  const OptionedBackward<Cell> plan(*job);
  pack_backward(plan.plain, thread);
  pack_optioned(plan, thread);
  start_backward(plan.plain, thread);
  sequela_team_wait(job->team);
  start_optioned(plan, thread);
  sequela_team_wait(job->team);
  for (int64_t step = job->steps - 1; step >= 0; --step)
    optioned_step(plan, thread, plan.plain.walk.time(step));
  optioned_initial(plan, thread);
  sequela_team_wait(job->team);
  input_gradients<Cell>(plan.plain, thread);
  weight_gradients<Cell>(plan.plain, thread);
  for (int64_t number = 0; number < job->samples; ++number)
    option_gradients(plan, Sample(*job, number), thread);
}

}  // namespace

#endif
