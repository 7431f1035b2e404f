// The C interface from C++: random layers of every cell against plain loops in double precision,
// calls that do not fit, many callers at once. Prints a hash of all results, by which instruction
// sets can be compared. Exits with the number of failures.
#include <pthread.h>

#include "bfloat_cases.h"
#include "example.h"
#include "given_cases.h"
#include "lent_cases.h"
#include "option_cases.h"
#include "padded_cases.h"
#include "score_cases.h"
#include "stack_cases.h"
#include "step_cases.h"

// Stands before the C library's: what the kernels take begins as NaN in every precision, since what
// an earlier call left there must not matter.
extern "C" int posix_memalign(void **memory, size_t alignment, size_t size) noexcept {
  *memory = aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (!*memory) return 12;  // ENOMEM
  memset(*memory, 0xff, size);
  return 0;
}

namespace {

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
            // Threads wait for each other, which takes long where the processors are busy.
            const int threads = reverse ? 2 : 1;
            Example<T> example(cell, sizes, B, D, H, reverse, threads);
            expect(!sequela_forward(&example.layer, example.out.data(), example.h_n.data(),
                                    example.c_n.data(), nullptr, nullptr),
                   "forward");
            if (!(example.worst() < bound))
              printf("cell %d H %d D %d: %g\n", cell, (int)H, (int)D, example.worst());
            expect(example.worst() < bound, "equations");
            const double trained = example.train(true);
            example.layer.threads = 1;
            if (threads == 2)
              expect(trained == example.train(), "gradients with one thread and two");
            options(example, H);
          }
        }
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

void print_hash(const char *precision) {
  printf("bits of %s %016llx\n", precision, (unsigned long long)hash);
}

}  // namespace

int main() {
  printf("instruction set %s\n", sequela_instruction_set());
  compute<double>(1e-12);
  functions<double>();
  given<double>();
  print_hash("double");
  compute<float>(2e-5);
  functions<float>();
  given<float>();
  print_hash("float");
  steps<double>();
  steps<float>();
  stacks<double>();
  stacks<float>();
  refuse();
  refuse_step();
  refuse_given();
  random_words();
  products<double>(1e-13);
  products<float>(5e-5);
  reductions<double>(1e-13);
  reductions<float>(5e-5);
  halves();
  padded();
  seed = 7;
  crowd();
  lent_teams();
  printf("%d failures\n", failures);
  return failures != 0;
}
