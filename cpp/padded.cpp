// Padded data and packed rows: the order of sorted rows, the gathering of valid steps, and their way
// back with zeros beyond each length. No arithmetic: rows are bytes.
#include <stdlib.h>
#include <string.h>

#include "pages.h"
#include "sequela/recurrent.h"
#include "threads.h"

namespace {

// A thread more is worth its waking from about this many bytes on.
constexpr int64_t kWorthAThread = (int64_t)1 << 19;
constexpr int64_t kMost = (int64_t)1 << 52;

bool fits(int64_t a, int64_t b, int64_t c) {
  int64_t product;
  return a >= 0 && b >= 0 && c >= 0 && !__builtin_mul_overflow(a, b, &product) &&
         !__builtin_mul_overflow(product, c, &product) && product <= kMost;
}

bool fits(int64_t a) { return a >= 0 && a <= kMost; }

// Counts, from the longest on, how many rows are longer than t; then gives each row its place.
struct Order {
  int64_t total, longest;
  bool sorted;  // every row has its own number as its place
};

// sizes [T + 1], next [T + 1]; order may be null.
bool sort_rows(int64_t B, int64_t T, const int64_t *lengths, int64_t *sizes, int64_t *next,
               int64_t *order, int64_t *place, Order *found) {
  Order all = {0, 0, true};
  for (int64_t t = 0; t <= T; ++t) sizes[t] = 0;
  for (int64_t b = 0; b < B; ++b) {
    const int64_t length = lengths ? lengths[b] : T;
    if (length < 0 || length > T) return false;
    if (length) ++sizes[length - 1];
    all.total += length;
    if (length > all.longest) all.longest = length;
  }
  for (int64_t t = T - 1; t > 0; --t) sizes[t - 1] += sizes[t];
  for (int64_t t = 0; t <= T; ++t) next[t] = t < T ? sizes[t] : 0;
  for (int64_t b = 0; b < B; ++b) {
    const int64_t at = next[lengths ? lengths[b] : T]++;
    place[b] = at;
    if (order) order[at] = b;
    all.sorted &= at == b;
  }
  *found = all;
  return true;
}

struct Copy {
  const sequela_padding *padding;
  const int64_t *offsets, *place;  // [T + 1]; [B]
  char *padded, *packed;
  bool scatter;
  int32_t threads;

  int64_t length(int64_t b) const { return padding->lengths ? padding->lengths[b] : padding->T; }
};

void copy_row(char *to, const char *from, int64_t bytes) {
  // The sizes of a single number: a call for each would cost more than the copy.
  if (bytes == 4) memcpy(to, from, 4);
  else if (bytes == 8) memcpy(to, from, 8);
  else memcpy(to, from, (size_t)bytes);
}

void copy_step(const Copy &copy, int64_t b, int64_t t) {
  const sequela_padding &p = *copy.padding;
  char *padded = copy.padded + b * p.row_stride + t * p.step_stride;
  char *packed = copy.packed + (copy.offsets[t] + copy.place[b]) * p.bytes;
  if (copy.scatter) copy_row(padded, packed, p.bytes);
  else copy_row(packed, padded, p.bytes);
}

// Zeros in `count` rows that lie `stride` apart.
void clear(char *to, int64_t count, int64_t stride, int64_t bytes) {
  if (stride == bytes) {
    memset(to, 0, (size_t)(count * bytes));
    return;
  }
  for (int64_t i = 0; i < count; ++i) memset(to + i * stride, 0, (size_t)bytes);
}

// The memory of a row of the batch lies together: row after row.
void by_rows(const Copy &copy, int32_t thread) {
  const sequela_padding &p = *copy.padding;
  for (int64_t b = thread; b < p.B; b += copy.threads) {
    const int64_t length = copy.length(b);
    for (int64_t t = 0; t < length; ++t) copy_step(copy, b, t);
    if (copy.scatter)
      clear(copy.padded + b * p.row_stride + length * p.step_stride, p.T - length, p.step_stride,
            p.bytes);
  }
}

// The memory of a step lies together: step after step.
void by_steps(const Copy &copy, int32_t thread) {
  const sequela_padding &p = *copy.padding;
  const int64_t begin = p.T * thread / copy.threads, end = p.T * (thread + 1) / copy.threads;
  for (int64_t t = begin; t < end; ++t) {
    const int64_t filled = copy.offsets[t + 1] - copy.offsets[t];
    if (copy.scatter && filled < p.B)
      clear(copy.padded + t * p.step_stride, p.B, p.row_stride, p.bytes);
    for (int64_t b = 0; filled && b < p.B; ++b)
      if (copy.length(b) > t) copy_step(copy, b, t);
  }
}

void copy_member(void *context, int32_t thread) {
  const Copy &copy = *static_cast<const Copy *>(context);
  const sequela_padding &p = *copy.padding;
  if (p.row_stride >= p.step_stride) by_rows(copy, thread);
  else by_steps(copy, thread);
}

int32_t check(const sequela_padding &p) {
  if (!fits(p.B) || !fits(p.T) || !fits(p.N) || !fits(p.bytes)) return SEQUELA_BAD_SIZE;
  if (!fits(p.B + 1, p.T + 1, p.bytes + 8)) return SEQUELA_BAD_SIZE;
  if (!fits(p.B, p.row_stride, 1) || !fits(p.T, p.step_stride, 1)) return SEQUELA_BAD_SIZE;
  return SEQUELA_OK;
}

int32_t run(const sequela_padding &p, char *padded, char *packed, bool scatter) {
  if (const int32_t status = check(p)) return status;
  const size_t steps = (size_t)p.T + 1;
  int64_t *offsets = static_cast<int64_t *>(malloc((2 * steps + (size_t)p.B) * sizeof(int64_t)));
  if (!offsets) return SEQUELA_NO_MEMORY;
  int64_t *next = offsets + steps, *place = next + steps;
  Order found = {0, 0, true};
  int32_t status = SEQUELA_OK;
  if (!sort_rows(p.B, p.T, p.lengths, offsets, next, nullptr, place, &found) || found.total != p.N)
    status = SEQUELA_BAD_BATCH_SIZES;
  const bool packs = p.N && p.bytes, pads = scatter && p.B && p.T && p.bytes;
  if (!status && ((packs && !packed) || ((packs || pads) && !padded))) status = SEQUELA_MISSING;
  if (!status && (packs || pads)) {
    int64_t sum = 0;  // from sizes to offsets
    for (int64_t t = 0; t <= p.T; ++t) {
      const int64_t size = t < p.T ? offsets[t] : 0;
      offsets[t] = sum, sum += size;
    }
    const bool together = p.row_stride == p.T * p.step_stride || p.step_stride == p.B * p.row_stride;
    if (scatter && together) large_pages(padded, p.B * p.T * p.bytes);
    const int64_t work = (scatter ? p.B * p.T : p.N) * p.bytes / kWorthAThread;
    const int32_t most = work < p.threads ? (int32_t)work : p.threads;
    sequela::Team team = sequela::take_team(most > 1 ? most : 1);
    Copy copy = {&p, offsets, place, padded, packed, scatter, team.size};
    sequela::run_team(&team, {copy_member, &copy});
    sequela::release_team(&team);
  }
  free(offsets);
  return status;
}

}  // namespace

extern "C" int32_t sequela_sort_lengths(int64_t B, int64_t T, const int64_t *lengths,
                                        struct sequela_sorted *sorted, int64_t *order,
                                        int64_t *place, int64_t *batch_sizes) {
  if (!fits(B) || !fits(T) || !fits(B + 1, T + 1, 8)) return SEQUELA_BAD_SIZE;
  if ((B && (!lengths || !order || !place)) || (T && !batch_sizes) || !sorted)
    return SEQUELA_MISSING;
  const size_t steps = (size_t)T + 1;
  int64_t *sizes = static_cast<int64_t *>(malloc(2 * steps * sizeof(int64_t)));
  if (!sizes) return SEQUELA_NO_MEMORY;
  Order found = {0, 0, true};
  const bool good = sort_rows(B, T, lengths, sizes, sizes + steps, order, place, &found);
  for (int64_t t = 0; good && t < T; ++t) batch_sizes[t] = sizes[t];
  *sorted = {found.total, found.longest, found.sorted};
  free(sizes);
  return good ? SEQUELA_OK : SEQUELA_BAD_BATCH_SIZES;
}

extern "C" int32_t sequela_gather(const sequela_padding *padding, const void *padded,
                                  void *packed) {
  char *from = const_cast<char *>(static_cast<const char *>(padded));
  return run(*padding, from, static_cast<char *>(packed), false);
}

extern "C" int32_t sequela_scatter(const sequela_padding *padding, const void *packed,
                                   void *padded) {
  char *from = const_cast<char *>(static_cast<const char *>(packed));
  return run(*padding, static_cast<char *>(padded), from, true);
}
