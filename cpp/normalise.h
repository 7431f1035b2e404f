// Layer normalisation of some slots of one row, forward and adjoint.
//
// Sums run over the lines of units, lane by lane of a line, then over the lanes in pairs: the same
// order on every instruction set.
#ifndef SEQUELA_NORMALISE_H
#define SEQUELA_NORMALISE_H

#include "vec.h"

namespace {

constexpr real kNormEpsilon = (real)1e-5;  // torch's default, as the reference has it

// Slots [first, first + count) of a row [line][slots][kLine] of `hidden` units.
struct Group {
  int slots, first, count;
  int64_t lines, hidden;

  real size() const { return (real)(count * hidden); }
};

// Calls f(place in the row, unit) for each vector of the group.
template <class F>
SEQUELA_INLINE void for_group(const Group &group, F f) {
  for (int64_t line = 0; line < group.lines; ++line)
    for (int slot = 0; slot < group.count; ++slot)
      for (int u = 0; u < kLine; u += W)
        f((line * group.slots + group.first + slot) * kLine + u, line * kLine + u);
}

// The sum of add(sum so far, place, unit) over the group.
template <class F>
SEQUELA_INLINE real sum_group(const Group &group, F add) {
  vec sums[kLine / W] = {};
  for_group(group, [&](int64_t place, int64_t unit) {
    vec &sum = sums[unit % kLine / W];
    sum = add(sum, place, unit);
  });
  real lanes[kLine];
  for (int u = 0; u < kLine / W; ++u) store(lanes + u * W, sums[u]);
  for (int half = kLine / 2; half; half /= 2)
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  return lanes[0];
}

// row = (row - mean) * scale; returns scale = 1 / sqrt(variance + epsilon). Two passes.
__attribute__((noinline)) real normalise(real *row, const Group &group, const real *valid) {
  const real mean =
      sum_group(group, [&](vec sum, int64_t place, int64_t) { return sum + load(row + place); }) /
      group.size();
  const real variance =
      sum_group(group,
                [&](vec sum, int64_t place, int64_t unit) {
                  const vec d = (load(row + place) - mean) * load(valid + unit);
                  store(row + place, d);
                  return fma(d, d, sum);
                }) /
      group.size();
#if defined(SEQUELA_DOUBLE)
  const real scale = 1 / __builtin_sqrt(variance + kNormEpsilon);
#else
  const real scale = 1 / __builtin_sqrtf(variance + kNormEpsilon);
#endif
  for_group(group, [&](int64_t place, int64_t) { store(row + place, load(row + place) * scale); });
  return scale;
}

// From da, the gradient of `row * gain + bias`: row becomes the gradient of what was normalised, and
// `sums` grows by the gradient of the gain.
__attribute__((noinline)) void normalise_adjoint(const real *da, real *row, real *sums,
                                                 const real *gain, real scale, const Group &group,
                                                 const real *valid) {
  const real first = sum_group(group, [&](vec sum, int64_t place, int64_t) {
                       return fma(load(da + place), load(gain + place), sum);
                     }) / group.size();
  const real second = sum_group(group, [&](vec sum, int64_t place, int64_t) {
                        return fma(load(da + place) * load(gain + place), load(row + place), sum);
                      }) / group.size();
  for_group(group, [&](int64_t place, int64_t unit) {
    const vec a = load(da + place), hat = load(row + place);
    store(sums + place, fma(a, hat, load(sums + place)));
    const vec rest = fma(-hat, splat(second), fma(a, load(gain + place), splat(-first)));
    store(row + place, rest * scale * load(valid + unit));
  });
}

}  // namespace

#endif
