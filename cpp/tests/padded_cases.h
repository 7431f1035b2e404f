// Padded data and packed rows.
#ifndef SEQUELA_TESTS_PADDED_CASES_H
#define SEQUELA_TESTS_PADDED_CASES_H

#include <algorithm>
#include <numeric>

#include "example.h"

namespace {

// Every row goes where it belongs and back, from both orders of the axes, on one thread and three.
void padded_case(int64_t B, int64_t T, int64_t bytes, bool batch_first, bool dense) {
  std::vector<int64_t> lengths((size_t)B), order((size_t)B), place((size_t)B), sizes((size_t)T);
  for (int64_t &length : lengths) length = dense ? T : (int64_t)((draw() + 1) / 2 * (double)(T + 1));
  sequela_sorted found;
  expect(!sequela_sort_lengths(B, T, lengths.data(), &found, order.data(), place.data(), sizes.data()),
         "sort");
  std::vector<int64_t> wanted((size_t)B);
  std::iota(wanted.begin(), wanted.end(), 0);
  std::stable_sort(wanted.begin(), wanted.end(), [&](int64_t a, int64_t b) {
    return lengths[(size_t)a] > lengths[(size_t)b];
  });
  expect(wanted == order, "the longest first, equal ones as they stand");
  const int64_t N = std::accumulate(lengths.begin(), lengths.end(), (int64_t)0);
  expect(found.N == N && found.sorted == std::is_sorted(order.begin(), order.end()), "sorted");

  const size_t all = (size_t)(B * T * bytes);
  std::vector<uint8_t> padded(all), packed((size_t)(N * bytes)), back(all, 7);
  for (uint8_t &value : padded) value = (uint8_t)(1 + (draw() + 1) * 100);
  sequela_padding p = {1, B, T, N, bytes, batch_first ? T * bytes : bytes,
                       batch_first ? bytes : B * bytes, dense ? nullptr : lengths.data()};
  for (int threads : {1, 3}) {
    p.threads = threads;
    expect(!sequela_gather(&p, padded.data(), packed.data()), "gather");
    expect(!sequela_scatter(&p, packed.data(), back.data()), "scatter");
    int64_t n = 0;
    bool good = true;
    for (int64_t t = 0; t < T; ++t)
      for (int64_t i = 0; i < sizes[(size_t)t]; ++i, ++n)
        good &= !bytes || !memcmp(packed.data() + n * bytes,
                        padded.data() + order[(size_t)i] * p.row_stride + t * p.step_stride, (size_t)bytes);
    expect(good && n == N, "packed rows");
    for (int64_t b = 0; b < B; ++b)
      for (int64_t t = 0; t < T; ++t)
        for (int64_t k = 0; k < bytes; ++k) {
          const size_t at = (size_t)(b * p.row_stride + t * p.step_stride + k);
          good &= back[at] == (t < lengths[(size_t)b] ? padded[at] : 0);
        }
    expect(good, "padded rows");
  }
}

void padded() {
  for (int64_t B : {0, 1, 3, 20})
    for (int64_t T : {0, 1, 7})
      for (int64_t bytes : {0, 2, 4, 8, 20})
        for (int first = 0; first < 2; ++first)
          for (int dense = 0; dense < 2; ++dense) padded_case(B, T, bytes, first, dense);
  padded_case(40, 90, 1024, true, false), padded_case(40, 90, 1024, false, false);

  int64_t lengths[2] = {2, 1}, order[2], place[2], sizes[2];
  float data[8] = {}, rows[8] = {};
  sequela_sorted found;
  expect(sequela_sort_lengths(2, 1, lengths, &found, order, place, sizes) == SEQUELA_BAD_BATCH_SIZES,
         "a length above T");
  expect(sequela_sort_lengths(-1, 1, lengths, &found, order, place, sizes) == SEQUELA_BAD_SIZE, "B");
  expect(sequela_sort_lengths(2, 2, nullptr, &found, order, place, sizes) == SEQUELA_MISSING, "null");
  auto status = [&](auto change) {
    sequela_padding p = {1, 2, 2, 3, 4, 8, 4, lengths};
    change(p);
    const int32_t gathered = sequela_gather(&p, data, rows);
    expect(gathered == sequela_scatter(&p, rows, data), "both ways alike");
    return gathered;
  };
  expect(status([](sequela_padding &) {}) == SEQUELA_OK, "a good call");
  expect(status([](sequela_padding &p) { p.N = 4; }) == SEQUELA_BAD_BATCH_SIZES, "sum");
  expect(status([](sequela_padding &p) { p.T = 1; }) == SEQUELA_BAD_BATCH_SIZES, "length");
  expect(status([](sequela_padding &p) { p.lengths = nullptr; }) == SEQUELA_BAD_BATCH_SIZES, "dense");
  expect(status([](sequela_padding &p) { p.B = -1; }) == SEQUELA_BAD_SIZE, "negative");
  expect(status([](sequela_padding &p) { p.row_stride = -8; }) == SEQUELA_BAD_SIZE, "stride");
  expect(status([](sequela_padding &p) { p.T = INT64_MAX; }) == SEQUELA_BAD_SIZE, "huge");
  sequela_padding good = {1, 2, 2, 3, 4, 8, 4, lengths};
  expect(sequela_gather(&good, nullptr, rows) == SEQUELA_MISSING, "padded");
  expect(sequela_scatter(&good, nullptr, data) == SEQUELA_MISSING, "packed");
}

}  // namespace

#endif
