// The C interface from C++: random layers of every cell against plain loops in double precision,
// calls that do not fit, many callers at once. Prints a hash of all results, by which instruction
// sets can be compared. Exits with the number of failures.
#include <math.h>
#include <pthread.h>
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
        hh.data(),    c.data(),     shift.data()};
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

template <class T>
void options(Example<T> &example, int64_t H) {
  const std::vector<T> out = example.out, h_n = example.h_n, c_n = example.c_n;
  example.add_neutral();
  example.layer.threads = 2;
  example.train();
  expect(out == example.out && h_n == example.h_n, "options that change nothing: h");
  expect(example.layer.cell != SEQUELA_LSTM || c_n == example.c_n, "the same: c");
  example.add_options(H / 2 + 1);
  const double two = example.train();
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

template <class T>
void compute(double bound) {
  const std::vector<std::vector<int64_t>> shapes = {
      {7, 5, 5, 2, 1}, {1, 1, 1, 1, 1, 1}, {20, 20, 13}, {3, 0, 0}, {}};
  const int64_t hidden[] = {1, 5, 17, 33, 70}, inputs[] = {0, 1, 9, 40};
  for (int cell = 0; cell < 5; ++cell)
    for (const auto &sizes : shapes)
      for (int64_t H : hidden)
        for (int64_t D : inputs) {
          const int64_t B = (sizes.empty() ? 0 : sizes[0]) + 2;
          for (int reverse = 0; reverse < 2; ++reverse) {
            Example<T> example(cell, sizes, B, D, H, reverse, 2);
            expect(!sequela_forward(&example.layer, example.out.data(), example.h_n.data(),
                                    example.c_n.data(), nullptr, nullptr),
                   "forward");
            if (!(example.worst() < bound))
              printf("cell %d H %d D %d: %g\n", cell, (int)H, (int)D, example.worst());
            expect(example.worst() < bound, "equations");
            const double two = example.train(true);
            example.layer.threads = 1;
            expect(two == example.train(), "gradients with one thread and two");
            options(example, H);
          }
        }
  printf("bits of %s %016llx\n", sizeof(T) == 4 ? "float" : "double", (unsigned long long)hash);
}

void refuse() {
  Example<float> good(2, {3, 2}, 3, 4, 5, 0, 1);
  auto status = [&](auto change) {
    sequela_layer layer = good.layer;
    change(layer);
    return sequela_forward(&layer, good.out.data(), nullptr, nullptr, nullptr, nullptr);
  };
  expect(status([](sequela_layer &) {}) == SEQUELA_OK, "a good call");
  expect(status([](sequela_layer &l) { l.cell = 9; }) == SEQUELA_BAD_CELL, "cell");
  expect(status([](sequela_layer &l) { l.precision = 2; }) == SEQUELA_BAD_CELL, "precision");
  expect(status([](sequela_layer &l) { l.H = -1; }) == SEQUELA_BAD_SIZE, "negative");
  expect(status([](sequela_layer &l) { l.H = INT64_MAX; }) == SEQUELA_BAD_SIZE, "huge");
  expect(status([](sequela_layer &l) { l.D = INT64_MAX / 2; }) == SEQUELA_BAD_SIZE, "huge D");
  expect(status([](sequela_layer &l) { l.N = 6; }) == SEQUELA_BAD_BATCH_SIZES, "sum");
  expect(status([](sequela_layer &l) { l.B = 2; }) == SEQUELA_BAD_BATCH_SIZES, "rows");
  expect(status([](sequela_layer &l) { l.x = nullptr; }) == SEQUELA_MISSING, "x");
  expect(status([](sequela_layer &l) { l.w_hh = nullptr; }) == SEQUELA_MISSING, "w_hh");
  expect(status([](sequela_layer &l) { l.h0 = l.c0 = l.b_ih = l.b_hh = nullptr; }) == SEQUELA_OK,
         "optional arrays");
  const float some[64] = {};
  expect(status([](sequela_layer &l) { l.P = 3; }) == SEQUELA_BAD_OPTION, "P without w_hr");
  expect(status([](sequela_layer &l) { l.P = -1; }) == SEQUELA_BAD_SIZE, "negative P");
  expect(status([](sequela_layer &l) { l.zoneout_h = 2; }) == SEQUELA_BAD_OPTION, "rate");
  expect(status([&](sequela_layer &l) { l.norm_c_bias = some; }) == SEQUELA_BAD_OPTION, "shift");
  expect(status([&](sequela_layer &l) { l.cell = 3, l.w_peephole = some; }) == SEQUELA_BAD_OPTION,
         "a GRU's peephole");
  expect(sequela_backward(&good.layer, good.out.data(), nullptr, nullptr) == SEQUELA_MISSING,
         "saved");
}

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

void *caller(void *) {
  for (int i = 0; i < 50; ++i) {
    Example<float> example(i % 5, {9, 9, 4}, 9, 3, 64, 0, 2);
    example.train();
  }
  return nullptr;
}

void crowd() {
  pthread_t threads[8];
  for (pthread_t &thread : threads) pthread_create(&thread, nullptr, caller, nullptr);
  for (pthread_t &thread : threads) pthread_join(thread, nullptr);
}

// The worst error in units of the last place over the float32 numbers, every `step`-th of them.
void elementwise(uint32_t step) {
  const char *names[] = {"exp", "sigmoid", "tanh"};
  std::vector<float> x, y;
  for (uint64_t i = 0; i < 1ull << 32; i += step) {
    const uint32_t bits = (uint32_t)i;
    float value;
    memcpy(&value, &bits, 4);
    x.push_back(value);
    if (x.size() < 4096 && i + step < 1ull << 32) continue;
    y.resize(x.size());
    for (int f = 0; f < 3; ++f) {
      sequela_elementwise(f, 0, (int64_t)x.size(), x.data(), y.data());
      for (size_t k = 0; k < x.size(); ++k) {
        const double v = x[k], e = exp(v);
        const double want = f == 0 ? e : f == 2 ? tanh(v) : v < 0 ? e / (1 + e) : 1 / (1 + exp(-v));
        const float rounded = (float)want;
        if (isnan(want) || isinf(rounded)) {
          expect(isnan(want) ? isnan(y[k]) : y[k] == rounded, names[f]);
          continue;
        }
        int exponent;
        frexp(want, &exponent);
        const double unit = ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
        const bool good = fabs(y[k] - want) <= 2 * unit;
        if (!good) printf("%s(%a) = %a\n", names[f], v, (double)y[k]);
        expect(good, names[f]);
      }
    }
    x.clear();
  }
}

}  // namespace

#include "padded_cases.h"
#include "score_cases.h"

int main(int count, char **arguments) {
  printf("instruction set %s\n", sequela_instruction_set());
  compute<double>(1e-12);
  compute<float>(2e-5);
  steps<double>();
  steps<float>();
  refuse();
  refuse_step();
  random_words();
  products<double>(1e-13);
  products<float>(5e-5);
  reductions<double>(1e-13);
  reductions<float>(5e-5);
  halves();
  padded();
  seed = 7, crowd();
  elementwise(count > 1 ? (uint32_t)atoi(arguments[1]) : 4999);
  printf("%d failures\n", failures);
  return failures != 0;
}
