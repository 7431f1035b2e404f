// exp, sigmoid and tanh of the instruction set in use: every STEP-th of the 2^32 float32 numbers
// against the system's double precision, SAMPLES float64 numbers for each function against its long
// double. The first two arguments are STEP (1: all of them) and SAMPLES. Exits with the number of
// failures.
//
// The unit is the ulp: the distance between the numbers of the binade of the true value; of results
// below the smallest normal number that of subnormal ones. Beside it stands the error relative to
// the true value in units of 2^-24 (2^-53), which is what an ulp is at most.
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sequela/recurrent.h"

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 35)
// The system's vectors of these functions (at most 4 ulp of a double): an hour less.
extern "C" __attribute__((simd("notinbranch"))) double exp(double) noexcept(true);
extern "C" __attribute__((simd("notinbranch"))) double tanh(double) noexcept(true);
#endif

namespace {

enum { kExp, kSigmoid, kTanh, kFunctions };
const char *const names[] = {"exp", "sigmoid", "tanh"};
constexpr double bounds[] = {1, 2, 2};
constexpr int kBlock = 4096;

int failures = 0;

void expect(bool good, const char *what) {
  if (good) return;
  ++failures;
  printf("failed: %s\n", what);
}

struct Worst {
  double ulp, relative, subnormal;
  double at;
};

void add(Worst &to, const Worst &from) {
  if (from.ulp > to.ulp) to.ulp = from.ulp, to.at = from.at;
  to.relative = fmax(to.relative, from.relative);
  to.subnormal = fmax(to.subnormal, from.subnormal);
}

int64_t bits_of(double value) {
  int64_t bits;
  memcpy(&bits, &value, 8);
  return bits;
}

double from_bits(int64_t bits) {
  double value;
  memcpy(&value, &bits, 8);
  return value;
}

void truth(int function, const float *x, double *want) {
  for (int k = 0; k < kBlock; ++k) {
    // Beyond 100 sigmoid is 1 in double precision too.
    const double v = function == kSigmoid ? (x[k] > 100 ? 100. : x[k]) : x[k];
    want[k] = function == kTanh ? tanh(v) : exp(v);
  }
  if (function == kSigmoid)
    for (int k = 0; k < kBlock; ++k) want[k] = want[k] / (1 + want[k]);
}

// The error of one value in ulps; infinity where NaN or an overflow is not where it should be.
inline double ulps(double got, double want) {
  constexpr int64_t kExponent = (int64_t)0x7ff << 52, kLeast = (int64_t)(1023 - 126) << 52;
  const int64_t exponent = bits_of(want) & kExponent;
  const int64_t binade = exponent < kLeast ? kLeast : exponent;
  const double inverse = from_bits(((int64_t)(2046 + 23) << 52) - binade);
  const double error = fabs(got - want) * inverse;
  const bool overflow = want >= 0x1.ffffffp127;  // rounds to infinity
  const double strict = overflow ? (got == INFINITY ? 0. : INFINITY) : error;
  const bool is_nan = want != want, gives_nan = got != got;
  return is_nan == gives_nan ? (is_nan ? 0. : strict) : INFINITY;
}

void compare(const float *x, const float *y, const double *want, Worst &worst) {
  double most = 0, relative = 0, subnormal = 0;
  for (int k = 0; k < kBlock; ++k) {
    const double error = ulps(y[k], want[k]), size = fabs(want[k]);
    const bool is_normal = size >= FLT_MIN && size <= FLT_MAX;
    const double part = is_normal ? fabs(y[k] - want[k]) / size * 0x1p24 : 0;
    const double small = size < FLT_MIN ? error : 0;
    most = error > most ? error : most;
    relative = part > relative ? part : relative;
    subnormal = small > subnormal ? small : subnormal;
  }
  Worst found = {most, relative, subnormal, 0};
  if (most > worst.ulp)
    for (int k = 0; k < kBlock; ++k)
      if (ulps(y[k], want[k]) == most) found.at = x[k];
  add(worst, found);
}

// Whether a block of neighbours may be passed over: from 128 on the functions are constant, below
// 2^-30 two of them are; of these one block in 61 is looked at.
bool dull(int function, uint64_t block, float first) {
  if (block % 61 == 0) return false;
  return !(fabsf(first) < 128) || (function != kTanh && fabsf(first) < 0x1p-30f);
}

struct Sweep {
  uint64_t step, first, every;  // blocks `first`, `first + every`, ... of kBlock numbers
  Worst worst[kFunctions];
};

void *sweep(void *argument) {
  Sweep &own = *static_cast<Sweep *>(argument);
  float x[kBlock], y[kBlock];
  double want[kBlock];
  const uint64_t blocks = ((1ull << 32) / own.step + kBlock - 1) / kBlock;
  for (uint64_t block = own.first; block < blocks; block += own.every) {
    for (int k = 0; k < kBlock; ++k) {
      const uint32_t bits = (uint32_t)((block * kBlock + (uint64_t)k) * own.step);
      memcpy(x + k, &bits, 4);
    }
    for (int f = 0; f < kFunctions; ++f) {
      if (own.step == 1 && dull(f, block, x[0])) continue;
      sequela_elementwise(f, SEQUELA_FLOAT32, kBlock, x, y);
      truth(f, x, want);
      compare(x, y, want, own.worst[f]);
    }
  }
  return nullptr;
}

void report(const char *precision, int function, const Worst &worst) {
  printf("%s %s %s: %.3f ulp at %a, subnormal results %.3f, relative %.3f\n",
         sequela_instruction_set(), precision, names[function], worst.ulp, worst.at,
         worst.subnormal, worst.relative);
  expect(worst.ulp <= bounds[function], names[function]);
}

void floats(uint64_t step) {
  constexpr int kMost = 64;
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  const int count = online < 1 ? 1 : online > kMost ? kMost : (int)online;
  static Sweep sweeps[kMost];
  pthread_t threads[kMost];
  for (int i = 0; i < count; ++i) {
    sweeps[i].step = step, sweeps[i].first = (uint64_t)i, sweeps[i].every = (uint64_t)count;
    pthread_create(&threads[i], nullptr, sweep, &sweeps[i]);
  }
  for (int i = 0; i < count; ++i) pthread_join(threads[i], nullptr);
  for (int f = 0; f < kFunctions; ++f) {
    for (int i = 1; i < count; ++i) add(sweeps[0].worst[f], sweeps[i].worst[f]);
    report("float32", f, sweeps[0].worst[f]);
  }
}

long double exactly(int function, long double x) {
  if (function == kExp) return expl(x);
  if (function == kTanh) return tanhl(x);
  return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x));
}

// Half of the samples spread over the binades from 2^-40 to 2^10, half over where most changes.
void doubles(int64_t samples) {
  uint64_t seed = 1;
  for (int f = 0; f < kFunctions; ++f) {
    Worst worst = {};
    double x[kBlock], y[kBlock];
    for (int64_t done = 0; done < samples; done += kBlock) {
      for (double &value : x) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const double part = (double)(seed >> 12) / (double)(1ull << 51) - 1;
        value = seed >> 11 & 1 ? ldexp(part < 0 ? part - 1 : part + 1, (int)(seed >> 5 & 63) % 50 - 40)
                               : part * (f == kExp ? 750 : 40);
      }
      sequela_elementwise(f, SEQUELA_FLOAT64, kBlock, x, y);
      for (int k = 0; k < kBlock; ++k) {
        const long double want = exactly(f, x[k]);
        if (want > DBL_MAX) {
          expect(y[k] == INFINITY || (double)want != INFINITY, names[f]);
          continue;
        }
        int exponent;
        frexpl(want, &exponent);
        const long double unit = ldexpl(1, (exponent < -1021 ? -1021 : exponent) - 53);
        const double error = (double)(fabsl(y[k] - want) / unit);
        const bool is_normal = fabsl(want) >= DBL_MIN;
        const double part = (double)(fabsl(y[k] - want) / fabsl(want) * 0x1p53L);
        add(worst, {error == error ? error : INFINITY, is_normal ? part : 0, is_normal ? 0 : error,
                    x[k]});
      }
    }
    report("float64", f, worst);
  }
}

template <class T>
void ends(int precision) {
  const T x[] = {0, -0.0, (T)INFINITY, (T)-INFINITY, (T)NAN};
  const T want[][5] = {{1, 1, (T)INFINITY, 0, (T)NAN}, {0.5, 0.5, 1, 0, (T)NAN}, {0, -0.0, 1, -1, (T)NAN}};
  for (int f = 0; f < kFunctions; ++f) {
    T y[5];
    sequela_elementwise(f, precision, 5, x, y);
    expect(!memcmp(y, want[f], 4 * sizeof(T)) && y[4] != y[4], names[f]);
  }
}

}  // namespace

int main(int count, char **arguments) {
  const int64_t step = count > 1 ? atoll(arguments[1]) : 4999;
  const int64_t samples = count > 2 ? atoll(arguments[2]) : 100000;
  printf("instruction set %s\n", sequela_instruction_set());
  ends<float>(SEQUELA_FLOAT32);
  ends<double>(SEQUELA_FLOAT64);
  floats(step < 1 ? 1 : (uint64_t)step);
  doubles(samples);
  printf("%d failures\n", failures);
  return failures != 0;
}
