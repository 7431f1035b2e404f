// Long short-term memory: forward and adjoint side by side. Slots i f g o.
#ifndef SEQUELA_CELLS_LSTM_H
#define SEQUELA_CELLS_LSTM_H

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
