// Packed panels and the tile: a few rows times a few vectors of columns, held in registers.
//
// Each element is one chain of multiply-adds, k ascending, that begins with what the tile holds or at
// zero (in the adjoint, a sum of such chains over fixed stretches of k): its bits do not depend on the
// tile, the batch, the threads or the width of a vector.
#ifndef SEQUELA_MATMUL_H
#define SEQUELA_MATMUL_H

#include "vec.h"

namespace {

// The values of A in one row: `runs` stretches of `run` values, `stride` apart; a new chain begins
// after every `chain` stretches, which halves the rounding of the long sums of the adjoint. With a
// `chain` of 0 there is one, which begins at zero and is added to the tile at its end.
struct Inner {
  int64_t runs, run, stride, chain;
};

// A tile's accumulators outside the registers: [row][kTileVectors][W].
constexpr int kTileVectors = 4;
struct alignas(64) Tile {
  vec at[kTileRows][kTileVectors];
};

// tile[r][v] += sum over k of a[r][k] * w[k][v], w packed as [k][V][W].
template <int R, int V>
__attribute__((noinline)) void accumulate(vec (*tile)[kTileVectors], const real *const *rows,
                                          Inner inner, const real *w) {
  const real *a[R];
  vec acc[R][V];
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) {
    a[r] = rows[r];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) acc[r][v] = inner.chain ? tile[r][v] : splat(0);
  }
  for (int64_t i = 0, left = inner.chain; i < inner.runs; ++i, --left) {
    if (i && !left) {
      left = inner.chain;
#pragma GCC unroll 6
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
          tile[r][v] = i == inner.chain ? acc[r][v] : tile[r][v] + acc[r][v];
          acc[r][v] = splat(0);
        }
    }
    for (int64_t k = 0; k < inner.run; ++k, w += V * W) {
      if constexpr (kTileRows > 3) {
        vec b[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) b[v] = load(w + v * W);
#pragma GCC unroll 6
        for (int r = 0; r < R; ++r) {
          const vec s = splat(a[r][k]);
#pragma GCC unroll 4
          for (int v = 0; v < V; ++v) acc[r][v] = fma(s, b[v], acc[r][v]);
        }
      } else {  // sixteen registers: the rows' values stay, the weights pass
        vec s[R];
#pragma GCC unroll 3
        for (int r = 0; r < R; ++r) s[r] = splat(a[r][k]);
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
          const vec b = load(w + v * W);
#pragma GCC unroll 3
          for (int r = 0; r < R; ++r) acc[r][v] = fma(s[r], b, acc[r][v]);
        }
      }
    }
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) a[r] += inner.stride;
  }
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v)
      tile[r][v] = inner.runs > inner.chain ? tile[r][v] + acc[r][v] : acc[r][v];
}

// The same for heights and widths known at run time; `first` is the first vector of the tile.
SEQUELA_INLINE void multiply(Tile &tile, int first, int rows, int vectors, const real *const *a,
                             Inner inner, const real *w) {
  typedef void (*Kernel)(vec (*)[kTileVectors], const real *const *, Inner, const real *);
#define SEQUELA_ROW(R) {accumulate<R, 1>, accumulate<R, 2>, accumulate<R, 3>, accumulate<R, 4>}
  static constexpr Kernel kernels[kTileRows][kTileVectors] = {
      SEQUELA_ROW(1), SEQUELA_ROW(2), SEQUELA_ROW(3),
#if SEQUELA_TILE_ROWS > 3
      SEQUELA_ROW(4), SEQUELA_ROW(5),
#endif
#if SEQUELA_TILE_ROWS > 5
      SEQUELA_ROW(6),
#endif
  };
#undef SEQUELA_ROW
  vec(*from)[kTileVectors] = reinterpret_cast<vec(*)[kTileVectors]>(&tile.at[0][first]);
  kernels[rows - 1][vectors - 1](from, a, inner, w);
}

// Calls f(rows, start) for tiles of nearly equal height that cover `count` rows.
template <class F>
SEQUELA_INLINE void for_tiles(int64_t count, F f) {
  const int64_t tiles = (count + kTileRows - 1) / kTileRows;
  for (int64_t i = 0, start = 0; i < tiles; ++i) {
    const int rows = (int)((count - start) / (tiles - i));
    f(rows, start);
    start += rows;
  }
}

// Calls f(units, v) for panels of 4, 2 or 1 vectors, at most `most`, that cover [first, end).
template <class F>
SEQUELA_INLINE void for_panels(int most, int64_t first, int64_t end, F f) {
  for (int64_t v = first; v < end;) {
    const int64_t left = end - v;
    const int units = most >= 4 && left >= 4 ? 4 : most >= 2 && left >= 2 ? 2 : 1;
    f(units, v);
    v += units;
  }
}

// Weights [G * hidden, width] as torch lays them out -> panel [k][count][units][W] at vector v.
__attribute__((noinline)) void pack_gates(real *to, const real *w, int64_t width, int64_t hidden,
                                          const int *gates, int count, int units, int64_t v) {
  const int64_t step = (int64_t)count * units * W;
  for (int i = 0; i < count * units; ++i) {
    const int64_t unit = (v + i % units) * W;
    for (int64_t k = 0; k < width; k += W) {
      const int64_t left = width - k < W ? width - k : W;
      const real *from = w + (gates[i / units] * hidden + unit) * width + k;
      real *at = to + k * step + i * W;
      vec rows[W];
      if (left == W && unit + W <= hidden) {  // nothing to ask, so that all stays in registers
#pragma GCC unroll 16
        for (int lane = 0; lane < W; ++lane) rows[lane] = load(from + lane * width);
        transpose(rows);
#pragma GCC unroll 16
        for (int lane = 0; lane < W; ++lane) store(at + lane * step, rows[lane]);
        continue;
      }
      for (int lane = 0; lane < W; ++lane)
        rows[lane] = unit + lane < hidden ? load_units(from + lane * width, left) : splat(0);
      transpose(rows);
      for (int64_t j = 0; j < left; ++j) store(at + j * step, rows[j]);
    }
  }
}

// The same weights for products with gate gradients: panel [line of units][count][kLine][units],
// columns [v * W, (v + units) * W) of `width`.
SEQUELA_INLINE void pack_adjoint(real *to, const real *w, int64_t width, int64_t hidden,
                                 const int *gates, int count, int units, int64_t v) {
  const int64_t lines = (hidden + kLine - 1) / kLine;
  for (int64_t line = 0; line < lines; ++line)
    for (int c = 0; c < count; ++c)
      for (int lane = 0; lane < kLine; ++lane)
        for (int u = 0; u < units; ++u, to += W) {
          const int64_t unit = line * kLine + lane, column = (v + u) * W;
          const bool there = unit < hidden;
          const real *row = w + (gates[c] * hidden + (there ? unit : 0)) * width + column;
          store(to, load_units(row, there ? width - column : 0));
        }
}

}  // namespace

#endif
