// Rows times weights: one side is packed into panels, the rows of the other pass by in tiles.
//
// Swapped, it is the rows that are packed. Own: a side of few vectors passes each panel once, so a
// thread packs one at a time for itself, small enough for a near cache, and nobody waits. A product
// is the same either way, and so is the order of the sums.
#ifndef SEQUELA_LINEAR_H
#define SEQUELA_LINEAR_H

#include "job.h"
#include "matmul.h"
#include "walk.h"

namespace {

// What a block of passing rows may take of the second-level cache.
constexpr int64_t kBlockBytes = 1 << 18;

struct LinearPlan {
  bool swapped;
  int64_t rows, columns, vectors, inner;
  const real *passing, *packed, *bias;
  real *panels, *y;

  explicit LinearPlan(const LinearJob &job)
      : swapped(job.swapped),
        rows(swapped ? job.outputs : job.rows),
        columns(swapped ? job.rows : job.outputs),
        vectors((columns + W - 1) / W),
        inner(job.inner),
        passing(static_cast<const real *>(swapped ? job.w : job.x)),
        packed(static_cast<const real *>(swapped ? job.x : job.w)),
        bias(static_cast<const real *>(job.b)),
        panels(static_cast<real *>(job.scratch)),
        y(static_cast<real *>(job.y)) {}

  void start(Tile &tile, int count, int64_t row, int units, int64_t v) const {
    for (int r = 0; r < count; ++r)
      for (int u = 0; u < units; ++u) {
        const int64_t column = (v + u) * W;
        if (!bias) tile.at[r][u] = splat(0);
        else if (swapped) tile.at[r][u] = splat(bias[row + r]);
        else tile.at[r][u] = load_units(bias + column, columns - column);
      }
  }

  void finish(const Tile &tile, int count, int64_t row, int units, int64_t v) const {
    for (int r = 0; r < count; ++r)
      for (int u = 0; u < units; ++u) {
        const int64_t column = (v + u) * W;
        if (!swapped || rows == 1) {
          store_units(y + (row + r) * columns + column, tile.at[r][u], columns - column);
          continue;
        }
        for (int lane = 0; lane < W && column + lane < columns; ++lane)
          y[(column + lane) * rows + row + r] = tile.at[r][u][lane];
      }
  }

  void pack(real *panel, int units, int64_t v) const {
    const int gate = 0;
    pack_gates(panel, packed, inner, columns, &gate, 1, units, v);
  }

  // Rows [begin, begin + count) past one panel.
  void pass(int64_t begin, int64_t count, const real *panel, int units, int64_t v) const {
    const Inner chain = {1, inner, 0, 1};
    for_tiles(count, [&](int height, int64_t first) {
      Tile tile;
      const real *a[kTileRows];
      for (int r = 0; r < height; ++r) a[r] = passing + (begin + first + r) * inner;
      start(tile, height, begin + first, units, v);
      multiply(tile, 0, height, units, a, chain, panel);
      finish(tile, height, begin + first, units, v);
    });
  }
};

// Bytes for all threads, or for each of them.
int64_t linear_scratch(const LinearJob *job) {
  const LinearPlan plan(*job);
  const int64_t vectors = job->own ? (int64_t)kTileVectors : plan.vectors;
  return vectors * W * plan.inner * (int64_t)sizeof(real);
}

void linear(const LinearJob *job, int32_t thread) {
  const LinearPlan plan(*job);
  if (job->own) {
    real *panel = plan.panels + thread * kTileVectors * W * plan.inner;
    const Range own = share(plan.vectors, thread, job->threads);
    return for_panels(kTileVectors, own.begin, own.end, [&](int units, int64_t v) {
      plan.pack(panel, units, v);
      plan.pass(0, plan.rows, panel, units, v);
    });
  }
  int64_t turn = 0;
  for_panels(kTileVectors, 0, plan.vectors, [&](int units, int64_t v) {
    if (turn++ % job->threads == thread) plan.pack(plan.panels + v * W * plan.inner, units, v);
  });
  sequela_team_wait(job->team);
  const Range own = share(plan.rows, thread, job->threads);
  const int64_t fitting = kBlockBytes / ((plan.inner + 1) * (int64_t)sizeof(real));
  const int64_t height = fitting > kTileRows ? fitting / kTileRows * kTileRows : kTileRows;
  for (int64_t row = own.begin; row < own.end; row += height)
    for_panels(kTileVectors, 0, plan.vectors, [&](int units, int64_t v) {
      plan.pass(row, own.end - row < height ? own.end - row : height,
                plan.panels + v * W * plan.inner, units, v);
    });
}

}  // namespace

#endif
