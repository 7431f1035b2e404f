// What the dispatcher hands to a kernel: one checked call, its scratch memory and its team.
//
// Read by every unit, compiled for whatever instruction set: data only, no functions.
#ifndef SEQUELA_JOB_H
#define SEQUELA_JOB_H

#include <stdint.h>

struct Kernels;

struct Job {
  int32_t cell, reverse, threads, split_units;
  int32_t optioned;                                  // whether any of the options below is there
  int32_t given;                                     // x is w_ih x already: there is no w_ih
  int64_t rows, steps, batch, input, hidden;         // N T B D H
  int64_t projected;                                 // P
  int64_t samples;                                   // 1, or the gradients of how many are apart
  const int64_t *sizes, *offsets, *lengths;          // [T], [T + 1] prefix sums, [B]
  const int64_t *row_begin;                          // [threads + 1] rows of each thread
  const void *x, *h0, *c0, *w_ih, *w_hh, *b_ih, *b_hh;
  void *packed;  // the weights of a step, packed before; null: packed in scratch
  const void *w_hr, *w_peephole, *norm_ih, *norm_hh, *norm_c, *norm_c_bias, *mask;
  const void *keep_h, *keep_c;
  double zoneout_h, zoneout_c;
  void *out, *h_n, *c_n, *saved;
  int64_t out_stride;  // numbers from one row of out to the next: P, or more without gradients
  const void *dout, *dh_n, *dc_n;
  void *dx, *dw_ih, *dw_hh, *db_ih, *db_hh, *dh0, *dc0;
  void *dw_hr, *dw_peephole, *dnorm_ih, *dnorm_hh, *dnorm_c, *dnorm_c_bias;
  void *all_c, *all_gates[4];
  const void *dall_c, *dall_gates[4];
  void *scratch;
  void *team;
};

// Products and reductions on the way to a score; `threads`, `scratch` and `team` as in a Job.
struct LinearJob {
  const Kernels *kernels;
  int32_t threads;
  bool swapped, own;  // see linear.h
  int64_t rows, inner, outputs;
  const void *x, *w, *b;
  void *y, *scratch, *team;
};

struct PoolJob {
  const Kernels *kernels;
  int32_t threads, pooling;
  int64_t steps, batch, features;
  const int64_t *rows;
  const void *weights, *x;
  void *y, *scratch, *team;
};

struct BagJob {
  const Kernels *kernels;
  int32_t threads;
  int64_t bags, count, features, places_most;  // N M F V
  int64_t extra;                               // K
  const int64_t *offsets, *places;
  const void *table, *values, *rows;
  void *y, *scratch, *team;
};

struct SoftmaxJob {
  int32_t logarithm;
  int64_t count, batch;
  const int64_t *rows;
  const void *x;
  void *y, *scratch;
};

// Random masks to be drawn; see sequela_masks.
struct Draw {
  int32_t threads;
  uint32_t stream;
  uint64_t seed, threshold;
  double below, above;
  int64_t count, width;
  const int64_t *rows, *steps;
  void *to;
};

// One table per instruction set and precision.
struct Kernels {
  int64_t (*saved_bytes)(const Job *);
  int64_t (*scratch_bytes)(const Job *, int32_t backward);
  int64_t (*packed_bytes)(const Job *);
  void (*pack)(const Job *);  // into job->packed
  void (*forward)(const Job *, int32_t thread);
  void (*backward)(const Job *, int32_t thread);
  void (*elementwise)(int32_t function, int64_t count, const void *x, void *y);
  int64_t (*linear_scratch)(const LinearJob *);
  void (*linear)(const LinearJob *, int32_t thread);
  void (*pool)(const PoolJob *, int32_t thread);
  void (*bag)(const BagJob *, int32_t thread);
  void (*bag_gradient)(const BagJob *, int32_t thread);
  void (*softmax)(const SoftmaxJob *);
  void (*draw)(const Draw *, int32_t thread);
};

// The forward pass in bfloat16, where the processor has dot products of it.
struct BfloatKernels {
  int64_t (*scratch_bytes)(const Job *);
  void (*forward)(const Job *, int32_t thread);
};

// Every member of the team must arrive before any goes on.
extern "C" void sequela_team_wait(void *team);

#endif
