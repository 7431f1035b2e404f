// What follows from the gates' gradients once all steps are done: the gradients of the input, the
// weights and the biases: over the packed rows in their order, one chain for each stretch of rows;
// the stretches of a block are summed, and then the blocks. Each sample's are summed on their own,
// so that they have the bits of a call with its rows alone.
#ifndef SEQUELA_GRADIENTS_H
#define SEQUELA_GRADIENTS_H

#include "matmul.h"
#include "walk.h"

namespace {

constexpr int64_t kBlock = 256;  // rows of one pass: their gates stay in the second-level cache
constexpr int64_t kStretch = 64;  // rows of one chain: a longer one rounds more
constexpr int64_t kAddends = 8;   // the same for biases, where a shorter one costs nothing

// Weight gradients while they grow, [columns of gates][k][W]; biases [columns of gates][W].
struct Sums {
  real *x, *h, *r, *bias;
};

// Which columns of the gates meet which rows. Column vector q is slot first + q % count of unit
// vector q / count, and belongs to torch's gate gates[q % count].
struct Columns {
  int slots, first, count;
  const int *gates;
  const real *from;  // the gates' gradients, [N][stride]
  int64_t stride, hidden;

  int64_t vectors() const { return (hidden + kLine - 1) / kLine * (kLine / W) * count; }
  int64_t offset(int64_t q) const { return slot_at(slots, q / count, first + (int)(q % count)); }
};

// With an input this narrow a vector of columns would be nearly empty: each element is then the
// product of two long rows, summed lane by lane of a line and over the lanes at the end.
constexpr int64_t kNarrow = 4;

// w_ih for narrow inputs: [d][line of units][gate][kLine].
template <class Cell, class Plan>
void pack_narrow(const Plan &plan) {
  const Job &job = plan.job;
  const real *w = static_cast<const real *>(job.w_ih);
  real *to = plan.inputs;
  for (int64_t d = 0; d < job.input; ++d)
    for (int64_t line = 0; line < plan.saved.lines; ++line)
      for (int gate : Cell::kXGates)
        for (int64_t unit = line * kLine; unit < (line + 1) * kLine; ++unit)
          *to++ = unit < job.hidden ? w[(gate * job.hidden + unit) * job.input + d] : 0;
}

template <class Cell>
SEQUELA_INLINE real narrow_product(const real *gates, const real *w, int64_t lines) {
  constexpr int kVectors = kLine / W;
  vec even[kVectors] = {}, odd[kVectors] = {};
  for (int64_t line = 0; line < lines; ++line, gates += Cell::kSlots * kLine) {
    vec *acc = line & 1 ? odd : even;
    for (int i = 0; i < Cell::kXCount; ++i, w += kLine)
      for (int u = 0; u < kVectors; ++u)
        acc[u] = fma(load(gates + i * kLine + u * W), load(w + u * W), acc[u]);
  }
  real lanes[kLine];
  for (int u = 0; u < kVectors; ++u) store(lanes + u * W, even[u] + odd[u]);
  for (int half = kLine / 2; half; half /= 2)
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  return lanes[0];
}

template <class Cell, class Plan>
void narrow_gradients(const Plan &plan, int32_t thread) {
  const Job &job = plan.job;
  const Range rows = share(job.rows, thread, job.threads);
  real *dx = static_cast<real *>(job.dx);
  for (int64_t n = rows.begin; n < rows.end; ++n)
    for (int64_t d = 0; d < job.input; ++d)
      dx[n * job.input + d] = narrow_product<Cell>(
          plan.from_x + n * plan.saved.stride + Cell::kXFirst * kLine,
          plan.inputs + d * plan.saved.padded * Cell::kXCount, plan.saved.lines);
}

// Gradients of the gates in torch's order, which are those of given products.
template <class Cell, class Plan>
void given_gradients(const Plan &plan, int32_t thread) {
  const Job &job = plan.job;
  const Range rows = share(job.rows, thread, job.threads);
  real *dx = static_cast<real *>(job.dx);
  for (int64_t n = rows.begin; n < rows.end; ++n)
    for (int i = 0; i < Cell::kXCount; ++i)
      for (int64_t unit = 0; unit < job.hidden; unit += W)
        store_units(dx + n * job.input + Cell::kXGates[i] * job.hidden + unit,
                    load(plan.from_x + n * plan.saved.stride +
                         slot_at(Cell::kSlots, unit / W, Cell::kXFirst + i)),
                    job.hidden - unit);
}

// dx = gradients of the gates times w_ih.
template <class Cell, class Plan>
void input_gradients(const Plan &plan, int32_t thread) {
  const Job &job = plan.job;
  if (!job.dx) return;
  if (job.given) return given_gradients<Cell>(plan, thread);
  if (job.input <= kNarrow) return narrow_gradients<Cell>(plan, thread);
  const int64_t width = job.input;
  // The GRU's n outweighs its other gates, whose products would each round at the size of n's.
  constexpr int64_t chain = Cell::kXCount == 3 ? 1 : 2;
  const Inner inner{plan.saved.lines, Cell::kXCount * kLine, Cell::kSlots * kLine, chain};
  const Range rows = share(job.rows, thread, job.threads);
  for_panels(4, 0, (width + W - 1) / W, [&](int units, int64_t v) {
    for_tiles(rows.end - rows.begin, [&](int height, int64_t start) {
      const int64_t n = rows.begin + start;
      const real *from[kTileRows];
      Tile tile = {};
      for (int r = 0; r < height; ++r)
        from[r] = plan.from_x + (n + r) * plan.saved.stride + Cell::kXFirst * kLine;
      multiply(tile, 0, height, units, from, inner,
               plan.inputs + v * W * Cell::kXCount * plan.saved.padded);
      for (int r = 0; r < height; ++r)
        for (int u = 0; u < units; ++u)
          store_units(static_cast<real *>(job.dx) + (n + r) * width + (v + u) * W, tile.at[r][u],
                      width - (v + u) * W);
    });
  });
}

// sum[k][v] += rows[n][k] * columns[v][n] over `count` rows, for R values of k.
template <int R, int V>
__attribute__((noinline)) void gather(real *sum, const real *const *starts, int64_t stride,
                                      const real *const *rows, int64_t k, int64_t count,
                                      bool fresh) {
  const real *columns[V];
  vec acc[R][V], block[R][V];
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) columns[v] = starts[v];
  for (int64_t begin = 0; begin < count; begin += kStretch) {
    const int64_t end = count - begin > kStretch ? begin + kStretch : count;
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) acc[r][v] = splat(0);
    for (int64_t n = begin; n < end; ++n) {
      const real *row = rows[n] + k;
      if constexpr (kTileRows > 3) {
        vec b[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) b[v] = load(columns[v]), columns[v] += stride;
#pragma GCC unroll 6
        for (int r = 0; r < R; ++r) {
          const vec s = splat(row[r]);
#pragma GCC unroll 4
          for (int v = 0; v < V; ++v) acc[r][v] = fma(s, b[v], acc[r][v]);
        }
      } else {
        vec s[R];
#pragma GCC unroll 3
        for (int r = 0; r < R; ++r) s[r] = splat(row[r]);
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
          const vec b = load(columns[v]);
          columns[v] += stride;
#pragma GCC unroll 3
          for (int r = 0; r < R; ++r) acc[r][v] = fma(s[r], b, acc[r][v]);
        }
      }
    }
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) block[r][v] = begin ? block[r][v] + acc[r][v] : acc[r][v];
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) {
      real *to = sum + (r * V + v) * W;
      store(to, fresh ? block[r][v] : load(to) + block[r][v]);
    }
}

SEQUELA_INLINE void gather(int height, int units, real *sum, const real *const *starts,
                           int64_t stride, const real *const *rows, int64_t k, int64_t count,
                           bool fresh) {
  typedef void (*Kernel)(real *, const real *const *, int64_t, const real *const *, int64_t,
                         int64_t, bool);
#define SEQUELA_ROW(R) {gather<R, 1>, gather<R, 2>, gather<R, 4>}
  static constexpr Kernel kernels[kTileRows][3] = {
      SEQUELA_ROW(1), SEQUELA_ROW(2), SEQUELA_ROW(3),
#if SEQUELA_TILE_ROWS > 3
      SEQUELA_ROW(4), SEQUELA_ROW(5),
#endif
#if SEQUELA_TILE_ROWS > 5
      SEQUELA_ROW(6),
#endif
  };
#undef SEQUELA_ROW
  kernels[height - 1][units / 2](sum, starts, stride, rows, k, count, fresh);
}

// Calls f(units, q, height, k) for this thread's tiles of a [columns] x [width] product.
template <class F>
SEQUELA_INLINE void own_tiles(int64_t columns, int64_t width, int32_t thread, int32_t threads,
                              F f) {
  const int64_t tiles = (width + kTileRows - 1) / kTileRows;
  int64_t panels = 0, number = 0;
  for_panels(4, 0, columns, [&](int, int64_t) { ++panels; });
  const Range own = share(panels * tiles, thread, threads);
  for_panels(4, 0, columns, [&](int units, int64_t q) {
    for_tiles(width, [&](int height, int64_t k) {
      if (number >= own.begin && number < own.end) f(units, q, height, k);
      ++number;
    });
  });
}

__attribute__((noinline)) void product_block(const Job &job, real *sum, int64_t width,
                                             const Columns &columns, const real *const *rows,
                                             int64_t begin, int64_t count, int32_t thread) {
  const real *gates = columns.from + begin * columns.stride;
  own_tiles(columns.vectors(), width, thread, job.threads,
            [&](int units, int64_t q, int height, int64_t k) {
              const real *starts[4];
              for (int u = 0; u < units; ++u) starts[u] = gates + columns.offset(q + u);
              gather(height, units, sum + (q * width + k * units) * W, starts, columns.stride,
                     rows, k, count, begin == 0);
            });
}

// Hands finished sums to the caller in torch's layout [G * hidden, width].
__attribute__((noinline)) void product_end(const Job &job, void *result, const real *sum,
                                           int64_t width, const Columns &columns, int32_t thread) {
  real *to = static_cast<real *>(result);
  own_tiles(columns.vectors(), width, thread, job.threads,
            [&](int units, int64_t q, int height, int64_t k) {
              const real *from = sum + (q * width + k * units) * W;
              for (int u = 0; u < units; ++u)
                for (int lane = 0; lane < W; ++lane) {
                  const int64_t unit = (q + u) / columns.count * W + lane;
                  if (unit >= columns.hidden) break;
                  const int gate = columns.gates[(q + u) % columns.count];
                  real *row = to + (gate * columns.hidden + unit) * width + k;
                  for (int r = 0; r < height; ++r)
                    row[r] = job.rows ? from[(r * units + u) * W + lane] : 0;
                }
            });
}

// The packed rows of one sample: every `apart`-th from `first` on. With one sample they are all rows.
struct Sample {
  int64_t number, apart, rows;

  Sample(const Job &job, int64_t number)
      : number(number), apart(job.samples), rows(job.rows / job.samples) {}

  int64_t at(int64_t n) const { return number + n * apart; }
  Columns of(Columns columns) const {
    columns.from += number * columns.stride, columns.stride *= apart;
    return columns;
  }
  // Where the sample's part of a result of `size` numbers begins; null where none is wanted.
  real *part(void *result, int64_t size) const {
    return result ? static_cast<real *>(result) + number * size : nullptr;
  }
};

template <class Plan>
__attribute__((noinline)) void bias_block(const Plan &plan, const Sample &sample, int slots,
                                          int64_t begin, int64_t end, int32_t thread) {
  const Range own = share(plan.saved.vectors * slots, thread, plan.job.threads);
  const int64_t stride = plan.saved.stride * sample.apart;
  for (int64_t q = own.begin * W; q < own.end * W; q += W) {
    const real *gates = plan.gates + sample.at(begin) * plan.saved.stride + q;
    vec block = splat(0);
    for (int64_t n = begin; n < end;) {
      const int64_t last = end - n > kStretch ? n + kStretch : end;
      vec stretch = splat(0);
      while (n < last) {
        const int64_t next = last - n > kAddends ? n + kAddends : last;
        vec sum = splat(0);
        for (; n < next; ++n, gates += stride) sum = sum + load(gates);
        stretch = stretch + sum;
      }
      block = block + stretch;
    }
    store(plan.sums.bias + q, begin ? load(plan.sums.bias + q) + block : block);
  }
}

// Hands sums laid out as a row of gates to the caller, [G * hidden].
__attribute__((noinline)) void bias_end(const Job &job, void *to, const real *sums,
                                        const Columns &columns, int32_t thread) {
  if (!to) return;
  const Range own =
      share(columns.vectors() / columns.count * columns.slots, thread, job.threads);
  for (int64_t q = own.begin; q < own.end; ++q) {
    constexpr int kVectors = kLine / W;
    const int64_t slot = q / kVectors % columns.slots - columns.first;
    const int64_t unit = q / kVectors / columns.slots * kLine + q % kVectors * W;
    if (slot < 0 || slot >= columns.count) continue;
    for (int64_t i = 0; i < W && unit + i < job.hidden; ++i)
      static_cast<real *>(to)[columns.gates[slot] * job.hidden + unit + i] =
          job.rows ? sums[q * W + i] : 0;
  }
}

template <class Cell, class Plan>
Columns columns_x(const Plan &plan) {
  return {Cell::kSlots, Cell::kXFirst, Cell::kXCount, Cell::kXGates,
          plan.from_x,  plan.saved.stride, plan.job.hidden};
}

template <class Cell, class Plan>
Columns columns_h(const Plan &plan) {
  return {Cell::kSlots, Cell::kHFirst, Cell::kHCount, Cell::kHGates,
          plan.from_h,  plan.saved.stride, plan.job.hidden};
}

template <class Cell, class Plan>
Columns columns_r(const Plan &plan) {
  return {Cell::kSlots, Cell::kRFirst, Cell::kRCount, Cell::kRGates,
          plan.from_h,  plan.saved.stride, plan.job.hidden};
}

// dw_ih, dw_hh, db_ih, db_hh of one sample. Threads own tiles of the result, never rows: bits do not
// depend on their number.
template <class Cell, class Plan>
void weight_gradients(const Plan &plan, const Sample &sample, int32_t thread) {
  const Job &job = plan.job;
  const Columns from_x = sample.of(columns_x<Cell>(plan));
  const Columns from_h = sample.of(columns_h<Cell>(plan));
  const Columns from_r = sample.of(columns_r<Cell>(plan));
  const int64_t width = job.input, hidden = job.projected;
  const real *rows[kBlock];
  for (int64_t begin = 0; begin < sample.rows; begin += kBlock) {
    const int64_t count = begin + kBlock < sample.rows ? kBlock : sample.rows - begin;
    for (int64_t n = 0; n < count; ++n)
      rows[n] = static_cast<const real *>(job.x) + sample.at(begin + n) * width;
    if (job.dw_ih) product_block(job, plan.sums.x, width, from_x, rows, begin, count, thread);
    for (int64_t n = 0; n < count; ++n) rows[n] = plan.before[sample.at(begin + n)];
    if (job.dw_hh) product_block(job, plan.sums.h, hidden, from_h, rows, begin, count, thread);
    if (Cell::kRCount && job.dw_hh) {
      for (int64_t n = 0; n < count; ++n)
        rows[n] = plan.states + sample.at(begin + n) * plan.saved.padded;
      product_block(job, plan.sums.r, hidden, from_r, rows, begin, count, thread);
    }
    if (job.db_ih || job.db_hh)
      bias_block(plan, sample, Cell::kSlots, begin, begin + count, thread);
  }
  const int64_t gates = job.hidden * Cell::kXCount;  // x meets every gate
  real *dw_ih = sample.part(job.dw_ih, gates * width), *db_ih = sample.part(job.db_ih, gates);
  real *dw_hh = sample.part(job.dw_hh, gates * hidden), *db_hh = sample.part(job.db_hh, gates);
  if (dw_ih) product_end(job, dw_ih, plan.sums.x, width, from_x, thread);
  if (dw_hh) product_end(job, dw_hh, plan.sums.h, hidden, from_h, thread);
  if (Cell::kRCount && dw_hh) product_end(job, dw_hh, plan.sums.r, hidden, from_r, thread);
  bias_end(job, db_ih, plan.sums.bias, from_x, thread);
  bias_end(job, db_hh, plan.sums.bias, from_h, thread);
  if (Cell::kRCount) bias_end(job, db_hh, plan.sums.bias, from_r, thread);
}

template <class Cell, class Plan>
void weight_gradients(const Plan &plan, int32_t thread) {
  for (int64_t number = 0; number < plan.job.samples; ++number)
    weight_gradients<Cell>(plan, Sample(plan.job, number), thread);
}

}  // namespace

#endif
