// Long short-term memory: forward and adjoint side by side. Slots i f g o.
#ifndef SEQUELA_CELLS_LSTM_H
#define SEQUELA_CELLS_LSTM_H

#include "../options.h"
#include "../rows.h"

namespace {

struct Lstm {
  static constexpr int kSlots = 4;
  static constexpr bool kSavesGates = true, kSavesState = true, kCarriesH = false;

  struct Forward {
    static constexpr int kSlots = 4, kUnits = 1, kFirst = 0;
    static constexpr int kXFirst = 0, kXCount = 4, kHFirst = 0, kHCount = 4;
    static constexpr int kXGates[] = {0, 1, 2, 3}, kHGates[] = {0, 1, 2, 3};
    static constexpr bool kReadsState = false;

    SEQUELA_INLINE void begin(vec *a, const Row &row, int64_t v) {
      const vec i = vsigmoid(a[0]), f = vsigmoid(a[1]), g = vtanh(a[2]), o = vsigmoid(a[3]);
      const vec c = fma(f, load(row.state_before + v * W), i * g);
      store(row.state + v * W, c);
      a[0] = c, a[3] = o;
      if (row.gates) {
        real *gates = row.gates + slot_at(4, v, 0);
        store(gates, i), store(gates + kLine, f);
        store(gates + 2 * kLine, g), store(gates + 3 * kLine, o);
      }
    }

    SEQUELA_INLINE void end(const vec *a, const Row &row, int, int64_t v, int64_t hidden) {
      store_units(row.out + v * W, a[3] * vtanh(a[0]), hidden - v * W);
    }

    static void whole(const FullRow &row, const Options &o) {
      for (int64_t v = 0, unit = 0; unit < o.padded; ++v, unit += W) gates_of(row, o, v, unit);
      if (o.norm_c) normalise(row.work, {1, 0, 1, o.lines, o.hidden}, o.valid);
      for (int64_t v = 0, unit = 0; unit < o.padded; ++v, unit += W) {
        vec c = load(row.work + unit);
        if (o.norm_c) c = fma(c, load(o.norm_c + unit), load(o.norm_c_bias + unit));
        const vec h = load(row.gates + slot_at(4, v, 3)) * vtanh(c);
        if (row.unprojected) store(row.unprojected + unit, h);
        else finish_h(row, o, unit, h);
      }
    }

    // The gates and c; row.work receives c before zoneout.
    SEQUELA_INLINE void gates_of(const FullRow &row, const Options &o, int64_t v, int64_t unit) {
      real *gates = row.gates + slot_at(4, v, 0);
      const real *p = o.peephole ? o.peephole + slot_at(3, v, 0) : nullptr;
      const vec before = load(row.state_before + unit);
      vec i = load(gates), f = load(gates + kLine), last = load(gates + 3 * kLine);
      if (p) i = fma(load(p), before, i), f = fma(load(p + kLine), before, f);
      i = vsigmoid(i), f = vsigmoid(f);
      const vec g = vtanh(load(gates + 2 * kLine)), fresh = fma(f, before, i * g);
      if (p) last = fma(load(p + 2 * kLine), fresh, last);
      last = vsigmoid(last);
      vec c = fresh;
      if (o.zoned_c) c = zone(c, before, keep_of(row.keep_c, o.rate_c, unit, o.hidden));
      store(gates, i), store(gates + kLine, f);
      store(gates + 2 * kLine, g), store(gates + 3 * kLine, last);
      store(row.work + unit, fresh), store(row.state + unit, c);
      give(o.all_c, o, row.n, unit, c), give(o.all_gates[0], o, row.n, unit, i);
      give(o.all_gates[1], o, row.n, unit, f), give(o.all_gates[2], o, row.n, unit, g);
      give(o.all_gates[3], o, row.n, unit, last);
    }
  };

  // dc += dh o (1 - tanh(c)^2); each gate's gradient; dc of the step before is dc f.
  struct Adjoint {
    static constexpr int kFirst = 0, kCount = 4, kGates[] = {0, 1, 2, 3};
    static constexpr bool kOfThisStep = false;

    SEQUELA_INLINE void apply(vec dh, const AdjointRow &row, int64_t v, int64_t) {
      real *gates = row.gates + slot_at(4, v, 0), *carry = row.carry + v * W;
      const vec i = load(gates), f = load(gates + kLine), g = load(gates + 2 * kLine);
      const vec o = load(gates + 3 * kLine), t = vtanh(load(row.state + v * W));
      const vec dc = fma(dh * o, fma(-t, t, splat(1)), load(carry));
      store(gates, dc * g * (i * (1 - i)));
      store(gates + kLine, dc * load(row.state_before + v * W) * (f * (1 - f)));
      store(gates + 2 * kLine, dc * i * fma(-g, g, splat(1)));
      store(gates + 3 * kLine, dh * t * (o * (1 - o)));
      store(carry, dc * f);
    }

    static void whole(const FullAdjointRow &row, const Options &o) {
      if (o.norm_c) through_norm(row, o);
      for (int64_t v = 0, unit = 0; unit < o.padded; ++v, unit += W) unit_of(row, o, v, unit);
    }

    SEQUELA_INLINE vec fresh_c(const FullAdjointRow &row, int64_t v) {
      const real *gates = row.gates + slot_at(4, v, 0);
      const vec f = load(gates + kLine), before = load(row.state_before + v * W);
      return fma(f, before, load(gates) * load(gates + 2 * kLine));
    }

    // What reaches c through its normalisation, in row.work; behind it tanh of the normalised c.
    static void through_norm(const FullAdjointRow &row, const Options &o) {
      real *c = row.work, *t = c + o.padded, *dc = t + o.padded;
      const Group group{1, 0, 1, o.lines, o.hidden};
      for (int64_t v = 0; v * W < o.padded; ++v) store(c + v * W, fresh_c(row, v));
      const real scale = normalise(c, group, o.valid);
      for (int64_t v = 0, unit = 0; unit < o.padded; ++v, unit += W) {
        const vec gain = load(o.norm_c + unit), shift = load(o.norm_c_bias + unit);
        const vec value = vtanh(fma(load(c + unit), gain, shift));
        const vec dh = load(row.dh + unit) * load(row.gates + slot_at(4, v, 3));
        const vec d = dh * fma(-value, value, splat(1));
        store(t + unit, value), store(dc + unit, d);
        store(row.sum_norm_c_bias + unit, load(row.sum_norm_c_bias + unit) + d);
      }
      normalise_adjoint(dc, c, row.sum_norm_c, o.norm_c, scale, group, o.valid);
    }

    SEQUELA_INLINE void unit_of(const FullAdjointRow &row, const Options &opt, int64_t v,
                                int64_t unit) {
      real *gates = row.gates + slot_at(4, v, 0), *carry = row.carry_c + unit;
      const vec i = load(gates), f = load(gates + kLine), g = load(gates + 2 * kLine);
      const vec o = load(gates + 3 * kLine), before = load(row.state_before + unit);
      const vec c = fresh_c(row, v), dh = load(row.dh + unit);
      const vec t = opt.norm_c ? load(row.work + opt.padded + unit) : vtanh(c);
      const vec late = load(carry) + given(opt.dall_c, opt, row.n, unit);
      const vec keep =
          opt.zoned_c ? keep_of(row.keep_c, opt.rate_c, unit, opt.hidden) : splat(0);
      vec dc = opt.norm_c ? load(row.work + unit) : dh * o * fma(-t, t, splat(1));
      dc = fma(1 - keep, late, dc);
      const vec last = fma(dh, t, given(opt.dall_gates[3], opt, row.n, unit)) * (o * (1 - o));
      const real *p = opt.peephole ? opt.peephole + slot_at(3, v, 0) : nullptr;
      if (p) dc = fma(load(p + 2 * kLine), last, dc);
      const vec di = fma(dc, g, given(opt.dall_gates[0], opt, row.n, unit)) * (i * (1 - i));
      const vec df = fma(dc, before, given(opt.dall_gates[1], opt, row.n, unit)) * (f * (1 - f));
      const vec dg = fma(dc, i, given(opt.dall_gates[2], opt, row.n, unit));
      store(gates, di), store(gates + kLine, df);
      store(gates + 2 * kLine, dg * fma(-g, g, splat(1))), store(gates + 3 * kLine, last);
      vec on = fma(keep, late, dc * f);
      if (p) {
        on = fma(load(p), di, fma(load(p + kLine), df, on));
        real *sum = row.sum_peephole + slot_at(3, v, 0);
        store(sum, fma(di, before, load(sum)));
        store(sum + kLine, fma(df, before, load(sum + kLine)));
        store(sum + 2 * kLine, fma(last, c, load(sum + 2 * kLine)));
      }
      store(carry, on);
      if (row.unprojected) store(row.unprojected + unit, o * t);
    }
  };
  typedef Nothing SecondForward;
  typedef Nothing SecondAdjoint;
  // Weight gradients: the slots and gates that meet x, h and r * h.
  static constexpr int kXFirst = 0, kXCount = 4, kXGates[] = {0, 1, 2, 3};
  static constexpr int kHFirst = 0, kHCount = 4, kHGates[] = {0, 1, 2, 3};
  static constexpr int kRFirst = 0, kRCount = 0, kRGates[] = {0};
};

}  // namespace

#endif
