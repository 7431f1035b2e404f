// exp, sigmoid and tanh on vectors: at most 1, 2 and 2 ulp over the whole range, the same polynomial
// on every instruction set. NaN gives NaN; infinities give the limit.
#ifndef SEQUELA_MATH_H
#define SEQUELA_MATH_H

#include "vec.h"

namespace {

#if defined(SEQUELA_DOUBLE)
constexpr real kMagic = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to a whole number
constexpr real kLog2e = 1.4426950408889634074, kLn2High = 0x1.62e42feep-1;
constexpr real kLn2Low = 1.9082149292705877e-10;
constexpr int kMantissa = 52, kBias = 1023, kHalf = 512;
constexpr real kUndo = 0x1p-512, kExpLow = 746, kExpHigh = 710, kTanhEnd = 44;
constexpr real kExpm1[] = {0.5, 0.1666666666666667103, 0.041666666666666669783,
                           0.0083333333333260831202, 0.0013888888888883711167,
                           0.00019841269875002278793, 0.0000248015873256774619,
                           2.7557255170000887438e-6, 2.7557273478718580474e-7,
                           2.5105312729622101787e-8, 2.09147553258932022e-9};
#else
constexpr real kMagic = 12582912.0f;  // 1.5 * 2^23
constexpr real kLog2e = 1.44269504f, kLn2High = 0x1.62e4p-1f, kLn2Low = 1.42860677e-06f;
constexpr int kMantissa = 23, kBias = 127, kHalf = 64;
constexpr real kUndo = 0x1p-64f, kExpLow = 105, kExpHigh = 90, kTanhEnd = 20;
constexpr real kExpm1[] = {0.50000000135387298866f,  0.16666666681704215043f,
                           0.041666464197405692315f, 0.0083333108446478625642f,
                           0.0013933730715792082502f, 0.00019891080463998842039f};
#endif
constexpr int kTerms = sizeof(kExpm1) / sizeof(real);

// exp(y) = 2^n (1 + p), |y - n ln 2| <= ln 2 / 2. `shifted` ends in the bits of n + OFFSET. Without
// fused multiply-adds p is the sum of two parts: four roundings more would pass 2 ulp.
struct Reduced {
  vec p;
#if !defined(SEQUELA_FUSED)
  vec low;
#endif
  ivec shifted;
};

template <int OFFSET>
SEQUELA_INLINE Reduced reduce(vec y) {
  constexpr real magic = kMagic + OFFSET;
  const vec shifted = fma(y, splat(kLog2e), splat(magic));
  const vec n = shifted - magic;
  const vec high = fma(n, splat(-kLn2High), y), r = fma(n, splat(-kLn2Low), high);
  vec q = splat(kExpm1[kTerms - 1]);
#pragma GCC unroll 16
  for (int i = kTerms - 2; i >= 0; --i) q = fma(q, r, splat(kExpm1[i]));
#if defined(SEQUELA_FUSED) && !defined(SEQUELA_DOUBLE)
  return {fma(r * r, q, r), bits(shifted)};  // all float32 numbers stay within 2 ulp without `lost`
#else
  const vec lost = fma(n, splat(-kLn2Low), high - r), tail = fma(r * r, q, lost);
#if defined(SEQUELA_FUSED)
  return {r + tail, bits(shifted)};
#else
  return {r, tail, bits(shifted)};
#endif
#endif
}

// scale * p + base; base is scale or scale - 1, scale a power of two.
SEQUELA_INLINE vec scaled(const Reduced &e, vec scale, vec base) {
#if defined(SEQUELA_FUSED)
  return fma(scale, e.p, base);
#else
  const vec part = scale * e.p, sum = base + part;
  return sum + (scale * e.low + (part - (sum - base)));
#endif
}

// 2^(k - bias), k in the last bits; what stands before them is shifted out.
SEQUELA_INLINE vec power_of_two(ivec k) { return from_bits(k << kMantissa); }

SEQUELA_INLINE vec sign_bit() { return splat((real)-0.0); }
SEQUELA_INLINE vec magnitude(vec x) { return from_bits(bits(x) & ~bits(sign_bit())); }

// One step that removes the rounding of the division and of the sum below it: t approximates
// top / (bottom + low), inverse approximates 1 / bottom within a third.
SEQUELA_INLINE vec refine(vec t, vec top, vec bottom, vec low, vec inverse) {
#if defined(SEQUELA_FUSED)
  vec rest = fma(-t, low, fma(-t, bottom, top));
  return fma(rest, inverse, t);
#else
  (void)top, (void)bottom;
  return t - t * (low * inverse);
#endif
}

SEQUELA_INLINE vec vexp(vec x) {
  const Reduced e = reduce<0>(at_least(at_most(x, kExpHigh), -kExpLow));
  // Two steps of scaling, so that neither the largest nor the subnormal results are lost.
  const ivec n = e.shifted - bits(splat(kMagic)), half = n >> 1;
  const vec first = power_of_two(half + kBias);
  return scaled(e, first, first) * power_of_two(n - half + kBias);
}

// e = exp(-|x|); 1 / (1 + e) on the right, e / (1 + e) on the left.
SEQUELA_INLINE vec vsigmoid(vec x) {
  const Reduced e = reduce<kBias + kHalf>(at_least(from_bits(bits(x) | bits(sign_bit())), -kExpLow));
  const vec scale = power_of_two(e.shifted);
  const vec power = scaled(e, scale, scale) * kUndo;
  const vec top = x < 0 ? power : splat(1), bottom = power + 1;
  const vec low = power - (bottom - 1);
  const vec t = top / bottom;
#if defined(SEQUELA_FUSED)
  const vec inverse = splat(0.75);
#else
  const vec inverse = x < 0 ? 1 - t : t;
#endif
  return refine(t, top, bottom, low, inverse);
}

// m = exp(2|x|) - 1, without cancellation near zero; m / (m + 2) with the sign of x.
SEQUELA_INLINE vec vtanh(vec x) {
  const Reduced e = reduce<kBias>(at_most(magnitude(x) * 2, kTanhEnd));
  const vec scale = power_of_two(e.shifted);
  const vec m = scaled(e, scale, scale - 1), bottom = m + 2;
  // 1 / bottom is (1 - t) / 2. Where m is the greater, its rounding does not reach the result.
  const vec low = m > 2 ? splat(0) : m - (bottom - 2), t = m / bottom;
  const vec near = refine(t, m, bottom, low, fma(t, splat(-0.5), splat(0.5)));
  return from_bits(bits(near) | (bits(x) & bits(sign_bit())));
}

}  // namespace

#endif
