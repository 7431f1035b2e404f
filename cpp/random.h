// Random masks from counters: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers:
// as easy as 1, 2, 3", SC 2011). A value depends on the seed, the stream, the row, the step and the
// unit, and on nothing else.
//
// Units go in groups of 64: block q = unit / 64 * 16 + unit % 16 gives, as its words 0 to 3, the
// units q % 16, + 16, + 32, + 48 of its group, so that neighbours come from different blocks. The
// counter is (q, step, row, stream), the key the two halves of the seed.
#ifndef SEQUELA_RANDOM_H
#define SEQUELA_RANDOM_H

#include "job.h"
#include "vec.h"
#include "walk.h"

namespace {

constexpr int kBlocks = kVectorBytes / 8;  // side by side, one in each lane of 64 bits
typedef uint64_t words __attribute__((vector_size(kVectorBytes)));

// The product of the low halves of each lane.
SEQUELA_INLINE words multiply_halves(words a, uint64_t b) {
  const words factor = (words){} + b;
#if defined(__AVX512F__)
  return reinterpret_cast<words>(_mm512_maskz_mul_epu32(0xff, (__m512i)a, (__m512i)factor));
#elif defined(__AVX2__)
  return reinterpret_cast<words>(_mm256_mul_epu32((__m256i)a, (__m256i)factor));
#else
  return (a & 0xffffffffu) * factor;
#endif
}

SEQUELA_INLINE void philox(words (&c)[4], uint64_t seed) {
  uint64_t low = seed & 0xffffffffu, high = seed >> 32;
  for (int round = 0; round < 10; ++round) {
    const words first = multiply_halves(c[0], 0xD2511F53u);
    const words second = multiply_halves(c[2], 0xCD9E8D57u);
    c[0] = (second >> 32) ^ c[1] ^ low;
    c[2] = (first >> 32) ^ c[3] ^ high;
    c[1] = second & 0xffffffffu;
    c[3] = first & 0xffffffffu;
    low = (low + 0x9E3779B9u) & 0xffffffffu, high = (high + 0xBB67AE85u) & 0xffffffffu;
  }
}

// 64 units of one row at one step.
__attribute__((noinline)) void draw_group(const Draw &draw, int64_t group, int64_t n, real *to) {
  for (int first = 0; first < 16; first += kBlocks) {
    words lanes = {};
    for (int i = 0; i < kBlocks; ++i) lanes[i] = (uint64_t)(first + i);
    const uint64_t step = (uint64_t)draw.steps[n] & 0xffffffffu;
    const uint64_t row = (uint64_t)draw.rows[n] & 0xffffffffu;
    words c[4] = {lanes + (uint64_t)group * 16, (words){} + step, (words){} + row,
                  (words){} + (uint64_t)draw.stream};
    philox(c, draw.seed);
    for (int word = 0; word < 4; ++word)
      for (int i = 0; i < kBlocks; ++i)
        to[word * 16 + first + i] = (real)(c[word][i] < draw.threshold ? draw.below : draw.above);
  }
}

void draw_masks(const Draw *draw, int32_t thread) {
  const Range rows = share(draw->count, thread, draw->threads);
  real *to = static_cast<real *>(draw->to), part[64];
  for (int64_t n = rows.begin; n < rows.end; ++n)
    for (int64_t unit = 0; unit < draw->width; unit += 64) {
      real *place = to + n * draw->width + unit;
      const int64_t left = draw->width - unit;
      draw_group(*draw, unit / 64, n, left >= 64 ? place : part);
      for (int64_t i = 0; left < 64 && i < left; ++i) place[i] = part[i];
    }
}

}  // namespace

#endif
