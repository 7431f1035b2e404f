// The way to a score, score.h: products, reductions, softmax, functions.
#ifndef SEQUELA_TESTS_SCORE_CASES_H
#define SEQUELA_TESTS_SCORE_CASES_H

#include "example.h"
#include "sequela/score.h"

namespace {

// A product's rows against plain sums, and the same rows in twos on other threads.
template <class T>
void products(double bound) {
  const int precision = sizeof(T) == 8;
  const int64_t sizes[] = {1, 2, 15, 16, 17, 40, 70}, inputs[] = {0, 1, 9, 40};
  for (int64_t N : sizes)
    for (int64_t O : sizes)
      for (int64_t D : inputs) {
        const auto x = Example<T>::fill(N * D, 1), w = Example<T>::fill(O * D, 1);
        const auto b = Example<T>::fill(O, 1);
        std::vector<T> y((size_t)(N * O)), part((size_t)(2 * O));
        expect(!sequela_linear(precision, 2, N, D, O, x.data(), w.data(), b.data(), y.data()),
               "linear");
        for (int64_t n = 0; n < N; ++n)
          for (int64_t o = 0; o < O; ++o) {
            double sum = b[(size_t)o];
            for (int64_t d = 0; d < D; ++d) sum += (double)x[(size_t)(n * D + d)] * w[(size_t)(o * D + d)];
            expect(fabs(sum - (double)y[(size_t)(n * O + o)]) < bound, "product");
          }
        for (int64_t n = 0; n + 2 <= N; n += 2) {
          sequela_linear(precision, 1, 2, D, O, x.data() + n * D, w.data(), b.data(), part.data());
          expect(!memcmp(part.data(), y.data() + n * O, part.size() * sizeof(T)), "rows in twos");
        }
      }
}

// The gradient of a table from those of its bags.
template <class T>
void of_places(const sequela_bag_call &bag, double bound) {
  const auto dy = Example<T>::fill(bag.N * bag.F, 1);
  std::vector<T> found((size_t)(bag.V * bag.F)), alone(found);
  sequela_bag_call one = bag;
  one.threads = 1;
  expect(!sequela_bag_gradient(&bag, dy.data(), found.data()) &&
             !sequela_bag_gradient(&one, dy.data(), alone.data()) && found == alone,
         "the gradient of a table");
  std::vector<double> sum(found.size(), 0);
  for (int64_t n = 0; n < bag.N; ++n) {
    const int64_t end = n + 1 < bag.N ? bag.offsets[n + 1] : bag.M;
    for (int64_t m = bag.offsets[n]; m < end; ++m)
      for (int64_t f = 0; f < bag.F; ++f)
        sum[(size_t)(bag.places[m] * bag.F + f)] += dy[(size_t)(n * bag.F + f)];
  }
  for (size_t i = 0; i < sum.size(); ++i) expect(fabs(sum[i] - found[i]) < bound, "of places");
}

// Sums, maxima and softmax by row against plain loops; calls that do not fit.
template <class T>
void reductions(double bound) {
  const int precision = sizeof(T) == 8;
  const int64_t N = 50, B = 7, rows_most = 5;
  const auto weights = Example<T>::fill(N, 1);
  std::vector<int64_t> rows((size_t)N), starts((size_t)B);
  for (int64_t n = 0; n < N; ++n) rows[(size_t)n] = (n * 13) % rows_most;
  for (int64_t b = 0; b < B; ++b) starts[(size_t)b] = b ? 5 * b - 5 : 0;
  for (int64_t F : {1, 5, 16, 33, 130}) {
    const auto x = Example<T>::fill(N * F, 1);
    std::vector<T> sum((size_t)(B * F)), most(sum), bags(sum);
    const sequela_pool_call pool = {SEQUELA_SUM, precision, 2, N, B, F, rows.data(), weights.data(), x.data()};
    sequela_pool_call greatest = pool;
    greatest.pooling = SEQUELA_MAX, greatest.weights = nullptr;
    const int64_t K = F % 4;
    const auto values = Example<T>::fill(B * K, 1), extra = Example<T>::fill(K * F, 1);
    const sequela_bag_call bag = {precision,   2,        B, N,             F,           N, starts.data(),
                                  rows.data(), x.data(), K, values.data(), extra.data()};
    expect(!sequela_pool(&pool, sum.data()) && !sequela_pool(&greatest, most.data()) &&
               !sequela_bag(&bag, bags.data()),
           "reductions");
    for (int64_t b = 0; b < B; ++b)
      for (int64_t f = 0; f < F; ++f) {
        double s = 0, m = b < rows_most ? -9 : 0, g = 0;
        for (int64_t n = 0; n < N; ++n) {
          const double value = x[(size_t)(n * F + f)];
          if (rows[(size_t)n] == b) s += weights[(size_t)n] * value, m = fmax(m, value);
          if (n >= starts[(size_t)b] && (b + 1 == B || n < starts[(size_t)b + 1]))
            g += x[(size_t)(rows[(size_t)n] * F + f)];
        }
        for (int64_t k = 0; k < K; ++k)
          g += (double)values[(size_t)(b * K + k)] * extra[(size_t)(k * F + f)];
        const size_t i = (size_t)(b * F + f);
        expect(fabs(s - sum[i]) < bound && m == most[i] && fabs(g - bags[i]) < bound, "by row");
      }
    of_places<T>(bag, bound);
    greatest.weights = weights.data();
    expect(sequela_pool(&greatest, most.data()) == SEQUELA_MISSING, "weights with a maximum");
    sequela_pool_call outside = pool;
    outside.B = rows_most - 1;
    expect(sequela_pool(&outside, sum.data()) == SEQUELA_BAD_ROW, "a row outside");
    sequela_bag_call beyond = bag;
    beyond.V = rows_most - 1;
    expect(sequela_bag(&beyond, bags.data()) == SEQUELA_BAD_ROW &&
               sequela_bag_gradient(&beyond, x.data(), bags.data()) == SEQUELA_BAD_ROW,
           "a place outside");
    beyond = bag, beyond.K = -1;
    expect(sequela_bag(&beyond, bags.data()) == SEQUELA_BAD_SIZE, "a negative K");
    beyond.K = 1, beyond.values = nullptr;
    expect(sequela_bag(&beyond, bags.data()) == SEQUELA_MISSING, "values");
  }
  std::vector<T> shares((size_t)N), logs(shares);
  expect(!sequela_softmax(precision, 0, N, B, rows.data(), weights.data(), shares.data()) &&
             !sequela_softmax(precision, 1, N, B, rows.data(), weights.data(), logs.data()),
         "softmax");
  for (int64_t n = 0; n < N; ++n) {
    double total = 0;
    for (int64_t m = 0; m < N; ++m)
      if (rows[(size_t)m] == rows[(size_t)n]) total += exp((double)weights[(size_t)m]);
    const double share = exp((double)weights[(size_t)n]) / total;
    expect(fabs(share - shares[(size_t)n]) < bound && fabs(log(share) - logs[(size_t)n]) < bound,
           "shares");
  }
  expect(sequela_softmax(precision, 0, N, rows_most - 1, rows.data(), weights.data(),
                         shares.data()) == SEQUELA_BAD_ROW,
         "a row outside");
  expect(sequela_linear(precision, 1, -1, 1, 1, nullptr, nullptr, nullptr, nullptr) ==
             SEQUELA_BAD_SIZE,
         "negative");
  expect(sequela_linear(precision, 1, INT64_MAX, INT64_MAX, 1, nullptr, nullptr, nullptr, nullptr) ==
             SEQUELA_BAD_SIZE,
         "huge");
  expect(sequela_linear(2, 1, 1, 1, 1, nullptr, nullptr, nullptr, nullptr) == SEQUELA_BAD_CELL,
         "precision");
  expect(sequela_linear(precision, 1, 1, 1, 1, nullptr, nullptr, nullptr, nullptr) ==
             SEQUELA_MISSING,
         "arrays");
}

// Into the hash; how near the truth they are is the subject of test_functions.cpp.
template <class T>
void functions() {
  std::vector<T> x = {0, (T)-0.0, (T)INFINITY, (T)-INFINITY, (T)NAN};
  for (int i = 0; i < 20000; ++i) x.push_back((T)ldexp(draw(), i % 160 - 150));
  for (int function = 0; function < 3; ++function) {
    std::vector<T> y(x.size());
    expect(!sequela_elementwise(function, sizeof(T) == 8, (int64_t)x.size(), x.data(), y.data()),
           "functions");
    expect(isnan(y[4]), "the function of no number");
    y[4] = 0;  // which NaN it is may differ
    add_to_hash(y);
  }
}

}  // namespace

#endif
