// The one time loop's vocabulary: which rows are active, who their neighbours in time are, and
// where everything of a call lies in memory.
//
// Rows are sorted, longest first, so that the rows of a step are the first `sizes[t]`. In reverse
// each row starts at its own end.
#ifndef SEQUELA_WALK_H
#define SEQUELA_WALK_H

#include "job.h"
#include "vec.h"

namespace {

struct Range {
  int64_t begin, end;
};

struct Walk {
  const Job &job;
  explicit Walk(const Job &job) : job(job) {}

  int64_t time(int64_t step) const { return job.reverse ? job.steps - 1 - step : step; }

  // Rows of `range` that have step t.
  int64_t active(Range range, int64_t t) const {
    const int64_t end = job.sizes[t] < range.end ? job.sizes[t] : range.end;
    return end > range.begin ? end - range.begin : 0;
  }

  // The packed row that row b computed just before (or after) step t, -1 where there is none.
  int64_t before(int64_t t, int64_t b) const { return at(job.reverse ? t + 1 : t - 1, b); }
  int64_t after(int64_t t, int64_t b) const { return at(job.reverse ? t - 1 : t + 1, b); }

  // The packed rows that row b computes first and last, -1 for an empty row.
  int64_t first(int64_t b) const { return at(job.reverse ? job.lengths[b] - 1 : 0, b); }
  int64_t last(int64_t b) const { return at(job.reverse ? 0 : job.lengths[b] - 1, b); }

 private:
  int64_t at(int64_t t, int64_t b) const {
    return t >= 0 && t < job.steps && b < job.sizes[t] ? job.offsets[t] + b : -1;
  }
};

// Hands out aligned pieces of one block; with a null base it only measures.
struct Arena {
  char *base;
  int64_t used;
  explicit Arena(void *base, int64_t used = 0) : base(static_cast<char *>(base)), used(used) {}

  template <class T>
  T *take(int64_t count) {
    T *piece = base ? reinterpret_cast<T *>(base + used) : nullptr;
    used += (count * (int64_t)sizeof(T) + 63) / 64 * 64;
    return piece;
  }
};

SEQUELA_INLINE Range share(int64_t count, int64_t part, int64_t parts) {
  return {count * part / parts, count * (part + 1) / parts};
}

SEQUELA_INLINE Range rows_of(const Job &job, int32_t thread) {
  if (job.split_units) return {0, job.batch};
  return {job.row_begin[thread], job.row_begin[thread + 1]};
}

SEQUELA_INLINE Range vectors_of(const Job &job, int32_t thread) {
  const int64_t vectors = (job.hidden + kLine - 1) / kLine * (kLine / W);
  return job.split_units ? share(vectors, thread, job.threads) : Range{0, vectors};
}

// Gates (or their gradients) of all rows, [row][line of units][slot][kLine], one line between rows
// against rows that share a set of the cache; then, where the cell has one, a second part of its
// state, [row][padded].
struct Saved {
  int64_t lines, padded, vectors, stride;
  int64_t wide;  // h of one row, padded: as `padded` unless there is a projection
  Saved(const Job &job, int slots)
      : lines((job.hidden + kLine - 1) / kLine),
        padded(lines * kLine),
        vectors(padded / W),
        stride(padded * slots + kLine),
        wide((job.projected + kLine - 1) / kLine * kLine) {}
};

}  // namespace

#endif
