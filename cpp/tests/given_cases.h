// Layers whose input product is given: the bits of the same layer with the identity as w_ih.
#ifndef SEQUELA_TESTS_GIVEN_CASES_H
#define SEQUELA_TESTS_GIVEN_CASES_H

#include "example.h"

namespace {

template <class T>
struct Trained {
  std::vector<T> out, h_n, dx, dw_hh, db_ih, dh0;

  explicit Trained(Example<T> &example)
      : dx(example.x.size()), dw_hh(example.w_hh.size()), db_ih(example.b_ih.size()),
        dh0(example.h0.size()) {
    const sequela_layer &layer = example.layer;
    void *saved = nullptr;
    if (posix_memalign(&saved, 64, (size_t)sequela_saved_bytes(&layer) + 64)) return;
    expect(!sequela_forward(&layer, example.out.data(), example.h_n.data(), example.c_n.data(),
                            saved, nullptr),
           "forward of given products");
    std::vector<T> dout(example.out.size());
    for (size_t i = 0; i < dout.size(); ++i) dout[i] = (T)cos((double)i);
    std::vector<T> dw_ih(layer.w_ih ? example.w_ih.size() : 0);
    sequela_gradients gradients = {};
    gradients.dout = dout.data(), gradients.dx = dx.data(), gradients.dw_hh = dw_hh.data();
    gradients.db_ih = db_ih.data(), gradients.dh0 = dh0.data(), gradients.dw_ih = dw_ih.data();
    expect(!sequela_backward(&layer, example.out.data(), saved, &gradients), "their gradients");
    free(saved);
    out = example.out, h_n = example.h_n;
  }

  bool operator==(const Trained &other) const {
    return out == other.out && h_n == other.h_n && dx == other.dx && dw_hh == other.dw_hh &&
           db_ih == other.db_ih && dh0 == other.dh0;
  }
};

template <class T>
void given() {
  const std::vector<std::vector<int64_t>> shapes = {{7, 5, 5, 2, 1}, {1, 1, 1}, {20, 13}, {3, 0}};
  for (int cell = 0; cell < 5; ++cell)
    for (const auto &sizes : shapes)
      for (int64_t H : {1, 2, 17, 40})
        for (int reverse = 0; reverse < 2; ++reverse) {
          const int64_t D = H * (cell < 2 ? 1 : cell == 2 ? 4 : 3);
          Example<T> example(cell, sizes, sizes[0] + 1, D, H, reverse, 1 + reverse);
          example.w_ih.assign(example.w_ih.size(), 0);
          for (int64_t i = 0; i < D; ++i) example.w_ih[(size_t)(i * D + i)] = 1;
          const Trained<T> full(example);
          example.layer.w_ih = nullptr;
          const Trained<T> two(example);
          expect(full == two, "the bits of the identity");
          example.layer.threads = 1;
          expect(full == Trained<T>(example), "the same with one thread");
          add_to_hash(two.out), add_to_hash(two.dx);
        }
}

void refuse_given() {
  Example<float> good(SEQUELA_GRU_AFTER, {3, 2}, 3, 15, 5, 0, 1);
  auto status = [&](auto change) {
    sequela_layer layer = good.layer;
    layer.w_ih = nullptr;
    change(layer);
    return sequela_forward(&layer, good.out.data(), nullptr, nullptr, nullptr, nullptr);
  };
  expect(status([](sequela_layer &) {}) == SEQUELA_OK, "given products");
  expect(status([](sequela_layer &l) { l.D = 14; }) == SEQUELA_MISSING, "another width");
  expect(status([](sequela_layer &l) { l.zoneout_h = .5; }) == SEQUELA_BAD_OPTION, "options");
  sequela_layer layer = good.layer;
  layer.w_ih = nullptr;
  std::vector<char> packed((size_t)sequela_packed_bytes(&layer));
  expect(sequela_pack(&layer, packed.data()) == SEQUELA_MISSING, "packed without w_ih");
  expect(sequela_forward_bfloat16(&layer, good.out.data(), nullptr, nullptr) != SEQUELA_OK,
         "bfloat16 without w_ih");
}

}  // namespace

#endif
