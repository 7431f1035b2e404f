// The vector vocabulary of the kernels: one `real`, one `vec` of the instruction set's width.
//
// Compiled once per instruction set and precision. Everything has internal linkage, so that no
// function compiled for a newer processor can answer for another unit's.
#ifndef SEQUELA_VEC_H
#define SEQUELA_VEC_H

#include <stddef.h>
#include <stdint.h>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__FMA__) || defined(__aarch64__)
#define SEQUELA_FUSED 1
#endif
#define SEQUELA_INLINE static inline __attribute__((always_inline))

namespace {

#if defined(SEQUELA_DOUBLE)
typedef double real;
typedef int64_t integer;
#else
typedef float real;
typedef int32_t integer;
#endif

// kTileRows rows by four vectors of accumulators fill the register file but for operands.
#if defined(__AVX512F__)
#define SEQUELA_TILE_ROWS 6
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
#define SEQUELA_TILE_ROWS 3
constexpr int kVectorBytes = 32;
#elif defined(__aarch64__)
#define SEQUELA_TILE_ROWS 5
constexpr int kVectorBytes = 16;
#else
#define SEQUELA_TILE_ROWS 3
constexpr int kVectorBytes = 16;
#endif
constexpr int kTileRows = SEQUELA_TILE_ROWS;
constexpr int W = kVectorBytes / sizeof(real);  // units side by side in a vector
constexpr int kLine = 64 / sizeof(real);        // units side by side in memory: one cache line

typedef real vec __attribute__((vector_size(kVectorBytes)));
typedef integer ivec __attribute__((vector_size(kVectorBytes)));
typedef real loose_vec __attribute__((vector_size(kVectorBytes), aligned(sizeof(real)), may_alias));

SEQUELA_INLINE vec load(const real *p) { return *reinterpret_cast<const loose_vec *>(p); }
SEQUELA_INLINE void store(real *p, vec v) { *reinterpret_cast<loose_vec *>(p) = v; }
SEQUELA_INLINE vec splat(real x) { return x - (vec){}; }  // x - 0 keeps -0, x + 0 does not
SEQUELA_INLINE ivec bits(vec v) { return reinterpret_cast<ivec>(v); }
SEQUELA_INLINE vec from_bits(ivec v) { return reinterpret_cast<vec>(v); }

// One rounding where the instruction set has a fused multiply-add, two on the x86-64 baseline.
SEQUELA_INLINE vec fma(vec a, vec b, vec c) {
#if defined(__AVX512F__) && defined(SEQUELA_DOUBLE)
  return reinterpret_cast<vec>(_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c));
#elif defined(__AVX512F__)
  return reinterpret_cast<vec>(_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c));
#elif defined(__AVX2__) && defined(SEQUELA_DOUBLE)
  return reinterpret_cast<vec>(_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c));
#elif defined(__AVX2__)
  return reinterpret_cast<vec>(_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c));
#elif defined(__aarch64__) && defined(SEQUELA_DOUBLE)
  return reinterpret_cast<vec>(vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b));
#elif defined(__aarch64__)
  return reinterpret_cast<vec>(vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b));
#else
  return a * b + c;
#endif
}

SEQUELA_INLINE real fma(real a, real b, real c) {
#if defined(SEQUELA_FUSED) && defined(SEQUELA_DOUBLE)
  return __builtin_fma(a, b, c);
#elif defined(SEQUELA_FUSED)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

// The lesser (greater) of x and a number; NaN passes.
SEQUELA_INLINE vec at_most(vec x, real most) {
#if defined(__AVX512F__) && defined(SEQUELA_DOUBLE)
  return reinterpret_cast<vec>(_mm512_min_pd((__m512d)splat(most), (__m512d)x));
#elif defined(__AVX512F__)
  return reinterpret_cast<vec>(_mm512_min_ps((__m512)splat(most), (__m512)x));
#elif defined(__AVX2__) && defined(SEQUELA_DOUBLE)
  return reinterpret_cast<vec>(_mm256_min_pd((__m256d)splat(most), (__m256d)x));
#elif defined(__AVX2__)
  return reinterpret_cast<vec>(_mm256_min_ps((__m256)splat(most), (__m256)x));
#else
  return x > most ? splat(most) : x;
#endif
}
SEQUELA_INLINE vec at_least(vec x, real least) {
#if defined(__AVX512F__) && defined(SEQUELA_DOUBLE)
  return reinterpret_cast<vec>(_mm512_max_pd((__m512d)splat(least), (__m512d)x));
#elif defined(__AVX512F__)
  return reinterpret_cast<vec>(_mm512_max_ps((__m512)splat(least), (__m512)x));
#elif defined(__AVX2__) && defined(SEQUELA_DOUBLE)
  return reinterpret_cast<vec>(_mm256_max_pd((__m256d)splat(least), (__m256d)x));
#elif defined(__AVX2__)
  return reinterpret_cast<vec>(_mm256_max_ps((__m256)splat(least), (__m256)x));
#else
  return x < least ? splat(least) : x;
#endif
}

// Gates lie as [line of units][slot][kLine], whatever the vector's width: products that run over
// them are then summed in the same order by every instruction set.
SEQUELA_INLINE int64_t slot_at(int slots, int64_t v, int slot) {
  constexpr int kVectors = kLine / W;
  return (v / kVectors * slots + slot) * kLine + v % kVectors * W;
}

// Brings `count` values nearer, into the second-level cache.
SEQUELA_INLINE void fetch(const real *p, int64_t count) {
  for (int64_t i = 0; i < count; i += kLine) __builtin_prefetch(p + i, 0, 2);
}

#if defined(__AVX512F__)
SEQUELA_INLINE __mmask16 first_lanes(int64_t count) {
  return (__mmask16)(count > 0 ? (1u << count) - 1 : 0);
}
#endif

// The first `count` units of a row that may end inside the vector; the others read as zero.
SEQUELA_INLINE vec load_units(const real *p, int64_t count) {
  if (count >= W) return load(p);
#if defined(__AVX512F__) && defined(SEQUELA_DOUBLE)
  return reinterpret_cast<vec>(_mm512_maskz_loadu_pd((__mmask8)first_lanes(count), p));
#elif defined(__AVX512F__)
  return reinterpret_cast<vec>(_mm512_maskz_loadu_ps(first_lanes(count), p));
#else
  real lanes[W] = {};
  for (int64_t i = 0; i < count; ++i) lanes[i] = p[i];
  return load(lanes);
#endif
}

SEQUELA_INLINE void store_units(real *p, vec v, int64_t count) {
  if (count >= W) return store(p, v);
#if defined(__AVX512F__) && defined(SEQUELA_DOUBLE)
  _mm512_mask_storeu_pd(p, (__mmask8)first_lanes(count), (__m512d)v);
#elif defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, first_lanes(count), (__m512)v);
#else
  real lanes[W];
  store(lanes, v);
  for (int64_t i = 0; i < count; ++i) p[i] = lanes[i];
#endif
}

// rows[i][j] becomes rows[j][i], in log W rounds of exchanges between rows 1, 2, 4, ... apart.
SEQUELA_INLINE void transpose(vec (&rows)[W]) {
#if defined(__AVX512F__)
  constexpr int kOther = W;  // added to an index, it reads the second operand
#pragma GCC unroll 4
  for (int s = 1; s < W; s *= 2) {
    alignas(64) integer low[W], high[W];
#pragma GCC unroll 16
    for (int j = 0; j < W; ++j) {
      low[j] = j & s ? kOther + j - s : j;
      high[j] = j & s ? kOther + j : j + s;
    }
    const __m512i first = _mm512_load_si512(low), second = _mm512_load_si512(high);
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i) {
      if (i & s) continue;
#if defined(SEQUELA_DOUBLE)
      const __m512d a = (__m512d)rows[i], b = (__m512d)rows[i + s];
      rows[i] = reinterpret_cast<vec>(_mm512_permutex2var_pd(a, first, b));
      rows[i + s] = reinterpret_cast<vec>(_mm512_permutex2var_pd(a, second, b));
#else
      const __m512 a = (__m512)rows[i], b = (__m512)rows[i + s];
      rows[i] = reinterpret_cast<vec>(_mm512_permutex2var_ps(a, first, b));
      rows[i + s] = reinterpret_cast<vec>(_mm512_permutex2var_ps(a, second, b));
#endif
    }
  }
#else
  real lanes[W][W];
  for (int i = 0; i < W; ++i) store(lanes[i], rows[i]);
  for (int i = 0; i < W; ++i)
    for (int j = 0; j < W; ++j) rows[i][j] = lanes[j][i];
#endif
}

}  // namespace

#endif
