// A random layer, its expectation by plain loops in double precision, and what the tests share: the
// count of failures, the draws, the hash of all results.
#ifndef SEQUELA_TESTS_EXAMPLE_H
#define SEQUELA_TESTS_EXAMPLE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vector>

#include "sequela/recurrent.h"

namespace {

int failures = 0;

void expect(bool good, const char *what) {
  if (good) return;
  ++failures;
  printf("failed: %s\n", what);
}

// FNV-1a over the bytes of everything that was computed.
uint64_t hash = 14695981039346656037u;
template <class T>
void add_to_hash(const std::vector<T> &values) {
  const unsigned char *bytes = reinterpret_cast<const unsigned char *>(values.data());
  for (size_t i = 0; i < values.size() * sizeof(T); ++i) hash = (hash ^ bytes[i]) * 1099511628211u;
}

thread_local uint64_t seed = 1;
double draw() {  // in [-1, 1)
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (double)(seed >> 11) / (double)(1ull << 52) - 1;
}

double sigmoid(double x) { return 1 / (1 + exp(-x)); }

template <class T>
struct Example {
  sequela_layer layer;
  std::vector<int64_t> sizes;
  std::vector<T> x, h0, c0, w_ih, w_hh, b_ih, b_hh, out, h_n, c_n;
  std::vector<std::vector<T>> options;
  std::vector<T> handed[5];

  static std::vector<T> fill(int64_t count, double scale) {
    std::vector<T> values((size_t)count);
    for (T &value : values) value = (T)(draw() * scale);
    return values;
  }

  Example(int cell, std::vector<int64_t> batch_sizes, int64_t B, int64_t D, int64_t H, int reverse,
          int threads)
      : sizes(batch_sizes) {
    const int64_t G = cell < 2 ? 1 : cell == 2 ? 4 : 3;
    int64_t N = 0;
    for (int64_t size : sizes) N += size;
    x = fill(N * D, 1), h0 = fill(B * H, 1), c0 = fill(B * H, 1);
    w_ih = fill(G * H * D, 1), w_hh = fill(G * H * H, 1 / sqrt((double)H));
    b_ih = fill(G * H, 1), b_hh = fill(G * H, 1);
    out.resize((size_t)(N * H)), h_n.resize((size_t)(B * H)), c_n.resize((size_t)(B * H));
    layer = {cell, sizeof(T) == 8, reverse, threads, N, (int64_t)sizes.size(), B, D, H,
             sizes.data(), x.data(), h0.data(), c0.data(), w_ih.data(), w_hh.data(), b_ih.data(),
             b_hh.data(), H, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr,
             nullptr, 0, 0, 0};
  }

  const void *option(std::vector<T> values) {
    options.push_back(values);
    return options.back().data();
  }

  // Every option that the cell has, with values that change nothing: the bits stay.
  void add_neutral() {
    const int64_t H = layer.H;
    options.reserve(8);
    layer.mask = option(std::vector<T>(h0.size(), 1));
    layer.keep_h = option(std::vector<T>(out.size(), 0));
    layer.everything = 1;
    if (layer.cell != SEQUELA_LSTM) return;
    layer.keep_c = option(std::vector<T>(out.size(), 0));
    layer.w_peephole = option(std::vector<T>((size_t)(3 * H), 0));
    std::vector<T> identity((size_t)(H * H), 0);
    for (int64_t i = 0; i < H; ++i) identity[(size_t)(i * H + i)] = 1;
    layer.w_hr = option(identity);
  }

  // Every option, with values that change everything; the projection narrows h.
  void add_options(int64_t P) {
    const int64_t H = layer.H, N = layer.N, B = layer.B;
    const size_t rows = b_hh.size();
    const bool lstm = layer.cell == SEQUELA_LSTM;
    options.reserve(16);
    if (lstm) {
      layer.P = P;
      layer.w_hr = option(fill(P * H, 1));
      w_hh = fill(4 * H * P, 1), layer.w_hh = w_hh.data();
      h0 = fill(B * P, 1), layer.h0 = h0.data();
      out.resize((size_t)(N * P)), h_n.resize((size_t)(B * P));
      layer.w_peephole = option(fill(3 * H, 1));
      layer.norm_c = option(fill(H, 1)), layer.norm_c_bias = option(fill(H, 1));
      layer.keep_c = option(fill(N * H, 1));
    }
    layer.norm_ih = option(fill((int64_t)rows, 1));
    layer.norm_hh = option(fill((int64_t)rows, 1));
    layer.mask = option(fill(B * layer.P, 1)), layer.keep_h = option(fill(N * layer.P, 1));
    layer.everything = 1;
  }

  sequela_everything all() {
    const int gates = layer.cell < 2 ? 0 : layer.cell == 2 ? 4 : 3;
    for (auto &part : handed) part.assign((size_t)(layer.N * layer.H), 0);
    sequela_everything result = {handed[4].data(), {}};
    for (int i = 0; i < gates; ++i) result.gates[i] = handed[i].data();
    return result;
  }

  // One row by the equations alone.
  double worst() const {
    const int64_t D = layer.D, H = layer.H;
    double worst = 0;
    std::vector<int64_t> offsets(1, 0);
    for (int64_t size : sizes) offsets.push_back(offsets.back() + size);
    for (int64_t b = 0; b < layer.B; ++b) {
      std::vector<double> h(h0.begin() + b * H, h0.begin() + (b + 1) * H);
      std::vector<double> c(c0.begin() + b * H, c0.begin() + (b + 1) * H);
      for (int64_t s = 0; s < layer.T; ++s) {
        const int64_t t = layer.reverse ? layer.T - 1 - s : s;
        if (sizes[(size_t)t] <= b) continue;
        const int64_t n = offsets[(size_t)t] + b;
        auto from_x = [&](int64_t row) {
          double sum = b_ih[(size_t)row];
          for (int64_t k = 0; k < D; ++k) sum += (double)w_ih[(size_t)(row * D + k)] * x[(size_t)(n * D + k)];
          return sum;
        };
        auto from = [&](const std::vector<double> &v, int64_t row) {
          double sum = b_hh[(size_t)row];
          for (int64_t k = 0; k < H; ++k) sum += (double)w_hh[(size_t)(row * H + k)] * v[(size_t)k];
          return sum;
        };
        std::vector<double> next(h), reset(h);
        for (int64_t u = 0; u < H; ++u) {
          double &to = next[(size_t)u];
          if (layer.cell < 2) {
            const double a = from_x(u) + from(h, u);
            to = layer.cell == 0 ? tanh(a) : a > 0 ? a : 0;
          } else if (layer.cell == 2) {
            const double i = sigmoid(from_x(u) + from(h, u));
            const double f = sigmoid(from_x(H + u) + from(h, H + u));
            const double g = tanh(from_x(2 * H + u) + from(h, 2 * H + u));
            const double o = sigmoid(from_x(3 * H + u) + from(h, 3 * H + u));
            c[(size_t)u] = f * c[(size_t)u] + i * g;
            to = o * tanh(c[(size_t)u]);
          } else if (layer.cell == 3) {
            const double r = sigmoid(from_x(u) + from(h, u));
            const double z = sigmoid(from_x(H + u) + from(h, H + u));
            const double m = tanh(from_x(2 * H + u) + r * from(h, 2 * H + u));
            to = (1 - z) * m + z * h[(size_t)u];
          } else {
            reset[(size_t)u] = sigmoid(from_x(u) + from(h, u)) * h[(size_t)u];
          }
        }
        for (int64_t u = 0; layer.cell == 4 && u < H; ++u) {
          const double z = sigmoid(from_x(H + u) + from(h, H + u));
          const double m = tanh(from_x(2 * H + u) + from(reset, 2 * H + u));
          next[(size_t)u] = (1 - z) * m + z * h[(size_t)u];
        }
        h = next;
        for (int64_t u = 0; u < H; ++u)
          worst = fmax(worst, fabs(h[(size_t)u] - out[(size_t)(n * H + u)]));
      }
      for (int64_t u = 0; u < H; ++u) {
        worst = fmax(worst, fabs(h[(size_t)u] - h_n[(size_t)(b * H + u)]));
        if (layer.cell == 2) worst = fmax(worst, fabs(c[(size_t)u] - c_n[(size_t)(b * H + u)]));
      }
    }
    return worst;
  }

  // Forward with everything kept, then all gradients; the sum of the gradients, to be compared.
  double train(bool hashed = false) {
    const int64_t bytes = sequela_saved_bytes(&layer);
    void *saved = nullptr;
    if (bytes < 0 || posix_memalign(&saved, 64, (size_t)bytes + 64)) return NAN;
    const sequela_everything given = all();
    expect(!sequela_forward(&layer, out.data(), h_n.data(), c_n.data(), saved, &given), "forward");
    std::vector<T> dout(out.size(), 1), late(c_n.size(), 1), each(handed[0].size(), 1);
    std::vector<T> dx(x.size()), dw_ih(w_ih.size()), dw_hh(w_hh.size()), db_ih(b_ih.size());
    std::vector<T> db_hh(b_hh.size()), dh0(h0.size()), dc0(c0.size());
    const size_t H = (size_t)layer.H, rows = b_hh.size();
    std::vector<T> dw_hr((size_t)layer.P * H), peephole(3 * H), ih(rows), hh(rows), c(H), shift(H);
    const void *e = each.data();
    const sequela_gradients gradients = {
        dout.data(),  late.data(),  late.data(),     dx.data(),    dw_ih.data(),
        dw_hh.data(), db_ih.data(), db_hh.data(),    dh0.data(),   dc0.data(),
        e,            {e, e, e, e}, dw_hr.data(),    peephole.data(), ih.data(),
        hh.data(),    c.data(),     shift.data(), 0};
    expect(!sequela_backward(&layer, out.data(), saved, &gradients), "backward");
    free(saved);
    if (hashed)
      for (auto *part : {&out, &h_n, &c_n, &dx, &dw_ih, &dw_hh, &db_ih, &db_hh, &dh0, &dc0})
        add_to_hash(*part);
    double sum = 0;
    for (auto *part : {&dx, &dw_ih, &dw_hh, &db_ih, &db_hh, &dh0, &dc0, &dw_hr, &peephole, &ih, &hh,
                       &c, &shift, &handed[0], &handed[4]})
      for (size_t i = 0; i < part->size(); ++i) sum += (double)(*part)[i] * cos((double)i);
    return sum;
  }
};

}  // namespace

#endif
