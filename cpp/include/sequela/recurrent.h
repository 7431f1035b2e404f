/* The C interface of the native library: the recurrent layers. score.h beside it holds the rest.
 *
 * Plain C: pointers and sizes in, a status out, no exceptions, no ownership passed. The library knows
 * neither Python nor torch. Each function states its shapes, aliasing, threads and error bound.
 *
 * Letters: T steps, B rows (sequences), N packed rows of all steps, D input, H hidden, P the width
 * of h (H, or the projection's), G gates (RNN 1, GRU 3, LSTM 4). All arrays are dense, row-major, of the call's precision, and aligned to
 * their element; larger alignment is not needed.
 */
#ifndef SEQUELA_RECURRENT_H
#define SEQUELA_RECURRENT_H

#include <stdint.h>

#if defined(_WIN32)
#define SEQUELA_API __declspec(dllexport)
#else
#define SEQUELA_API __attribute__((visibility("default")))
#endif

/* Raised by one with every change that an older caller cannot live with. */
#define SEQUELA_INTERFACE_VERSION 10

#ifdef __cplusplus
extern "C" {
#endif

enum sequela_status {
  SEQUELA_OK = 0,
  SEQUELA_BAD_CELL = 1,        /* cell or precision is none of those below */
  SEQUELA_BAD_SIZE = 2,        /* a size is negative, or a product of sizes does not fit in memory */
  SEQUELA_BAD_BATCH_SIZES = 3, /* increasing, negative, above B, or not summing to N */
  SEQUELA_MISSING = 4,         /* an array that the call needs is null */
  SEQUELA_NO_MEMORY = 5,       /* scratch memory could not be had */
  SEQUELA_STALE = 6,           /* the weights are not those that were packed */
  SEQUELA_BAD_ROW = 7,         /* the number of a row lies outside the array it leads to */
  SEQUELA_BAD_OPTION = 8       /* an option that the cell does not have, or P without w_hr */
};

enum sequela_cell {
  SEQUELA_RNN_TANH = 0,
  SEQUELA_RNN_RELU = 1,
  SEQUELA_LSTM = 2,       /* gates i f g o */
  SEQUELA_GRU_AFTER = 3,  /* gates r z n, reset after the product: torch's form */
  SEQUELA_GRU_BEFORE = 4  /* gates r z n, reset before the product: the textbook form */
};

enum sequela_precision { SEQUELA_FLOAT32 = 0, SEQUELA_FLOAT64 = 1 };

/* One layer in one direction. Read only during a call; the same for forward and backward.
 *
 * Rows are sorted, longest first, and lie time-major: x holds step 0 of every row that has one, then
 * step 1, and so on (torch's PackedSequence). B may exceed batch_sizes[0]: those rows are empty and
 * keep their initial state. In reverse each row is walked from its own last step to its first. */
struct sequela_layer {
  int32_t cell, precision;
  int32_t reverse; /* 0 or 1 */
  int32_t threads; /* at most this many; below 1 counts as 1; 64 at most */
  int64_t N, T, B, D, H;
  const int64_t *batch_sizes; /* [T], not increasing, each at most B, summing to N */
  const void *x;              /* [N, D] */
  const void *h0, *c0;        /* [B, P] and [B, H], or null for zeros; c0: the LSTM alone */
  const void *w_ih, *w_hh;    /* [G*H, D], [G*H, P], torch's gate order; w_ih null with D = G*H: x
                                 is w_ih x already (without options, and not for packed steps) */
  const void *b_ih, *b_hh;    /* [G*H], or null for none */

  /* Options; null, and zero for a number, where the call has none. With any of them units are never
   * split over threads. The equations are those of src/sequela/cells. */
  int64_t P;                  /* the width of h: H unless w_hr is given */
  const void *w_hr;           /* [P, H], the LSTM's projection of h */
  const void *w_peephole;     /* [3, H], the LSTM's, from c to i, f and o */
  const void *norm_ih, *norm_hh;      /* [G*H]: gains; w x and w h are then normalised over their
                                         width (w h of the reset-before GRU over r and z, and n) */
  const void *norm_c, *norm_c_bias;   /* [H]: gain and shift of the LSTM's c where h reads it */
  const void *mask;           /* [B, P]: scales h inside the recurrent product only */
  const void *keep_h, *keep_c;        /* [N, P], [N, H]: 1 keeps the state before (zoneout) */
  double zoneout_h, zoneout_c;        /* a probability in place of drawn masks: the expectation */
  int32_t everything;         /* 1: every state and gate is handed out, and may have a gradient */
};

/* Every state and gate after each step. `gates` in torch's order, G of them (RNN: none). Any pointer
 * may be null. */
struct sequela_everything {
  void *c;        /* [N, H], LSTM */
  void *gates[4]; /* [N, H] each, after their function */
};

/* The interface version the library was built with. A loader refuses any but its own.
 * Threads: any number at once. Never fails. */
SEQUELA_API int32_t sequela_interface_version(void);

/* The OpenMP runtime that the program computes with, by the addresses of four of its functions. */
struct sequela_openmp {
  void (*parallel)(void (*member)(void *), void *context, unsigned threads,
                   unsigned flags); /* GOMP_parallel */
  int (*thread_number)(void);       /* omp_get_thread_num */
  int (*team_size)(void);           /* omp_get_num_threads */
  int (*most_threads)(void);        /* omp_get_max_threads */
};

/* Calls of the program's main thread that want as many threads as that runtime has then run on its
 * team and not on the library's own threads; null ends it. After a fork the child has its own threads.
 * The addresses must stay valid. Threads: no other call at the same time. Never fails. */
SEQUELA_API void sequela_share_threads(const struct sequela_openmp *openmp);

/* The instruction set in use: "avx512", "avx2", "neon" or "baseline". Chosen at the first call of
 * the library; the environment variable SEQUELA_ISA forces one that the processor has, and any other
 * value is ignored. Threads: any number at once. */
SEQUELA_API const char *sequela_instruction_set(void);

/* The bytes that training keeps between forward and backward, 0 for none, a negated status on error.
 * Reads the cell, precision, sizes and options; arrays are only compared with null. */
SEQUELA_API int64_t sequela_saved_bytes(const struct sequela_layer *layer);

/* All steps.
 *
 *   out    [N, P]   h after each step, in the order of x whatever the direction
 *   h_n    [B, P]   the state after each row's last processed step; may be null
 *   c_n    [B, H]   the same for the LSTM's c; may be null, ignored by other cells
 *   all             states and gates where layer->everything, else null
 *   saved  [sequela_saved_bytes]   what the backward pass needs, or null; aligned to 64 bytes
 *
 * Aliasing: no output overlaps another array. Threads: any number of calls at once; a call works on
 * layer->threads threads, and alone when another call has them.
 * Options: a row's mean and variance are summed in one order too, over the units of a line of 64
 * bytes, then over the lanes.
 * Error: each sum is two chains of multiply-adds, one of bias and x, one of h, added to the first. A
 * row's bits depend on nothing but the row and the weights: not on B, the other rows, the threads, AVX2
 * or AVX-512.
 * exp, sigmoid and tanh are within 2 ulp. */
SEQUELA_API int32_t sequela_forward(const struct sequela_layer *layer, void *out, void *h_n,
                                    void *c_n, void *saved,
                                    const struct sequela_everything *all);

/* Layers upon each other, each in one direction or in two, without gradients and as one call.
 *
 *   passes   [layers * directions], in the order of torch's h_n (the directions of the first layer,
 *            those of the second ...): cell, precision, reverse, D, H, P, weights and rates of zoneout
 *            are read. All have the same cell, precision, H and P; a deeper layer reads both
 *            directions of the one below, side by side: its D is directions * P
 *   N, T, B, threads, x   as in a layer; x is the first layer's
 *   batch_sizes           as there, or null: every step has B rows
 *   h0, c0                [passes, B, P] and [passes, B, H], or null for zeros
 *   out                   [N, directions * P]   of the last layer, the directions side by side
 *   h_n, c_n              [passes, B, P] and [passes, B, H], or null
 *
 * The bits are those of sequela_forward for one pass after the other; aliasing, threads and error as
 * there. SEQUELA_BAD_OPTION where a pass has drawn masks or hands out everything. */
SEQUELA_API int32_t sequela_forward_stack(const struct sequela_layer *passes, int32_t layers,
                                          int32_t directions, int32_t threads, int64_t N, int64_t T,
                                          int64_t B, const int64_t *batch_sizes, const void *x,
                                          const void *h0, const void *c0, void *out, void *h_n,
                                          void *c_n);

/* Gradients of a scalar loss. Any pointer below may be null: a null input counts as zeros, a null
 * output is not computed. */
struct sequela_gradients {
  const void *dout;       /* [N, P] */
  const void *dh_n;       /* [B, P] */
  const void *dc_n;       /* [B, H], LSTM */
  void *dx;               /* [N, D] */
  void *dw_ih, *dw_hh;    /* [G*H, D], [G*H, P]; dw_ih is not looked at where w_ih is null */
  void *db_ih, *db_hh;    /* [G*H] */
  void *dh0, *dc0;        /* [B, P], [B, H] */

  /* Read and written only where the layer has the option. */
  const void *dall_c, *dall_gates[4]; /* [N, H]: of what `everything` handed out */
  void *dw_hr, *dw_peephole;          /* [P, H], [3, H] */
  void *dnorm_ih, *dnorm_hh;          /* [G*H] */
  void *dnorm_c, *dnorm_c_bias;       /* [H] */

  /* S above 1: the gradient of every weight has S parts, [S, ...], one for each sample. Row b belongs
   * to sample b % S, so B and each batch size must be multiples of S. 0 and 1: one sum of all rows. A
   * part has the bits of a call with the sample's rows alone; scratch memory does not grow with S. */
  int64_t samples;
};

/* Back-propagation through time. `out` is what the forward pass returned, `saved` what it kept;
 * `saved` is DESTROYED (the gates' gradients take the place of the gates), so a second backward pass
 * over the same forward pass needs a copy. Aliasing, threads: as sequela_forward. The bits do not
 * depend on the threads. Error: one chain of multiply-adds per element, over time first, then over
 * the packed rows in their order; gains and peepholes over the steps of a row, then over the rows. */
SEQUELA_API int32_t sequela_backward(const struct sequela_layer *layer, const void *out, void *saved,
                                     const struct sequela_gradients *gradients);

/* bfloat16 -------------------------------------------------------------------------------------- */

/* 1 where this processor multiplies pairs of bfloat16 and the library's instruction set is the one
 * that can, 0 elsewhere. Never fails. */
SEQUELA_API int32_t sequela_has_bfloat16(void);

/* All steps without gradients, every array of the layer and of the results in bfloat16 (its
 * precision is not read). As sequela_forward otherwise, aliasing and threads included.
 * Error: sums, gates, c and h are float32 within the call; h is rounded to bfloat16 for the next
 * product and the output, which lies within 3e-3 of float32's (norm of the difference by the norm,
 * where roundings average; a single number is rounded by up to 2^-9 of itself at each step).
 * Subnormal numbers count as zero. Each sum is one chain of dot products of pairs in the order bias,
 * x, h: a row's bits depend on nothing but the row and the weights, but there is one instruction set.
 * SEQUELA_BAD_CELL where sequela_has_bfloat16 is 0, SEQUELA_BAD_OPTION with any option. */
SEQUELA_API int32_t sequela_forward_bfloat16(const struct sequela_layer *layer, void *out, void *h_n,
                                             void *c_n);

/* Single steps ---------------------------------------------------------------------------------
 *
 * Most of a short call is the packing of the weights. Here it is done once: the caller asks for the
 * bytes, owns the memory and frees it when no step uses it any more. */

/* The bytes of a layer's packed weights, a negated status on error. Reads the cell, precision, D and
 * H only. */
SEQUELA_API int64_t sequela_packed_bytes(const struct sequela_layer *layer);

/* Packs the weights. Reads the cell, precision, D, H and weights only.
 *
 *   packed [sequela_packed_bytes]   aligned to 64 bytes; good within this process, for any B
 *
 * Threads: any number of calls at once, one for each `packed`; the caller alone works. */
SEQUELA_API int32_t sequela_pack(const struct sequela_layer *layer, void *packed);

/* One step of B rows; the bits are those of sequela_forward.
 *
 *   layer   as it was packed, without options: cell, precision, threads, D, H and weights are read
 *   packed  from sequela_pack; read only
 *   x       [B, D]
 *   h0, c0  [B, H], or null for zeros; c0 is read by the LSTM alone
 *   out     [B, H]   h after the step
 *   h_n     [B, H]   a copy of it, or null
 *   c_n     [B, H]   c after the step, for the LSTM; or null
 *
 * Some values of each array of weights are compared with those packed; SEQUELA_STALE says that one
 * has changed. Weights of which only others have changed are NOT noticed: packing again after a
 * change is the caller's duty, this is a net below it.
 *
 * Aliasing: h_n may be h0 and c_n may be c0; no other output overlaps another array. Threads: any
 * number of calls at once, also with one `packed`; rows are split over layer->threads, units are
 * not. Error: as sequela_forward. */
SEQUELA_API int32_t sequela_step(const struct sequela_layer *layer, const void *packed, int64_t B,
                                 const void *x, const void *h0, const void *c0, void *out, void *h_n,
                                 void *c_n);
/* Random masks: out[n, unit] = below with probability `rate`, else above, for count rows of `width`
 * units. The value is word j of Philox 4x32-10 with the key (seed, seed >> 32) and the counter
 * (q, steps[n], rows[n], stream), where q = unit / 64 * 16 + unit % 16 and j = unit / 16 % 4, compared
 * with rate * 2^32: it depends on nothing else, neither on the threads nor on the order of the rows.
 *
 *   rows, steps   [count], each taken modulo 2^32
 *   out           [count, width], overlaps nothing
 *
 * Threads: as sequela_forward. */
struct sequela_masks {
  int32_t precision, threads;
  uint32_t stream;
  uint64_t seed;
  double rate, below, above;
  int64_t count, width;
  const int64_t *rows, *steps;
};
SEQUELA_API int32_t sequela_draw(const struct sequela_masks *masks, void *out);

/* Padded data -----------------------------------------------------------------------------------
 *
 * Sequences of different lengths as one array with an unused tail, and the same steps packed: longest
 * row first, time-major. Nothing is computed: a row of one step is a number of bytes. */

struct sequela_sorted {
  int64_t N;       /* the sum of the lengths */
  int64_t longest; /* 0 without any */
  int64_t sorted;  /* 1 where order[i] is i for every row */
};

/* The order in which rows are packed: longest first, equal ones as they stand.
 *
 *   lengths      [B]   from 0 to T
 *   order        [B]   the row that stands i-th
 *   place        [B]   where each row stands
 *   batch_sizes  [T]   how many rows have step t; zeros may follow the last
 *
 * Aliasing: no output overlaps another array. Threads: any number at once; the caller alone works.
 * SEQUELA_BAD_BATCH_SIZES where a length is out of range. */
SEQUELA_API int32_t sequela_sort_lengths(int64_t B, int64_t T, const int64_t *lengths,
                                         struct sequela_sorted *sorted, int64_t *order,
                                         int64_t *place, int64_t *batch_sizes);

struct sequela_padding {
  int32_t threads;         /* at most this many; small arrays take one */
  int64_t B, T, N, bytes;  /* bytes: of one row of one step */
  int64_t row_stride, step_stride; /* bytes between rows, and between steps, of the padded array; not
                                      negative; 0 repeats one, when it is read */
  const int64_t *lengths;  /* [B] from 0 to T, summing to N; null: all T */
};

/* packed[offset of step t + place of row b] = padded[b, t] for every t below a row's length.
 *
 *   padded   row b's step t begins at b * row_stride + t * step_stride
 *   packed   [N] rows of `bytes`
 *
 * Aliasing: none. Threads: any number of calls at once, each on at most padding->threads. */
SEQUELA_API int32_t sequela_gather(const struct sequela_padding *padding, const void *padded,
                                   void *packed);

/* The way back: padded[b, t] is the packed row, and zeros from a row's length on. As sequela_gather
 * otherwise; no two steps of `padded` may overlap. */
SEQUELA_API int32_t sequela_scatter(const struct sequela_padding *padding, const void *packed,
                                    void *padded);

/* y[i] = f(x[i]) for i < count; function 0 exp, 1 sigmoid, 2 tanh, as the kernels compute them. NaN
 * gives NaN, infinities and zeros what libm gives. The bits of y[i] depend on x[i] alone. y may be x.
 * Error in ulps of the true result (of 2^-149 and 2^-1074 where that is subnormal): exp 1, sigmoid
 * and tanh 2; with fused multiply-adds 1.7. Over all float32 numbers; float64 as far as millions of
 * random ones show (cpp/tests/test_functions.cpp). */
SEQUELA_API int32_t sequela_elementwise(int32_t function, int32_t precision, int64_t count,
                                        const void *x, void *y);

#ifdef __cplusplus
}
#endif

#endif
