/* From states to a score: products, sums over a row's steps, softmax.
 *
 * Each result depends on its own row and the weights alone, to the last bit: not on the other rows,
 * their number or order, the threads, AVX2 or AVX-512. torch's kernels do not promise that.
 *
 * Letters: N rows of the input (steps, or rows of a batch), B rows of the result, D input, O output,
 * F features. Arrays as in recurrent.h. Threads: any number of calls at once; a call works on at
 * most `threads` threads (below 1 counts as 1), fewer where the work is small, and alone when
 * another call has them. No output overlaps another array.
 */
#ifndef SEQUELA_SCORE_H
#define SEQUELA_SCORE_H

#include "sequela/recurrent.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y[n][o] = b[o] + sum over d of x[n][d] * w[o][d], as torch's Linear.
 *
 *   x [N, D]   w [O, D]   b [O], or null for zeros   y [N, O]
 *
 * Error: one chain of multiply-adds in the order bias, then d ascending: at most D + 1 roundings. */
SEQUELA_API int32_t sequela_linear(int32_t precision, int32_t threads, int64_t N, int64_t D,
                                   int64_t O, const void *x, const void *w, const void *b, void *y);

enum sequela_pooling { SEQUELA_SUM = 0, SEQUELA_MAX = 1 };

/* Steps brought together by row.
 *
 *   sum   y[r] = sum over the steps n with rows[n] = r of weights[n] * x[n]
 *   max   y[r] = the greatest of x[n] over the same steps, element by element
 *
 * A row without steps gives zeros; a NaN gives NaN in its own row alone. */
struct sequela_pool_call {
  int32_t pooling, precision, threads;
  int64_t N, B, F;        /* steps, rows of the result, features */
  const int64_t *rows;    /* [N], each in [0, B) */
  const void *weights;    /* [N], or null for ones; no weights with max */
  const void *x;          /* [N, F] */
};

/* y [B, F]. Error: one chain of multiply-adds (without weights: of additions) that begins at zero,
 * n ascending; max is exact. */
SEQUELA_API int32_t sequela_pool(const struct sequela_pool_call *pool, void *y);

/* Rows of a table summed by bag, and few numbers of each bag times rows of their own.
 *
 *   y[n] = sum of table[places[m]] for m from offsets[n] to the next bag's offset (M for the last)
 *        + sum over k of values[n][k] * rows[k] */
struct sequela_bag_call {
  int32_t precision, threads;
  int64_t N, M, F, V;     /* bags, places of all bags, features, rows of the table */
  const int64_t *offsets; /* [N], from 0, not falling, at most M */
  const int64_t *places;  /* [M], each in [0, V) */
  const void *table;      /* [V, F] */
  int64_t K;              /* numbers of each bag, often none */
  const void *values;     /* [N, K] */
  const void *rows;       /* [K, F] */
};

/* y [N, F]; a bag without places gives zeros. Error: one chain of additions that begins at zero, in
 * the order of the places, and of multiply-adds, k ascending. */
SEQUELA_API int32_t sequela_bag(const struct sequela_bag_call *bag, void *y);

/* dtable [V, F], the gradient of the table, from dy [N, F]:
 *
 *   dtable[v] = sum of dy[n] for each m in bag n with places[m] = v
 *
 * The table, K and what belongs to it are not looked at. Error: one chain of additions that begins
 * at zero, m ascending, whatever the threads. */
SEQUELA_API int32_t sequela_bag_gradient(const struct sequela_bag_call *bag, const void *dy,
                                         void *dtable);

/* y[n] = exp(x[n]) / sum of exp(x) over the steps with the same row; with `logarithm`, its
 * logarithm x[n] - log(sum). The greatest of the row is taken off first, so that nothing overflows.
 *
 *   rows [N], each in [0, B), or null: then row r has the N / B values from r * (N / B) on
 *   x, y [N]; y may be x
 *
 * Error: exp within 2 ulp, log that of the system's library, the sum one chain of additions. */
SEQUELA_API int32_t sequela_softmax(int32_t precision, int32_t logarithm, int64_t N, int64_t B,
                                    const int64_t *rows, const void *x, void *y);

#ifdef __cplusplus
}
#endif

#endif
