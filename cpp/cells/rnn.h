// The simple cell: forward and adjoint side by side. One slot.
#ifndef SEQUELA_CELLS_RNN_H
#define SEQUELA_CELLS_RNN_H

#include "../options.h"
#include "../rows.h"

namespace {

struct Tanh {
  SEQUELA_INLINE vec value(vec a) { return vtanh(a); }
  SEQUELA_INLINE vec adjoint(vec dh, vec h) { return dh * fma(-h, h, splat(1)); }
};

struct Relu {
  SEQUELA_INLINE vec value(vec a) { return a < 0 ? splat(0) : a; }  // NaN passes
  SEQUELA_INLINE vec adjoint(vec dh, vec h) { return h > 0 ? dh : splat(0); }
};

template <class Function>
struct Rnn {
  static constexpr int kSlots = 1;
  static constexpr bool kSavesGates = false, kSavesState = false, kCarriesH = false;

  struct Forward {
    static constexpr int kSlots = 1, kUnits = 4, kFirst = 0;
    static constexpr int kXFirst = 0, kXCount = 1, kHFirst = 0, kHCount = 1;
    static constexpr int kXGates[] = {0}, kHGates[] = {0};
    static constexpr bool kReadsState = false;

    SEQUELA_INLINE void begin(vec *, const Row &, int64_t) {}

    SEQUELA_INLINE void end(const vec *a, const Row &row, int units, int64_t v, int64_t hidden) {
      for (int u = 0; u < units; ++u)
        store_units(row.out + (v + u) * W, Function::value(a[u]), hidden - (v + u) * W);
    }

    // Kept is h before zoneout.
    static void whole(const FullRow &row, const Options &o) {
      for (int64_t unit = 0; unit < o.padded; unit += W) {
        const vec h = Function::value(load(row.gates + unit));
        store(row.gates + unit, h);
        finish_h(row, o, unit, h);
      }
    }
  };

  struct Adjoint {
    static constexpr int kFirst = 0, kCount = 1, kGates[] = {0};
    static constexpr bool kOfThisStep = false;

    SEQUELA_INLINE void apply(vec dh, const AdjointRow &row, int64_t v, int64_t hidden) {
      const vec h = load_units(row.h + v * W, hidden - v * W);
      store(row.gates + slot_at(1, v, 0), Function::adjoint(dh, h));
    }

    static void whole(const FullAdjointRow &row, const Options &o) {
      for (int64_t unit = 0; unit < o.padded; unit += W) {
        real *gate = row.gates + unit;
        store(gate, Function::adjoint(load(row.dh + unit), load(gate)));
      }
    }
  };
  typedef Nothing SecondForward;
  typedef Nothing SecondAdjoint;
  static constexpr int kXFirst = 0, kXCount = 1, kXGates[] = {0};
  static constexpr int kHFirst = 0, kHCount = 1, kHGates[] = {0};
  static constexpr int kRFirst = 0, kRCount = 0, kRGates[] = {0};
};

}  // namespace

#endif
