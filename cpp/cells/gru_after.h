// Gated recurrent unit, reset after the product: forward and adjoint side by side.
// Slots n r z p, where p = w_hn h + b_hn: x meets the first three, h the last three.
#ifndef SEQUELA_CELLS_GRU_AFTER_H
#define SEQUELA_CELLS_GRU_AFTER_H

#include "../options.h"
#include "../rows.h"

namespace {

struct GruAfter {
  static constexpr int kSlots = 4;
  static constexpr bool kSavesGates = true, kSavesState = false, kCarriesH = true;

  struct Forward {
    static constexpr int kSlots = 4, kUnits = 1, kFirst = 0;
    static constexpr int kXFirst = 0, kXCount = 3, kHFirst = 1, kHCount = 3;
    static constexpr int kXGates[] = {2, 0, 1}, kHGates[] = {0, 1, 2};
    static constexpr bool kReadsState = false;

    SEQUELA_INLINE void begin(vec *a, const Row &, int64_t) {
      a[1] = vsigmoid(a[1]), a[2] = vsigmoid(a[2]);
    }

    SEQUELA_INLINE void end(const vec *a, const Row &row, int, int64_t v, int64_t hidden) {
      const vec r = a[1], z = a[2], n = vtanh(fma(r, a[3], a[0]));
      const vec before = load_units(row.h + v * W, hidden - v * W);
      store_units(row.out + v * W, fma(z, before - n, n), hidden - v * W);
      if (row.gates) {
        real *gates = row.gates + slot_at(4, v, 0);
        store(gates, n), store(gates + kLine, r);
        store(gates + 2 * kLine, z), store(gates + 3 * kLine, a[3]);
      }
    }

    static void whole(const FullRow &row, const Options &o) {
      for (int64_t v = 0, unit = 0; unit < o.padded; ++v, unit += W) {
        real *gates = row.gates + slot_at(4, v, 0);
        const vec r = vsigmoid(load(gates + kLine)), z = vsigmoid(load(gates + 2 * kLine));
        const vec n = vtanh(fma(r, load(gates + 3 * kLine), load(gates)));
        const vec before = load_units(row.h_before + unit, o.hidden - unit);
        store(gates, n), store(gates + kLine, r), store(gates + 2 * kLine, z);
        give(o.all_gates[0], o, row.n, unit, r), give(o.all_gates[1], o, row.n, unit, z);
        give(o.all_gates[2], o, row.n, unit, n);
        finish_h(row, o, unit, fma(z, before - n, n));
      }
    }
  };

  struct Adjoint {
    static constexpr int kFirst = 1, kCount = 3, kGates[] = {0, 1, 2};
    static constexpr bool kOfThisStep = false;

    SEQUELA_INLINE void apply(vec dh, const AdjointRow &row, int64_t v, int64_t hidden) {
      real *gates = row.gates + slot_at(4, v, 0);
      const vec n = load(gates), r = load(gates + kLine), z = load(gates + 2 * kLine);
      const vec p = load(gates + 3 * kLine), before = load_units(row.h_before + v * W, hidden - v * W);
      const vec dn = dh * (1 - z) * fma(-n, n, splat(1));
      store(gates, dn);
      store(gates + kLine, dn * p * (r * (1 - r)));
      store(gates + 2 * kLine, dh * (before - n) * (z * (1 - z)));
      store(gates + 3 * kLine, dn * r);
      store(row.carry + v * W, dh * z);
    }

    static void whole(const FullAdjointRow &row, const Options &o) {
      for (int64_t v = 0, unit = 0; unit < o.padded; ++v, unit += W) {
        real *gates = row.gates + slot_at(4, v, 0);
        const vec n = load(gates), r = load(gates + kLine), z = load(gates + 2 * kLine);
        const vec p = load(gates + 3 * kLine), dh = load(row.dh + unit);
        const vec before = load_units(row.h_before + unit, o.hidden - unit);
        const vec dn = fma(dh, 1 - z, given(o.dall_gates[2], o, row.n, unit));
        const vec da = dn * fma(-n, n, splat(1));
        const vec dr = fma(da, p, given(o.dall_gates[0], o, row.n, unit));
        const vec dz = fma(dh, before - n, given(o.dall_gates[1], o, row.n, unit));
        store(gates, da);
        store(gates + kLine, dr * (r * (1 - r)));
        store(gates + 2 * kLine, dz * (z * (1 - z)));
        store(gates + 3 * kLine, da * r);
        store(row.carry_h + unit, fma(dh, z, load(row.carry_h + unit)));
      }
    }
  };
  typedef Nothing SecondForward;
  typedef Nothing SecondAdjoint;
  static constexpr int kXFirst = 0, kXCount = 3, kXGates[] = {2, 0, 1};
  static constexpr int kHFirst = 1, kHCount = 3, kHGates[] = {0, 1, 2};
  static constexpr int kRFirst = 0, kRCount = 0, kRGates[] = {0};
};

}  // namespace

#endif
