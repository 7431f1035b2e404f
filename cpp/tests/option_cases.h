// Options of a layer: those that change nothing leave the bits, and the masks that dropout and
// zoneout draw.
#ifndef SEQUELA_TESTS_OPTION_CASES_H
#define SEQUELA_TESTS_OPTION_CASES_H

#include "example.h"

namespace {

template <class T>
void options(Example<T> &example, int64_t H) {
  const std::vector<T> out = example.out, h_n = example.h_n, c_n = example.c_n;
  example.add_neutral();
  example.layer.threads = 2;
  example.train();
  expect(out == example.out && h_n == example.h_n, "options that change nothing: h");
  expect(example.layer.cell != SEQUELA_LSTM || c_n == example.c_n, "the same: c");
  example.add_options(H / 2 + 1);
  const double two = example.train(true);
  expect(two == two, "a number");
  example.layer.threads = 1;
  expect(two == example.train(), "gradients with options, one thread and two");
  const std::vector<T> kept = example.out;
  const sequela_everything none = {nullptr, {}};
  example.layer.threads = 3;
  expect(!sequela_forward(&example.layer, example.out.data(), nullptr, nullptr, nullptr, &none),
         "forward with options");
  expect(kept == example.out, "training gives the bits of inference");
}

// The words themselves, by the rates between which a value changes.
void random_words() {
  const uint32_t words[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  const int64_t zero = 0;
  double values[64];
  sequela_masks masks = {1, 1, 0, 0, 0, 2, 3, 1, 64, &zero, &zero};
  for (int i = 0; i < 4; ++i)
    for (int above = 0; above < 2; ++above) {
      masks.rate = ((double)words[i] + above) / 4294967296.0;
      expect(!sequela_draw(&masks, values), "draw");
      expect(values[16 * i] == (above ? 2 : 3), "Philox's published words");
    }
  masks.rate = 1.5;
  expect(sequela_draw(&masks, values) == SEQUELA_BAD_OPTION, "rate");
  std::vector<int64_t> rows(5000, 3), steps(5000);
  for (size_t i = 0; i < steps.size(); ++i) steps[i] = (int64_t)i;
  std::vector<double> one(5000 * 70), two(5000 * 70);
  masks = {1, 1, 7, 12345, .25, 1, 0, 5000, 70, rows.data(), steps.data()};
  expect(!sequela_draw(&masks, one.data()), "draw");
  masks.threads = 4;
  expect(!sequela_draw(&masks, two.data()) && one == two, "the same masks from four threads");
}

}  // namespace

#endif
