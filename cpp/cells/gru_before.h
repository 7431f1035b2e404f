// Gated recurrent unit, reset before the product: forward and adjoint side by side.
// Slots n r z. Two products a step: r and z from h, then n from r * h, which is kept as the state.
#ifndef SEQUELA_CELLS_GRU_BEFORE_H
#define SEQUELA_CELLS_GRU_BEFORE_H

#include "../options.h"
#include "../rows.h"

namespace {

struct GruBefore {
  static constexpr int kSlots = 3;
  static constexpr bool kSavesGates = true, kSavesState = true, kCarriesH = true;

  struct Forward {
    static constexpr int kSlots = 2, kUnits = 2, kFirst = 1;
    static constexpr int kXFirst = 0, kXCount = 2, kHFirst = 0, kHCount = 2;
    static constexpr int kXGates[] = {0, 1}, kHGates[] = {0, 1};
    static constexpr bool kReadsState = false;

    SEQUELA_INLINE void begin(vec *, const Row &, int64_t) {}

    SEQUELA_INLINE void end(const vec *a, const Row &row, int units, int64_t v, int64_t hidden) {
      for (int u = 0; u < units; ++u) {
        const vec r = vsigmoid(a[u]), z = vsigmoid(a[units + u]);
        const vec before = load_units(row.h + (v + u) * W, hidden - (v + u) * W);
        real *gates = row.gates + slot_at(3, v + u, 0);
        store(gates + kLine, r), store(gates + 2 * kLine, z);
        store(row.state + (v + u) * W, r * before);
      }
    }

    static void whole(const FullRow &row, const Options &o) {
      for (int64_t v = 0, unit = 0; unit < o.padded; ++v, unit += W) {
        real *gates = row.gates + slot_at(3, v, 0);
        const vec r = vsigmoid(load(gates + kLine)), z = vsigmoid(load(gates + 2 * kLine));
        store(gates + kLine, r), store(gates + 2 * kLine, z);
        store(row.state + unit, r * load_units(row.h_masked + unit, o.hidden - unit));
        give(o.all_gates[0], o, row.n, unit, r), give(o.all_gates[1], o, row.n, unit, z);
      }
    }
  };

  struct SecondForward {
    static constexpr int kSlots = 1, kUnits = 4, kFirst = 0;
    static constexpr int kXFirst = 0, kXCount = 1, kHFirst = 0, kHCount = 1;
    static constexpr int kXGates[] = {2}, kHGates[] = {2};
    static constexpr bool kReadsState = true;

    SEQUELA_INLINE void begin(vec *, const Row &, int64_t) {}

    SEQUELA_INLINE void end(const vec *a, const Row &row, int units, int64_t v, int64_t hidden) {
      for (int u = 0; u < units; ++u) {
        const vec n = vtanh(a[u]);
        real *gates = row.gates + slot_at(3, v + u, 0);
        const vec before = load_units(row.h + (v + u) * W, hidden - (v + u) * W);
        store(gates, n);
        store_units(row.out + (v + u) * W, fma(load(gates + 2 * kLine), before - n, n),
                    hidden - (v + u) * W);
      }
    }

    static void whole(const FullRow &row, const Options &o) {
      for (int64_t v = 0, unit = 0; unit < o.padded; ++v, unit += W) {
        real *gates = row.gates + slot_at(3, v, 0);
        const vec n = vtanh(load(gates)), z = load(gates + 2 * kLine);
        const vec before = load_units(row.h_before + unit, o.hidden - unit);
        store(gates, n);
        give(o.all_gates[2], o, row.n, unit, n);
        finish_h(row, o, unit, fma(z, before - n, n));
      }
    }
  };

  struct Adjoint {
    static constexpr int kFirst = 1, kCount = 2, kGates[] = {0, 1};
    static constexpr bool kOfThisStep = false;

    SEQUELA_INLINE void apply(vec dh, const AdjointRow &row, int64_t v, int64_t hidden) {
      real *gates = row.gates + slot_at(3, v, 0);
      const vec n = load(gates), z = load(gates + 2 * kLine);
      const vec before = load_units(row.h_before + v * W, hidden - v * W);
      store(gates, dh * (1 - z) * fma(-n, n, splat(1)));
      store(gates + 2 * kLine, dh * (before - n) * (z * (1 - z)));
      store(row.carry + v * W, dh * z);
    }

    static void whole(const FullAdjointRow &row, const Options &o) {
      for (int64_t v = 0, unit = 0; unit < o.padded; ++v, unit += W) {
        real *gates = row.gates + slot_at(3, v, 0);
        const vec n = load(gates), z = load(gates + 2 * kLine), dh = load(row.dh + unit);
        const vec before = load_units(row.h_before + unit, o.hidden - unit);
        const vec dn = fma(dh, 1 - z, given(o.dall_gates[2], o, row.n, unit));
        const vec dz = fma(dh, before - n, given(o.dall_gates[1], o, row.n, unit));
        store(gates, dn * fma(-n, n, splat(1)));
        store(gates + 2 * kLine, dz * (z * (1 - z)));
        store(row.carry_h + unit, fma(dh, z, load(row.carry_h + unit)));
      }
    }
  };

  // The product is d(r * h).
  struct SecondAdjoint {
    static constexpr int kFirst = 0, kCount = 1, kGates[] = {2};
    static constexpr bool kOfThisStep = true;

    SEQUELA_INLINE void apply(vec product, const AdjointRow &row, int64_t v, int64_t hidden) {
      real *reset = row.gates + slot_at(3, v, 1), *carry = row.carry + v * W;
      const vec r = load(reset), before = load_units(row.h_before + v * W, hidden - v * W);
      store(reset, product * before * (r * (1 - r)));
      store(carry, fma(product, r, load(carry)));
    }

    // row.dh is the product.
    static void whole(const FullAdjointRow &row, const Options &o) {
      for (int64_t v = 0, unit = 0; unit < o.padded; ++v, unit += W) {
        const int64_t left = o.hidden - unit;
        real *reset = row.gates + slot_at(3, v, 1), *carry = row.carry_h + unit;
        const vec r = load(reset), product = load(row.dh + unit);
        const vec dr = fma(product, load_units(row.h_masked + unit, left),
                           given(o.dall_gates[0], o, row.n, unit));
        const vec through = row.mask ? product * load_units(row.mask + unit, left) : product;
        store(reset, dr * (r * (1 - r)));
        store(carry, fma(through, r, load(carry)));
      }
    }
  };
  static constexpr int kXFirst = 0, kXCount = 3, kXGates[] = {2, 0, 1};
  static constexpr int kHFirst = 1, kHCount = 2, kHGates[] = {0, 1};
  static constexpr int kRFirst = 0, kRCount = 1, kRGates[] = {2};
};

}  // namespace

#endif
