// Checks a call of score.h, takes memory and threads for it, and runs the kernel.
#include "sequela/score.h"

#include <stdlib.h>
#include <string.h>

#include "dispatch.h"
#include "job.h"
#include "threads.h"

namespace {

// A thread more is worth its waking from about this many multiply-adds (or steps' features) on.
constexpr int64_t kWorthAThread = (int64_t)1 << 18;
// Few rows fill no more than a vector of the widest instruction set, very few no more than half of
// it; a panel of more inner values than kNear leaves the second-level cache.
constexpr int64_t kFewRows = 16, kVeryFew = 8, kNear = 1024;
constexpr int64_t kMost = (int64_t)1 << 52, kPadding = 64;

bool fits(int64_t a, int64_t b) {
  int64_t product;
  return a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, &product) && product <= kMost;
}

int32_t worth(int64_t work, int32_t threads) {
  const int64_t most = work / kWorthAThread;
  return most < threads ? (int32_t)(most < 1 ? 1 : most) : threads;
}

bool all_below(const int64_t *values, int64_t count, int64_t bound) {
  bool good = true;
  for (int64_t i = 0; i < count; ++i) good &= (uint64_t)values[i] < (uint64_t)bound;
  return good;
}

// Runs `job` on a team with `bytes` of scratch, and `more` for each of its threads.
template <class J>
int32_t run(J *job, int32_t threads, int64_t bytes, int64_t more,
            void (*member)(void *, int32_t)) {
  sequela::Team team = sequela::take_team(threads);
  job->threads = team.size, job->team = &team;
  int32_t status = SEQUELA_NO_MEMORY;
  if (!posix_memalign(&job->scratch, 64, (size_t)(bytes + more * team.size + 64))) {
    sequela::run_team(&team, {member, job});
    status = SEQUELA_OK;
  }
  sequela::release_team(&team);
  if (!status) free(job->scratch);
  return status;
}

}  // namespace

extern "C" int32_t sequela_linear(int32_t precision, int32_t threads, int64_t N, int64_t D,
                                  int64_t O, const void *x, const void *w, const void *b,
                                  void *y) {
  if (precision < 0 || precision > 1) return SEQUELA_BAD_CELL;
  if (!fits(N, D) || !fits(O, D) || !fits(N, O) || D > kMost - kPadding ||
      !fits((N > O ? N : O) + kPadding, D + 1))
    return SEQUELA_BAD_SIZE;
  if (!N || !O) return SEQUELA_OK;
  if (!y || (D && (!x || !w))) return SEQUELA_MISSING;
  LinearJob job;
  memset(&job, 0, sizeof job);
  job.kernels = sequela::kernels_of(precision);
  job.rows = N, job.inner = D, job.outputs = O;
  job.x = x, job.w = w, job.b = b, job.y = y;
  job.own = D <= kNear && (N <= kVeryFew || O <= kVeryFew);
  job.swapped = job.own ? N > kVeryFew : N <= kFewRows && O > N;
  const int64_t each = (D + 1) * (O < kFewRows ? kFewRows : O);
  const int32_t useful = worth(N > kMost / each ? kMost : N * each, threads);
  const int64_t bytes = job.kernels->linear_scratch(&job);
  return run(&job, useful, job.own ? 0 : bytes, job.own ? bytes : 0, [](void *job, int32_t thread) {
    const LinearJob *linear = static_cast<LinearJob *>(job);
    linear->kernels->linear(linear, thread);
  });
}

extern "C" int32_t sequela_pool(const struct sequela_pool_call *given, void *y) {
  const struct sequela_pool_call &call = *given;
  if (call.pooling < 0 || call.pooling > 1 || call.precision < 0 || call.precision > 1)
    return SEQUELA_BAD_CELL;
  if (!fits(call.N, 8) || call.F < 0 || call.F > kMost - kPadding ||
      !fits(call.B, call.F + kPadding) || !fits(call.N, call.F))
    return SEQUELA_BAD_SIZE;
  if (call.N && !call.rows) return SEQUELA_MISSING;
  if (!all_below(call.rows, call.N, call.B)) return SEQUELA_BAD_ROW;
  if (!call.B || !call.F) return SEQUELA_OK;
  if (!y || (call.N && !call.x) || (call.pooling && call.weights)) return SEQUELA_MISSING;
  PoolJob job;
  memset(&job, 0, sizeof job);
  job.kernels = sequela::kernels_of(call.precision);
  job.pooling = call.pooling;
  job.steps = call.N, job.batch = call.B, job.features = call.F;
  job.rows = call.rows, job.weights = call.weights, job.x = call.x, job.y = y;
  const int32_t useful = call.F < 2 * kFewRows ? 1 : worth(call.N * call.F, call.threads);
  return run(&job, useful, 0, call.B, [](void *job, int32_t thread) {
    const PoolJob *pool = static_cast<PoolJob *>(job);
    pool->kernels->pool(pool, thread);
  });
}

namespace {

// Whether the bags and their places fit each other; their job then.
int32_t bags_of(const struct sequela_bag_call &call, BagJob *job) {
  if (call.precision < 0 || call.precision > 1) return SEQUELA_BAD_CELL;
  if (!fits(call.N, 8) || !fits(call.M, 8) || call.F < 0 || call.F > kMost - kPadding ||
      !fits(call.N, call.F + kPadding) || !fits(call.V, call.F + kPadding))
    return SEQUELA_BAD_SIZE;
  if ((call.N && !call.offsets) || (call.M && !call.places)) return SEQUELA_MISSING;
  int64_t previous = 0;
  for (int64_t n = 0; n < call.N; ++n) {
    if (call.offsets[n] < previous || call.offsets[n] > call.M) return SEQUELA_BAD_ROW;
    previous = call.offsets[n];
  }
  if ((call.N && call.offsets[0]) || !all_below(call.places, call.M, call.V))
    return SEQUELA_BAD_ROW;
  memset(job, 0, sizeof *job);
  job->kernels = sequela::kernels_of(call.precision);
  job->bags = call.N, job->count = call.M, job->features = call.F, job->places_most = call.V;
  job->offsets = call.offsets, job->places = call.places;
  return SEQUELA_OK;
}

int32_t useful_threads(const struct sequela_bag_call &call) {
  const int64_t each = call.F + kPadding, most = kMost / each;
  return worth(call.M > most ? kMost : call.M * each, call.threads);
}

}  // namespace

extern "C" int32_t sequela_bag(const struct sequela_bag_call *given, void *y) {
  const struct sequela_bag_call &call = *given;
  BagJob job;
  if (const int32_t status = bags_of(call, &job)) return status;
  if (!fits(call.N, call.K) || !fits(call.K, call.F + kPadding)) return SEQUELA_BAD_SIZE;
  if (!call.N || !call.F) return SEQUELA_OK;
  if (!y || (call.M && !call.table) || (call.K && (!call.values || !call.rows)))
    return SEQUELA_MISSING;
  job.table = call.table, job.extra = call.K, job.values = call.values, job.rows = call.rows;
  job.y = y;
  return run(&job, useful_threads(call), 0, 0, [](void *job, int32_t thread) {
    const BagJob *bag = static_cast<BagJob *>(job);
    bag->kernels->bag(bag, thread);
  });
}

extern "C" int32_t sequela_bag_gradient(const struct sequela_bag_call *given, const void *dy,
                                        void *dtable) {
  const struct sequela_bag_call &call = *given;
  BagJob job;
  if (const int32_t status = bags_of(call, &job)) return status;
  if (!call.V || !call.F) return SEQUELA_OK;
  if (!dtable || (call.N && !dy)) return SEQUELA_MISSING;
  job.values = dy, job.y = dtable;
  return run(&job, useful_threads(call), 0, 0, [](void *job, int32_t thread) {
    const BagJob *bag = static_cast<BagJob *>(job);
    bag->kernels->bag_gradient(bag, thread);
  });
}

extern "C" int32_t sequela_softmax(int32_t precision, int32_t logarithm, int64_t N, int64_t B,
                                   const int64_t *rows, const void *x, void *y) {
  if (precision < 0 || precision > 1) return SEQUELA_BAD_CELL;
  if (!fits(N, 8) || !fits(B, 16)) return SEQUELA_BAD_SIZE;
  if (rows ? !all_below(rows, N, B) : B ? N % B != 0 : N != 0) return SEQUELA_BAD_ROW;
  if (!N) return SEQUELA_OK;
  if (!x || !y) return SEQUELA_MISSING;
  SoftmaxJob job;
  memset(&job, 0, sizeof job);
  job.logarithm = logarithm, job.count = N, job.batch = B, job.rows = rows, job.x = x, job.y = y;
  if (posix_memalign(&job.scratch, 64, (size_t)(B * 16 + 64))) return SEQUELA_NO_MEMORY;
  sequela::kernels_of(precision)->softmax(&job);
  free(job.scratch);
  return SEQUELA_OK;
}
