// Single steps from packed weights.
#ifndef SEQUELA_TESTS_STEP_CASES_H
#define SEQUELA_TESTS_STEP_CASES_H

#include "example.h"

namespace {

// The same layer step by step, from packed weights and over its own state: the same bits.
template <class T>
void steps() {
  for (int cell = 0; cell < 5; ++cell)
    for (int64_t B : {1, 2, 5, 13})
      for (int64_t H : {1, 7, 48, 130}) {
        const int64_t T_ = 4, D = H % 2 ? 3 : 21;
        Example<T> example(cell, std::vector<int64_t>((size_t)T_, B), B, D, H, 0, 2);
        sequela_layer layer = example.layer;
        expect(!sequela_forward(&layer, example.out.data(), example.h_n.data(), example.c_n.data(),
                                nullptr, nullptr),
               "forward");
        const int64_t bytes = sequela_packed_bytes(&layer);
        void *packed = nullptr;
        if (bytes < 0 || posix_memalign(&packed, 64, (size_t)bytes)) return expect(false, "bytes");
        expect(sequela_pack(&layer, packed) == SEQUELA_OK, "pack");
        std::vector<T> h = example.h0, c = example.c0, out((size_t)(B * H));
        for (int64_t t = 0; t < T_; ++t) {
          expect(!sequela_step(&layer, packed, B, example.x.data() + t * B * D, h.data(), c.data(),
                               out.data(), h.data(), c.data()),
                 "step");
          const size_t size = out.size() * sizeof(T);
          expect(!memcmp(out.data(), h.data(), size), "h_n is out");
          expect(!memcmp(out.data(), example.out.data() + t * B * H, size), "bits of a step");
        }
        const size_t size = c.size() * sizeof(T);
        expect(cell != 2 || !memcmp(c.data(), example.c_n.data(), size), "bits of c");
        auto step = [&] {
          return sequela_step(&layer, packed, B, example.x.data(), nullptr, nullptr, out.data(),
                              nullptr, nullptr);
        };
        expect(step() == SEQUELA_OK, "a step from zeros");
        example.w_hh[0] += 1;
        expect(step() == SEQUELA_STALE, "changed weights");
        free(packed);
      }
}

void refuse_step() {
  Example<float> good(2, {3}, 3, 4, 5, 0, 1);
  std::vector<char> memory(1 << 16);
  void *packed = (void *)(((uintptr_t)memory.data() + 63) & ~(uintptr_t)63);
  sequela_layer bad = good.layer;
  bad.cell = 7;
  expect(sequela_packed_bytes(&bad) == -SEQUELA_BAD_CELL, "bytes of no cell");
  expect(sequela_pack(&bad, packed) == SEQUELA_BAD_CELL, "no cell");
  bad = good.layer, bad.w_hh = nullptr;
  expect(sequela_pack(&bad, packed) == SEQUELA_MISSING, "no weights");
  expect(sequela_pack(&good.layer, nullptr) == SEQUELA_MISSING, "nowhere to pack");
  expect(sequela_pack(&good.layer, packed) == SEQUELA_OK, "a good pack");
  auto step = [&](int64_t B, const void *x, void *out) {
    return sequela_step(&good.layer, packed, B, x, nullptr, nullptr, out, nullptr, nullptr);
  };
  expect(step(3, good.x.data(), good.out.data()) == SEQUELA_OK, "a good step");
  expect(step(0, nullptr, nullptr) == SEQUELA_OK, "no rows");
  expect(step(-1, good.x.data(), good.out.data()) == SEQUELA_BAD_SIZE, "negative rows");
  expect(step(3, nullptr, good.out.data()) == SEQUELA_MISSING, "no input");
  expect(step(3, good.x.data(), nullptr) == SEQUELA_MISSING, "no output");
}

}  // namespace

#endif
