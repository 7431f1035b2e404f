// Rows times weights: one side is packed into panels, the rows of the other pass by in tiles.
//
// With few rows the sides change places: the rows are packed and the weights pass, so that these
// need no packing. A product is the same either way round, and so is the order of the sums.
#ifndef SEQUELA_LINEAR_H
#define SEQUELA_LINEAR_H

#include "job.h"
#include "matmul.h"
#include "walk.h"

namespace {

// What a block of passing rows may take of the second-level cache.
constexpr int64_t kBlockBytes = 1 << 18;

struct LinearPlan {
  int64_t rows, columns, vectors, inner;
  const real *passing, *packed, *bias;
  real *panels, *y;
  bool swapped;

  explicit LinearPlan(const LinearJob &job)
      : rows(job.swapped ? job.outputs : job.rows),
        columns(job.swapped ? job.rows : job.outputs),
        vectors((columns + W - 1) / W),
        inner(job.inner),
        passing(static_cast<const real *>(job.swapped ? job.w : job.x)),
        packed(static_cast<const real *>(job.swapped ? job.x : job.w)),
        bias(static_cast<const real *>(job.b)),
        panels(static_cast<real *>(job.scratch)),
        y(static_cast<real *>(job.y)),
        swapped(job.swapped) {}

  void start(Tile &tile, int count, int64_t row, int units, int64_t v) const {
    for (int r = 0; r < count; ++r)
      for (int u = 0; u < units; ++u) {
        const int64_t column = (v + u) * W;
        if (!bias) tile.at[r][u] = splat(0);
        else tile.at[r][u] = swapped ? splat(bias[row + r]) : load_units(bias + column, columns - column);
      }
  }

  void finish(const Tile &tile, int count, int64_t row, int units, int64_t v) const {
    for (int r = 0; r < count; ++r)
      for (int u = 0; u < units; ++u) {
        const int64_t column = (v + u) * W;
        if (!swapped) {
          store_units(y + (row + r) * columns + column, tile.at[r][u], columns - column);
          continue;
        }
        for (int lane = 0; lane < W && column + lane < columns; ++lane)
          y[(column + lane) * rows + row + r] = tile.at[r][u][lane];
      }
  }

  void block(int64_t begin, int64_t count) const {
    const Inner chain = {1, inner, 0, 1};
    for_panels(kTileVectors, 0, vectors, [&](int units, int64_t v) {
      for_tiles(count, [&](int height, int64_t first) {
        Tile tile;
        const real *a[kTileRows];
        for (int r = 0; r < height; ++r) a[r] = passing + (begin + first + r) * inner;
        start(tile, height, begin + first, units, v);
        multiply(tile, 0, height, units, a, chain, panels + v * W * inner);
        finish(tile, height, begin + first, units, v);
      });
    });
  }
};

// A single output: a vector of it would be one number and zeros, so eight rows go side by side.
SEQUELA_INLINE void single_output(const LinearPlan &plan, Range own) {
  constexpr int kRows = 8;
  const real *w = plan.packed;
  for (int64_t row = own.begin; row < own.end; row += kRows) {
    const int64_t count = own.end - row < kRows ? own.end - row : kRows;
    const real *x[kRows];
    real sum[kRows];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      x[r] = plan.passing + (row + (r < count ? r : 0)) * plan.inner;
      sum[r] = plan.bias ? plan.bias[0] : 0;
    }
    for (int64_t k = 0; k < plan.inner; ++k)
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) sum[r] = fma(x[r][k], w[k], sum[r]);
    for (int r = 0; r < count; ++r) plan.y[row + r] = sum[r];
  }
}

int64_t linear_scratch(const LinearJob *job) {
  const LinearPlan plan(*job);
  return plan.vectors * W * plan.inner * (int64_t)sizeof(real);
}

void linear(const LinearJob *job, int32_t thread) {
  const LinearPlan plan(*job);
  if (plan.columns == 1 && !plan.swapped)
    return single_output(plan, share(plan.rows, thread, job->threads));
  const int gate = 0;
  int64_t turn = 0;
  for_panels(kTileVectors, 0, plan.vectors, [&](int units, int64_t v) {
    if (turn++ % job->threads == thread)
      pack_gates(plan.panels + v * W * plan.inner, plan.packed, plan.inner, plan.columns, &gate, 1,
                 units, v);
  });
  sequela_team_wait(job->team);
  const Range own = share(plan.rows, thread, job->threads);
  const int64_t fitting = kBlockBytes / ((plan.inner + 1) * (int64_t)sizeof(real));
  const int64_t height = fitting > kTileRows ? fitting / kTileRows * kTileRows : kTileRows;
  for (int64_t row = own.begin; row < own.end; row += height)
    plan.block(row, own.end - row < height ? own.end - row : height);
}

}  // namespace

#endif
