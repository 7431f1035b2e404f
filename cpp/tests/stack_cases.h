// Layers upon each other as one call: the bits of one pass after the other.
#ifndef SEQUELA_TESTS_STACK_CASES_H
#define SEQUELA_TESTS_STACK_CASES_H

#include "example.h"

namespace {

// Pass after pass by sequela_forward, the directions put side by side by hand.
template <class T>
std::vector<T> one_by_one(std::vector<Example<T>> &passes, int64_t directions, std::vector<T> x,
                          std::vector<T> *h_n) {
  for (size_t i = 0; i < passes.size(); i += (size_t)directions) {
    std::vector<T> joined;
    for (size_t d = 0; d < (size_t)directions; ++d) {
      Example<T> &one = passes[i + d];
      one.layer.x = x.data();
      expect(!sequela_forward(&one.layer, one.out.data(), one.h_n.data(), one.c_n.data(), nullptr,
                              nullptr),
             "a pass");
      h_n->insert(h_n->end(), one.h_n.begin(), one.h_n.end());
    }
    const size_t H = (size_t)passes[i].layer.H;
    for (size_t n = 0; n < (size_t)passes[i].layer.N; ++n)
      for (size_t d = 0; d < (size_t)directions; ++d)
        joined.insert(joined.end(), passes[i + d].out.begin() + (long)(n * H),
                      passes[i + d].out.begin() + (long)((n + 1) * H));
    x = joined;
  }
  return x;
}

template <class T>
void stack_of(int cell, int64_t directions, int64_t layers, std::vector<int64_t> sizes) {
  const int64_t D = 5, H = 19, B = sizes[0], T_ = (int64_t)sizes.size();
  std::vector<Example<T>> passes;
  passes.reserve((size_t)(layers * directions));
  for (int64_t i = 0; i < layers * directions; ++i)
    passes.emplace_back(cell, sizes, B, i < directions ? D : directions * H, H,
                        (int)(i % directions), 2);
  std::vector<T> wanted_h, h_n, c_n, h0, c0, x = passes[0].x;
  std::vector<sequela_layer> given;
  for (auto &one : passes) {
    one.layer.batch_sizes = one.sizes.data();
    given.push_back(one.layer);
    h0.insert(h0.end(), one.h0.begin(), one.h0.end());
    c0.insert(c0.end(), one.c0.begin(), one.c0.end());
  }
  const std::vector<T> wanted = one_by_one(passes, directions, x, &wanted_h);
  std::vector<T> out(wanted.size());
  h_n.resize(h0.size()), c_n.resize(c0.size());
  auto call = [&](int64_t N, int64_t steps, int64_t rows, const int64_t *batch_sizes) {
    return sequela_forward_stack(given.data(), (int32_t)layers, (int32_t)directions, 2, N, steps,
                                 rows, batch_sizes, x.data(), h0.data(), c0.data(), out.data(),
                                 h_n.data(), c_n.data());
  };
  const int64_t N = passes[0].layer.N;
  expect(!call(N, T_, B, sizes.data()), "a stack");
  expect(out == wanted && h_n == wanted_h, "bits of a stack");
  if (sizes.back() == B) {
    out.assign(out.size(), 0);
    expect(!call(N, T_, B, nullptr) && out == wanted, "a uniform stack");
    expect(call(N, T_ + 1, B, nullptr) == SEQUELA_BAD_BATCH_SIZES, "a step too many");
  }
  expect(call(N, T_, -1, sizes.data()) == SEQUELA_BAD_SIZE, "negative rows");
  expect(call(N - 1, T_, B, sizes.data()) == SEQUELA_BAD_BATCH_SIZES, "other rows");
  if (layers * directions == 1) return;
  given.back().D += 1;
  expect(call(N, T_, B, sizes.data()) == SEQUELA_BAD_SIZE, "another width");
  given.back().D -= 1, given.back().cell = (cell + 1) % 5;
  expect(call(N, T_, B, sizes.data()) == SEQUELA_BAD_CELL, "two cells");
}

template <class T>
void stacks() {
  for (int cell = 0; cell < 5; ++cell)
    for (int64_t directions : {1, 2})
      for (int64_t layers : {1, 2, 4}) {
        stack_of<T>(cell, directions, layers, {7, 5, 5, 2, 1});
        stack_of<T>(cell, directions, layers, {3, 3, 3, 3});
        stack_of<T>(cell, directions, layers, {1});
      }
}

}  // namespace

#endif
