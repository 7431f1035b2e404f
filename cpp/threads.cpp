#include "threads.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "job.h"
#include "sequela/recurrent.h"

namespace sequela {
namespace {

// Some hundred microseconds. Spinning costs another process its time, sleeping a wake-up of some five
// microseconds; with an eighth of this a call of 230 microseconds nearly always slept once.
constexpr int kSpins = 8000;
// Calls that stay alone after one that mostly slept at its barriers: at first two, twice as many each
// time that it happens again at once.
constexpr int32_t kMostCrowdedCalls = 64;
int32_t crowded, crowded_next = 2;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

void sleep_on(uint32_t *word, uint32_t seen) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
}

void wake(uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, kMostThreads); }

// Whether the word is no longer `seen` within a spin.
bool spin(uint32_t *word, uint32_t seen) {
  for (int i = 0; i < kSpins; ++i) {
    if (__atomic_load_n(word, __ATOMIC_ACQUIRE) != seen) return true;
    relax();
  }
  return false;
}

void sleep_until_change(uint32_t *word, uint32_t seen) {
  while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == seen) sleep_on(word, seen);
}

void await_change(uint32_t *word, uint32_t seen) {
  if (!spin(word, seen)) sleep_until_change(word, seen);
}

struct Pool {
  uint32_t busy;      // one team at a time
  int32_t threads;    // started, without callers
  uint32_t round;     // raised once per job; workers wait for it
  uint32_t remaining; // workers that have not finished the job
  uint32_t finished;  // raised when the last one has
  int32_t size;       // members of this job's team, the caller included
  Work work;
};

Pool pool;
pthread_once_t once = PTHREAD_ONCE_INIT;

// The round that a worker has seen when it is started; each starts with the job before its first.
struct Start {
  int32_t number;
  uint32_t round;
} starts[kMostThreads];

void *worker(void *argument) {
  const Start start = *static_cast<Start *>(argument);
  uint32_t seen = start.round;
  for (;;) {
    await_change(&pool.round, seen);
    seen = __atomic_load_n(&pool.round, __ATOMIC_ACQUIRE);
    // A job's round stays until all its members have finished, so what is read here is whole.
    if (start.number < __atomic_load_n(&pool.size, __ATOMIC_RELAXED))
      pool.work.run(pool.work.context, start.number);
    if (__atomic_sub_fetch(&pool.remaining, 1, __ATOMIC_ACQ_REL) == 0) {
      __atomic_add_fetch(&pool.finished, 1, __ATOMIC_RELEASE);
      wake(&pool.finished);
    }
  }
  return nullptr;
}

// The program's OpenMP team, once it is lent; see sequela_share_threads.
struct Lent {
  sequela_openmp openmp;
  bool here;
} lent;

// A job on the lent team; `members` stays 0 when the team turned out smaller than it had said.
struct LentJob {
  Work work;
  int32_t size, members;
};

void lent_member(void *context) {
  LentJob *job = static_cast<LentJob *>(context);
  if (lent.openmp.team_size() != job->size) return;
  __atomic_add_fetch(&job->members, 1, __ATOMIC_RELAXED);
  job->work.run(job->work.context, lent.openmp.thread_number());
}

// Only the main thread's: OpenMP makes another team for each thread that asks.
bool is_lent(int32_t size) {
  return lent.here && lent.openmp.most_threads() == size && syscall(SYS_gettid) == getpid();
}

bool run_lent(int32_t size, Work work) {
  LentJob job = {work, size, 0};
  lent.openmp.parallel(lent_member, &job, (unsigned)size, 0);
  return __atomic_load_n(&job.members, __ATOMIC_RELAXED) > 0;
}

void in_child() { pool = Pool{}, lent.here = false; }
void prepare() { pthread_atfork(nullptr, nullptr, in_child); }

// A worker takes no signals: they belong to the program's own threads.
bool start_worker() {
  sigset_t all, previous;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &previous);
  Start *start = &starts[pool.threads];
  *start = {pool.threads + 1, pool.round};
  pthread_t thread;
  const bool good = pthread_create(&thread, nullptr, worker, start) == 0;
  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  if (!good) return false;
  pthread_detach(thread);
  ++pool.threads;
  return true;
}

}  // namespace

Team take_team(int32_t wanted) {
  Team team = {1, 0, 0, 0, 0, false, false};
  if (wanted > kMostThreads) wanted = kMostThreads;
  if (wanted < 2) return team;
  pthread_once(&once, prepare);
  if (__atomic_exchange_n(&pool.busy, 1, __ATOMIC_ACQUIRE)) return team;
  while (pool.threads < wanted - 1 && start_worker()) {
  }
  team.size = pool.threads + 1 < wanted ? pool.threads + 1 : wanted;
  team.pooled = true;
  return team;
}

void run_team(Team *team, Work work) {
  if (team->size < 2) return work.run(work.context, 0);
  if (is_lent(team->size) && run_lent(team->size, work)) return;
  // Every worker takes part in every round, so that none can miss one and see the next one's work.
  pool.work = work;
  __atomic_store_n(&pool.size, team->size, __ATOMIC_RELAXED);
  __atomic_store_n(&pool.remaining, (uint32_t)pool.threads, __ATOMIC_RELAXED);
  const uint32_t finished = __atomic_load_n(&pool.finished, __ATOMIC_RELAXED);
  __atomic_add_fetch(&pool.round, 1, __ATOMIC_RELEASE);
  wake(&pool.round);
  work.run(work.context, 0);
  await_change(&pool.finished, finished);
}

bool is_crowded() {
  const int32_t left = __atomic_load_n(&crowded, __ATOMIC_RELAXED);
  if (left > 0) __atomic_store_n(&crowded, left - 1, __ATOMIC_RELAXED);
  return left > 0;
}

int64_t nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000 + now.tv_nsec;
}

void run_tight_team(Team *team, Work work) {
  team->tight = true;
  const int64_t begin = nanoseconds();
  run_team(team, work);
  // A sleep now and then is the system's; another process on one's core makes it the greater part.
  const bool slept = 2 * team->slept > nanoseconds() - begin;
  const int32_t calls = __atomic_load_n(&crowded_next, __ATOMIC_RELAXED);
  if (slept) __atomic_store_n(&crowded, calls, __ATOMIC_RELAXED);
  const int32_t next = !slept ? 2 : 2 * calls < kMostCrowdedCalls ? 2 * calls : kMostCrowdedCalls;
  __atomic_store_n(&crowded_next, next, __ATOMIC_RELAXED);
}

void release_team(Team *team) {
  if (team->pooled) __atomic_store_n(&pool.busy, 0, __ATOMIC_RELEASE);
}

}  // namespace sequela

extern "C" void sequela_share_threads(const sequela_openmp *openmp) {
  using namespace sequela;
  pthread_once(&once, prepare);
  lent.here = false;
  if (openmp) lent = {*openmp, true};
}

extern "C" void sequela_team_wait(void *context) {
  using namespace sequela;
  Team *team = static_cast<Team *>(context);
  if (team->size < 2) return;
  const uint32_t generation = __atomic_load_n(&team->generation, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&team->arrived, 1, __ATOMIC_ACQ_REL) == team->size) {
    __atomic_store_n(&team->arrived, 0, __ATOMIC_RELAXED);
    // Either this sees the sleeper, or the sleeper sees the new generation: both sides are in one order.
    __atomic_add_fetch(&team->generation, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&team->sleepers, __ATOMIC_SEQ_CST)) wake(&team->generation);
  } else if (!spin(&team->generation, generation)) {
    const int64_t begin = team->tight ? nanoseconds() : 0;
    __atomic_add_fetch(&team->sleepers, 1, __ATOMIC_SEQ_CST);
    sleep_until_change(&team->generation, generation);
    __atomic_sub_fetch(&team->sleepers, 1, __ATOMIC_SEQ_CST);
    if (team->tight)
      __atomic_add_fetch(&team->slept, nanoseconds() - begin, __ATOMIC_RELAXED);
  }
}
