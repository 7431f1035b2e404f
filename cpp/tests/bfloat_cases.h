// The forward pass in bfloat16.
#ifndef SEQUELA_TESTS_BFLOAT_CASES_H
#define SEQUELA_TESTS_BFLOAT_CASES_H

#include "example.h"

namespace {

// bfloat16 against the same numbers in float32; and one thread against two.
void halves() {
  auto rounded = [](const std::vector<float> &from, std::vector<float> &wide) {
    std::vector<uint16_t> to;
    for (float value : from) {
      uint32_t bits;
      memcpy(&bits, &value, 4);
      to.push_back((uint16_t)(bits >> 16));
      bits &= 0xffff0000u;
      memcpy(&value, &bits, 4);
      wide.push_back(value);
    }
    return to;
  };
  const std::vector<std::vector<int64_t>> shapes = {{7, 5, 5, 2, 1}, {1, 1, 1}, {20, 13}, {3, 0}, {}};
  for (int cell = 0; cell < 5 && sequela_has_bfloat16(); ++cell)
    for (const auto &sizes : shapes)
      for (int64_t H : {9, 17, 70})  // fewer roundings than these do not average
        for (int64_t D : {0, 1, 9, 40})
          for (int reverse = 0; reverse < 2; ++reverse) {
            const int64_t B = (sizes.empty() ? 0 : sizes[0]) + 2;
            Example<float> one(cell, sizes, B, D, H, reverse, 1);
            std::vector<float> wide[7];
            std::vector<uint16_t> half[7], out[2], h_n[2], c_n[2];
            const std::vector<float> *given[] = {&one.x,    &one.h0,   &one.c0,  &one.w_ih,
                                                 &one.w_hh, &one.b_ih, &one.b_hh};
            for (int i = 0; i < 7; ++i) half[i] = rounded(*given[i], wide[i]);
            sequela_layer layer = one.layer;
            const void **at[] = {&layer.x,    &layer.h0,   &layer.c0,  &layer.w_ih,
                                 &layer.w_hh, &layer.b_ih, &layer.b_hh};
            for (int i = 0; i < 7; ++i) *at[i] = wide[i].data();
            expect(!sequela_forward(&layer, one.out.data(), one.h_n.data(), one.c_n.data(), nullptr,
                                    nullptr),
                   "float32");
            for (int i = 0; i < 7; ++i) *at[i] = half[i].data();
            for (int i = 0; i < 2; ++i) {
              layer.threads = i + 1;
              out[i].resize(one.out.size()), h_n[i].resize((size_t)(B * H));
              c_n[i].resize((size_t)(B * H));
              expect(!sequela_forward_bfloat16(&layer, out[i].data(), h_n[i].data(), c_n[i].data()),
                     "bfloat16");
            }
            expect(out[0] == out[1] && h_n[0] == h_n[1] && c_n[0] == c_n[1], "threads of bfloat16");
            double error = 0, size = 1e-30;
            for (size_t i = 0; i < one.out.size(); ++i) {
              const uint32_t bits = (uint32_t)out[0][i] << 16;
              float value;
              memcpy(&value, &bits, 4);
              error += pow(value - one.out[i], 2), size += pow(one.out[i], 2);
            }
            if (!(error <= 9e-6 * size)) printf("cell %d D %d H %d\n", cell, (int)D, (int)H);
            expect(error <= 9e-6 * size, "bfloat16 near float32");
          }
}

}  // namespace

#endif
