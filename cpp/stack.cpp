// A stack of layers as one call: which pass reads what, and the memory between the layers.
#include <stdlib.h>

#include "dispatch.h"
#include "pages.h"
#include "sequela/recurrent.h"

namespace {

using sequela::kMost;

struct Stack {
  const sequela_layer *passes;
  int64_t layers, directions;

  int64_t width() const { return directions * passes[0].P; }
  int64_t size() const { return passes[0].precision ? 8 : 4; }
};

int32_t check_passes(const Stack &stack) {
  const sequela_layer &first = stack.passes[0];
  if (first.P < 0 || first.P > kMost) return SEQUELA_BAD_SIZE;  // before it is doubled
  for (int64_t i = 0; i < stack.layers * stack.directions; ++i) {
    const sequela_layer &one = stack.passes[i];
    if (one.cell != first.cell || one.precision != first.precision) return SEQUELA_BAD_CELL;
    if (one.H != first.H || one.P != first.P ||
        one.D != (i < stack.directions ? first.D : stack.width()))
      return SEQUELA_BAD_SIZE;
    if (one.mask || one.keep_h || one.keep_c || one.everything) return SEQUELA_BAD_OPTION;
  }
  return SEQUELA_OK;
}

bool is_large(int64_t a, int64_t b) {
  int64_t product;
  return a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product) || product > kMost;
}

// Whether no array of all passes together is too large to be counted in bytes.
bool is_countable(const Stack &stack, int64_t N, int64_t T, int64_t B) {
  const sequela_layer &first = stack.passes[0];
  const int64_t passes = stack.layers * stack.directions;
  return !is_large(T, 1) && !is_large(B, passes) && !is_large(passes * B, first.P) &&
         !is_large(passes * B, first.H) && !is_large(N, stack.width());
}

// What one layer writes and the next one reads; two of them take turns.
struct Between {
  void *rows[2] = {nullptr, nullptr};

  bool take(int64_t layers, int64_t bytes) {
    for (int64_t i = 0; i < 2 && i + 1 < layers; ++i) {
      if (posix_memalign(&rows[i], 64, bytes > 0 ? (size_t)bytes : 64)) {
        rows[i] = nullptr;
        return false;
      }
      large_pages(rows[i], bytes);
    }
    return true;
  }

  ~Between() { free(rows[0]), free(rows[1]); }
};

const void *at(const void *array, int64_t bytes) {
  return array ? static_cast<const char *>(array) + bytes : nullptr;
}
void *at(void *array, int64_t bytes) { return array ? static_cast<char *>(array) + bytes : nullptr; }

// Every pass in turn; `call` holds what all of them share, x, h0 and c0 of the first.
int32_t run_passes(const Stack &stack, const sequela_layer &call, void *out, void *h_n, void *c_n) {
  Between between;
  if (!between.take(stack.layers, call.N * stack.width() * stack.size())) return SEQUELA_NO_MEMORY;
  const void *x = call.x;
  for (int64_t layer = 0; layer < stack.layers; ++layer) {
    void *to = layer + 1 < stack.layers ? between.rows[layer % 2] : out;
    for (int64_t direction = 0; direction < stack.directions; ++direction) {
      const int64_t index = layer * stack.directions + direction;
      sequela_layer one = stack.passes[index];
      const int64_t h = index * call.B * one.P * stack.size();
      const int64_t c = index * call.B * one.H * stack.size();
      one.threads = call.threads, one.N = call.N, one.T = call.T, one.B = call.B;
      one.batch_sizes = call.batch_sizes, one.x = x;
      one.h0 = at(call.h0, h), one.c0 = at(call.c0, c);
      const int32_t status =
          sequela::forward_into(one, at(to, direction * one.P * stack.size()), stack.width(),
                                at(h_n, h), at(c_n, c));
      if (status) return status;
    }
    x = to;
  }
  return SEQUELA_OK;
}

}  // namespace

extern "C" int32_t sequela_forward_stack(const sequela_layer *passes, int32_t layers,
                                         int32_t directions, int32_t threads, int64_t N, int64_t T,
                                         int64_t B, const int64_t *batch_sizes, const void *x,
                                         const void *h0, const void *c0, void *out, void *h_n,
                                         void *c_n) {
  if (layers < 1 || directions < 1 || directions > 2) return SEQUELA_BAD_SIZE;
  if (!passes) return SEQUELA_MISSING;
  const Stack stack = {passes, layers, directions};
  if (const int32_t status = check_passes(stack)) return status;
  if (!is_countable(stack, N, T, B)) return SEQUELA_BAD_SIZE;
  sequela_layer call = passes[0];
  call.threads = threads, call.N = N, call.T = T, call.B = B;
  call.batch_sizes = batch_sizes, call.x = x, call.h0 = h0, call.c0 = c0;
  int64_t *sizes = nullptr;
  if (!batch_sizes) {
    if (is_large(T, B) || T * B != N) return SEQUELA_BAD_BATCH_SIZES;
    if (!N) call.T = 0;  // however many steps without a row
    sizes = static_cast<int64_t *>(malloc((size_t)(call.T + 1) * sizeof(int64_t)));
    if (!sizes) return SEQUELA_NO_MEMORY;
    for (int64_t t = 0; t < call.T; ++t) sizes[t] = B;
    call.batch_sizes = sizes;
  }
  large_pages(out, N * stack.width() * stack.size());
  const int32_t status = run_passes(stack, call, out, h_n, c_n);
  free(sizes);
  return status;
}
