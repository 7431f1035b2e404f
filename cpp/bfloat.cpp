// The forward pass in bfloat16: products of pairs by the processor's own instruction, sums, gates
// and states in float32. h is rounded once a step, for the next product and the output.
//
// Compiled only for instruction sets that have the dot product. Each element is one chain of dot
// products of pairs, k ascending: its bits do not depend on the tile, the batch or the threads, but
// they are not those of a chain of multiply-adds.
#include <immintrin.h>

#include "cells/every.h"
#include "job.h"
#include "matmul.h"
#include "rows.h"
#include "walk.h"

namespace {

typedef uint16_t half;

SEQUELA_INLINE float widen(half h) {
  const uint32_t wide = (uint32_t)h << 16;
  float value;
  __builtin_memcpy(&value, &wide, 4);
  return value;
}

SEQUELA_INLINE float value_of(const void *array, int64_t i) {
  return array ? widen(static_cast<const half *>(array)[i]) : 0;
}

// The first `count` of a vector's values, rounded to the nearest, ties to even.
SEQUELA_INLINE void store_halves(half *to, vec v, int64_t count) {
  const __m256i all = (__m256i)_mm512_cvtneps_pbh((__m512)v);
  const __mmask16 mask = (__mmask16)(count >= W ? 0xffff : (1 << count) - 1);
  _mm256_mask_storeu_epi16(to, mask, all);
}

// tile[r][v] += sum over pairs of a[r] . w[.][v], w packed as [pair][V][W][2].
template <int R, int V>
__attribute__((noinline)) void accumulate_pairs(vec (*tile)[kTileVectors], const half *const *a,
                                                int64_t pairs, const real *w) {
  __m512 acc[R][V];
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) acc[r][v] = (__m512)tile[r][v];
  for (int64_t k = 0; k < pairs; ++k, w += V * W) {
    __m512bh b[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) b[v] = (__m512bh)load(w + v * W);
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) {
      int32_t pair;
      __builtin_memcpy(&pair, a[r] + 2 * k, 4);
      const __m512bh s = (__m512bh)_mm512_set1_epi32(pair);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) acc[r][v] = _mm512_dpbf16_ps(acc[r][v], s, b[v]);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) tile[r][v] = (vec)acc[r][v];
}

SEQUELA_INLINE void multiply_pairs(Tile &tile, int first, int rows, int vectors,
                                   const half *const *a, int64_t pairs, const real *w) {
  typedef void (*Kernel)(vec (*)[kTileVectors], const half *const *, int64_t, const real *);
#define SEQUELA_ROW(R) \
  {accumulate_pairs<R, 1>, accumulate_pairs<R, 2>, accumulate_pairs<R, 3>, accumulate_pairs<R, 4>}
  static constexpr Kernel kernels[kTileRows][kTileVectors] = {
      SEQUELA_ROW(1), SEQUELA_ROW(2), SEQUELA_ROW(3),
      SEQUELA_ROW(4), SEQUELA_ROW(5), SEQUELA_ROW(6)};
#undef SEQUELA_ROW
  vec(*from)[kTileVectors] = reinterpret_cast<vec(*)[kTileVectors]>(&tile.at[0][first]);
  kernels[rows - 1][vectors - 1](from, a, pairs, w);
}

struct HalfPanels {
  real *x, *h, *bias;
};

// Memory of one call. What a row reads and what it writes at a step lie in two buffers in turn.
template <class Cell>
struct HalfPlan {
  const Job &job;
  Walk walk;
  Saved saved;
  int64_t x_pairs, h_pairs, scratch;
  HalfPanels first, second;
  half *w_ih, *w_hh;          // rows of even width, where theirs is odd
  float *h[2], *state, *gates;
  half *h_half[2], *state_half, *x_even;
  Row *rows;                  // [thread][B], as the two below
  const half **x, **from;
  static constexpr bool kTwo = !__is_same(typename Cell::SecondForward, Nothing);
  static constexpr int kGates = kTwo ? 3 : Cell::Forward::kHCount;

  explicit HalfPlan(const Job &j)
      : job(j), walk(j), saved(j, Cell::kSlots), x_pairs((j.input + 1) / 2),
        h_pairs((j.hidden + 1) / 2) {
    Arena arena(j.scratch);
    const int64_t rows_of_weights = kGates * j.hidden, padded = saved.padded;
    first = panels<typename Cell::Forward>(arena);
    second = panels<typename Cell::SecondForward>(arena);
    w_ih = j.input % 2 ? arena.take<half>(rows_of_weights * x_pairs * 2) : nullptr;
    w_hh = j.hidden % 2 ? arena.take<half>(rows_of_weights * h_pairs * 2) : nullptr;
    for (int i = 0; i < 2; ++i) {
      h[i] = arena.take<float>(j.batch * padded);
      h_half[i] = arena.take<half>(j.batch * padded);
    }
    state = arena.take<float>(Cell::kSavesState ? j.batch * padded : 0);
    state_half = arena.take<half>(kTwo ? j.batch * padded : 0);
    gates = arena.take<float>(kTwo ? j.batch * saved.stride : 0);
    x_even = arena.take<half>(j.input % 2 ? j.threads * j.batch * x_pairs * 2 : 0);
    rows = arena.take<Row>(j.threads * j.batch);
    x = arena.take<const half *>(j.threads * j.batch);
    from = arena.take<const half *>(j.threads * j.batch);
    scratch = arena.used;
  }

  template <class P>
  HalfPanels panels(Arena &arena) const {
    if constexpr (__is_same(P, Nothing)) {
      return {};
    } else {
      return {arena.take<real>(saved.padded * P::kXCount * x_pairs),
              arena.take<real>(saved.padded * P::kHCount * h_pairs),
              arena.take<real>(saved.padded * P::kSlots)};
    }
  }
};

// Rows of odd width, each with a zero behind it.
void make_even(half *to, const void *from, int64_t rows, int64_t width) {
  const char *source = static_cast<const char *>(from);
  for (int64_t i = 0; i < rows; ++i, to += width + 1) {
    __builtin_memcpy(to, source + i * width * 2, (size_t)width * 2);
    to[width] = 0;
  }
}

// A pair of bfloat16 is moved about as one float32: the packing does not look inside.
template <class Cell, class P>
void pack_halves(const HalfPlan<Cell> &plan, const HalfPanels &to, int32_t thread) {
  const Job &job = plan.job;
  const void *w_ih = plan.w_ih ? plan.w_ih : job.w_ih, *w_hh = plan.w_hh ? plan.w_hh : job.w_hh;
  const Range own = vectors_of(job, thread);
  int64_t turn = 0;
  for_panels(P::kUnits, own.begin, own.end, [&](int units, int64_t v) {
    if (!job.split_units && turn++ % job.threads != thread) return;
    pack_gates(to.x + v * W * P::kXCount * plan.x_pairs, static_cast<const real *>(w_ih),
               plan.x_pairs, job.hidden, P::kXGates, P::kXCount, units, v);
    pack_gates(to.h + v * W * P::kHCount * plan.h_pairs, static_cast<const real *>(w_hh),
               plan.h_pairs, job.hidden, P::kHGates, P::kHCount, units, v);
    real *bias = to.bias + v * W * P::kSlots;
    for (int slot = 0; slot < P::kSlots; ++slot)
      for (int lane = 0; lane < units * W; ++lane) {
        const int64_t unit = v * W + lane;
        const int x = slot - P::kXFirst, h = slot - P::kHFirst;
        real sum = 0;
        if (unit < job.hidden && x >= 0 && x < P::kXCount)
          sum = value_of(job.b_ih, P::kXGates[x] * job.hidden + unit);
        if (unit < job.hidden && h >= 0 && h < P::kHCount)
          sum += value_of(job.b_hh, P::kHGates[h] * job.hidden + unit);
        bias[slot * units * W + lane] = sum;
      }
  });
}

template <class Cell>
void begin_halves(const HalfPlan<Cell> &plan, int32_t thread) {
  const Job &job = plan.job;
  const int64_t padded = plan.saved.padded, hidden = job.hidden;
  for (int64_t b = thread; b < job.batch; b += job.threads)
    for (int64_t i = 0; i < padded; ++i) {
      const bool there = i < hidden;
      const float h = there ? value_of(job.h0, b * hidden + i) : 0;
      for (int side = 0; side < 2; ++side) {
        plan.h[side][b * padded + i] = h;
        plan.h_half[side][b * padded + i] =
            there && job.h0 ? static_cast<const half *>(job.h0)[b * hidden + i] : 0;
      }
      if (Cell::kSavesState)
        plan.state[b * padded + i] = there ? value_of(job.c0, b * hidden + i) : 0;
      // An odd width's last pair is read with what lies behind it, by a weight of zero.
      if (HalfPlan<Cell>::kTwo) plan.state_half[b * padded + i] = 0;
    }
}

// One product of a step, its gates, and what the next product reads, in bfloat16.
template <class Cell, class P, bool kLast>
__attribute__((noinline)) void half_step(const HalfPlan<Cell> &plan, const HalfPanels &panels,
                                         int32_t thread, int64_t step) {
  const Job &job = plan.job;
  const int64_t t = plan.walk.time(step), padded = plan.saved.padded, hidden = job.hidden;
  const Range rows = rows_of(job, thread), vectors = vectors_of(job, thread);
  const int64_t count = plan.walk.active(rows, t), mine = thread * job.batch;
  const half *data = static_cast<const half *>(job.x);
  half *out = static_cast<half *>(job.out) + (job.offsets[t] + rows.begin) * hidden;
  const int now = (int)(step & 1);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t b = rows.begin + i;
    Row row;
    row.h = plan.h[1 - now] + b * padded, row.out = plan.h[now] + b * padded;
    row.state = nullptr, row.state_before = nullptr;
    if (Cell::kSavesState) row.state = plan.state + b * padded, row.state_before = row.state;
    row.gates = HalfPlan<Cell>::kTwo ? plan.gates + b * plan.saved.stride : nullptr;
    plan.rows[mine + i] = row;
    plan.from[mine + i] = (P::kReadsState ? plan.state_half : plan.h_half[1 - now]) + b * padded;
    plan.x[mine + i] = data + (job.offsets[t] + b) * job.input;
    if (job.input % 2) {
      half *even = plan.x_even + (mine + i) * plan.x_pairs * 2;
      make_even(even, plan.x[mine + i], 1, job.input);
      plan.x[mine + i] = even;
    }
  }
  for_panels(P::kUnits, vectors.begin, vectors.end, [&](int units, int64_t v) {
    for_tiles(count, [&](int height, int64_t start) {
      const Row *row = plan.rows + mine + start;
      Tile tile;
      for (int i = 0; i < P::kSlots * units; ++i) {
        const vec b = load(panels.bias + v * W * P::kSlots + i * W);
        for (int r = 0; r < height; ++r) tile.at[r][i] = b;
      }
      multiply_pairs(tile, P::kXFirst * units, height, P::kXCount * units, plan.x + mine + start,
                     plan.x_pairs, panels.x + v * W * P::kXCount * plan.x_pairs);
      multiply_pairs(tile, P::kHFirst * units, height, P::kHCount * units, plan.from + mine + start,
                     plan.h_pairs, panels.h + v * W * P::kHCount * plan.h_pairs);
      for (int r = 0; r < height; ++r) P::begin(tile.at[r], row[r], v);
      for (int r = 0; r < height; ++r) P::end(tile.at[r], row[r], units, v, hidden);
      for (int r = 0; r < height; ++r)
        for (int64_t at = v * W; at < (v + units) * W && at < hidden; at += W) {
          const int64_t b = rows.begin + start + r;
          const vec value = load((kLast ? row[r].out : row[r].state) + at);
          store_halves((kLast ? plan.h_half[now] : plan.state_half) + b * padded + at, value,
                       hidden - at);
          if (kLast) store_halves(out + (start + r) * hidden + at, value, hidden - at);
        }
    });
  });
}

template <class Cell>
void forward_halves(const Job *job, int32_t thread) {
  const HalfPlan<Cell> plan(*job);
  constexpr bool two = HalfPlan<Cell>::kTwo;
  const int64_t rows_of_weights = HalfPlan<Cell>::kGates * job->hidden;
  if (thread == 0 && plan.w_ih) make_even(plan.w_ih, job->w_ih, rows_of_weights, job->input);
  if (thread == 0 && plan.w_hh) make_even(plan.w_hh, job->w_hh, rows_of_weights, job->hidden);
  begin_halves(plan, thread);
  sequela_team_wait(job->team);
  pack_halves<Cell, typename Cell::Forward>(plan, plan.first, thread);
  if constexpr (two) pack_halves<Cell, typename Cell::SecondForward>(plan, plan.second, thread);
  sequela_team_wait(job->team);
  for (int64_t step = 0; step < job->steps; ++step) {
    half_step<Cell, typename Cell::Forward, !two>(plan, plan.first, thread, step);
    if constexpr (two) {
      if (job->split_units) sequela_team_wait(job->team);
      half_step<Cell, typename Cell::SecondForward, true>(plan, plan.second, thread, step);
    }
    if (job->split_units) sequela_team_wait(job->team);
  }
  sequela_team_wait(job->team);
  half *h_n = static_cast<half *>(job->h_n), *c_n = static_cast<half *>(job->c_n);
  for (int64_t b = thread; b < job->batch; b += job->threads) {
    const int64_t last = job->reverse ? job->steps - 1 : job->lengths[b] - 1, hidden = job->hidden;
    const int64_t at = b * plan.saved.padded;
    for (int64_t i = 0; i < hidden; i += W) {
      if (h_n) store_halves(h_n + b * hidden + i, load(plan.h[last & 1] + at + i), hidden - i);
      if (c_n) store_halves(c_n + b * hidden + i, load(plan.state + at + i), hidden - i);
    }
  }
}

int64_t scratch_bytes(const Job *job) {
  return with_cell(job->cell, [&](auto cell) {
    return HalfPlan<typename Pointee<decltype(cell)>::type>(*job).scratch;
  });
}

void forward(const Job *job, int32_t thread) {
  with_cell(job->cell, [&](auto cell) {
    forward_halves<typename Pointee<decltype(cell)>::type>(job, thread);
  });
}

}  // namespace

extern const BfloatKernels SEQUELA_TABLE;
const BfloatKernels SEQUELA_TABLE = {scratch_bytes, forward};
