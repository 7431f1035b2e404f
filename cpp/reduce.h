// Sums, maxima and softmax over the steps of each row, which may lie anywhere in the input.
//
// The steps are walked in the order in which they lie, so that each row sees its own in that order,
// whatever stands between them. Threads share the features, never the steps.
#ifndef SEQUELA_REDUCE_H
#define SEQUELA_REDUCE_H

#include "job.h"
#include "math.h"
#include "matmul.h"
#include "walk.h"

namespace {

SEQUELA_INLINE vec greater(vec a, vec b) { return (b > a) | (b != b) ? b : a; }

// Features [v * W, (v + 1) * W) of one step into its row.
template <bool MAX>
SEQUELA_INLINE void add_step(real *to, const real *x, int64_t count, bool first, bool weighted,
                             vec weight) {
  const vec value = load_units(x, count), old = load_units(to, count);
  vec result;
  if constexpr (MAX)
    result = first ? value : greater(old, value);
  else
    result = weighted ? fma(weight, value, old) : old + value;
  store_units(to, result, count);
}

template <bool MAX>
void pool_as(const PoolJob &job, Range own, char *seen) {
  const real *x = static_cast<const real *>(job.x);
  const real *weights = static_cast<const real *>(job.weights);
  real *y = static_cast<real *>(job.y);
  const int64_t width = job.features, begin = own.begin * W;
  const int64_t end = own.end * W < width ? own.end * W : width;
  for (int64_t b = 0; b < job.batch; ++b) {
    seen[b] = 0;
    for (int64_t i = begin; i < end; ++i) y[b * width + i] = 0;
  }
  for (int64_t n = 0; n < job.steps; ++n) {
    const int64_t row = job.rows[n];
    const real *from = x + n * width;
    const vec weight = splat(weights ? weights[n] : 1);
    for (int64_t i = begin; i < end; i += W)
      add_step<MAX>(y + row * width + i, from + i, end - i, !seen[row], weights, weight);
    seen[row] = 1;
  }
}

void pool(const PoolJob *job, int32_t thread) {
  const Range own = share((job->features + W - 1) / W, thread, job->threads);
  char *seen = static_cast<char *>(job->scratch) + thread * job->batch;
  if (job->pooling)
    pool_as<true>(*job, own, seen);
  else
    pool_as<false>(*job, own, seen);
}

// Places whose row of the table is brought nearer while others are summed.
constexpr int64_t kAhead = 16;

// Up to four vectors of features of one bag, summed in registers; WHOLE: none reaches over the end.
template <int V, bool WHOLE>
SEQUELA_INLINE void sum_bag(const BagJob &job, int64_t begin, int64_t end, int64_t feature,
                            int64_t n) {
  const real *table = static_cast<const real *>(job.table) + feature;
  const real *rows = static_cast<const real *>(job.rows) + feature;
  const real *values = static_cast<const real *>(job.values) + n * job.extra;
  real *to = static_cast<real *>(job.y) + n * job.features + feature;
  const int64_t *places = job.places;
  const int64_t width = job.features, count = width - feature, last = job.count - 1;
  vec sum[V];
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) sum[v] = splat(0);
  for (int64_t m = begin; m < end; ++m) {
    const real *from = table + places[m] * width;
    const real *later = table + places[m + kAhead < last ? m + kAhead : last] * width;
    for (int64_t i = 0; i < V * W; i += kLine) __builtin_prefetch(later + i, 0, 3);
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v)
      sum[v] = sum[v] + (WHOLE ? load(from + v * W) : load_units(from + v * W, count - v * W));
  }
  for (int64_t k = 0; k < job.extra; ++k, rows += width) {
    const vec value = splat(values[k]);
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v)
      sum[v] = fma(value,
                   WHOLE ? load(rows + v * W) : load_units(rows + v * W, count - v * W), sum[v]);
  }
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v)
    if (WHOLE) store(to + v * W, sum[v]);
    else store_units(to + v * W, sum[v], count - v * W);
}

template <int V>
SEQUELA_INLINE void sum_panel(const BagJob &job, int64_t begin, int64_t end, int64_t feature,
                              int64_t n) {
  if (feature + V * W <= job.features) sum_bag<V, true>(job, begin, end, feature, n);
  else sum_bag<V, false>(job, begin, end, feature, n);
}

void bag(const BagJob *job, int32_t thread) {
  const Range own = share(job->bags, thread, job->threads);
  const int64_t vectors = (job->features + W - 1) / W;
  for (int64_t n = own.begin; n < own.end; ++n) {
    const int64_t begin = job->offsets[n];
    const int64_t end = n + 1 < job->bags ? job->offsets[n + 1] : job->count;
    for_panels(4, 0, vectors, [&](int units, int64_t v) {
      if (units == 4) sum_panel<4>(*job, begin, end, v * W, n);
      else if (units == 2) sum_panel<2>(*job, begin, end, v * W, n);
      else sum_panel<1>(*job, begin, end, v * W, n);
    });
  }
}

// What reached the bags, added to the rows of their places; threads share the features.
void bag_gradient(const BagJob *job, int32_t thread) {
  const Range own = share((job->features + W - 1) / W, thread, job->threads);
  const int64_t width = job->features, begin = own.begin * W;
  const int64_t end = own.end * W < width ? own.end * W : width;
  const real *from = static_cast<const real *>(job->values);
  real *to = static_cast<real *>(job->y);
  for (int64_t v = 0; v < job->places_most; ++v)
    for (int64_t i = begin; i < end; ++i) to[v * width + i] = 0;
  for (int64_t n = 0; n < job->bags; ++n, from += width) {
    const int64_t last = n + 1 < job->bags ? job->offsets[n + 1] : job->count;
    for (int64_t m = job->offsets[n]; m < last; ++m) {
      real *sum = to + job->places[m] * width;
      for (int64_t i = begin; i < end; i += W)
        store_units(sum + i, load_units(sum + i, end - i) + load_units(from + i, end - i), end - i);
    }
  }
}

void softmax(const SoftmaxJob *job) {
  const real *x = static_cast<const real *>(job->x);
  real *y = static_cast<real *>(job->y), *peak = static_cast<real *>(job->scratch);
  real *sum = peak + job->batch;
  const int64_t count = job->count, each = job->batch ? count / job->batch : 0;
  for (int64_t b = 0; b < job->batch; ++b) peak[b] = -__builtin_inff(), sum[b] = 0;
  const auto walk = [&](auto f) {
    if (job->rows)
      for (int64_t n = 0; n < count; ++n) f(job->rows[n], n);
    else
      for (int64_t b = 0, n = 0; b < job->batch; ++b)
        for (int64_t i = 0; i < each; ++i, ++n) f(b, n);
  };
  walk([&](int64_t b, int64_t n) { peak[b] = x[n] > peak[b] || x[n] != x[n] ? x[n] : peak[b]; });
  walk([&](int64_t b, int64_t n) { y[n] = x[n] - peak[b]; });
  for (int64_t n = 0; n < count && !job->logarithm; n += W)
    store_units(y + n, vexp(load_units(y + n, count - n)), count - n);
  if (!job->logarithm) {
    walk([&](int64_t b, int64_t n) { sum[b] += y[n]; });
    walk([&](int64_t b, int64_t n) { y[n] /= sum[b]; });
    return;
  }
  real powers[W];
  int64_t done = 0;  // powers of y[done - W] to y[done - 1] are at hand
  walk([&](int64_t b, int64_t n) {
    if (n == done) {
      store(powers, vexp(load_units(y + n, count - n)));
      done += W;
    }
    sum[b] += powers[n % W];
  });
  for (int64_t b = 0; b < job->batch; ++b) sum[b] = (real)__builtin_log((double)sum[b]);
  walk([&](int64_t b, int64_t n) { y[n] -= sum[b]; });
}

}  // namespace

#endif
