// A small pool of threads: a call says how many it wants, and gets at most that many.
//
// One team works at a time; a call that finds the pool busy runs alone, which changes its time and
// not its bits. Idle threads spin for some hundred microseconds and then sleep. After a fork the child
// starts with an empty pool.
//
// Where the program lends its OpenMP team (sequela_share_threads), the main thread's calls run on it:
// OpenMP's threads spin for milliseconds after their own work, and a second pool would share their
// processors with them. Neither the team's size nor any bit depends on which of the two it is.
#ifndef SEQUELA_THREADS_H
#define SEQUELA_THREADS_H

#include <stdint.h>

namespace sequela {

// What every member runs; `thread` counts from 0, which is the caller.
struct Work {
  void (*run)(void *context, int32_t thread);
  void *context;
};

// A team for one call: `size` members, between 1 and `wanted`.
struct Team {
  int32_t size;
  int32_t arrived;     // at the barrier
  uint32_t generation; // of the barrier
  uint32_t sleepers;   // at the barrier
  int64_t slept;       // nanoseconds at the barriers of a tight team
  bool pooled;
  bool tight;          // the members wait for each other at every step
};

constexpr int32_t kMostThreads = 64;

// Takes up to `wanted` threads; 1 when the pool is busy or the system gives none.
Team take_team(int32_t wanted);
// Runs the work on every member and returns when all have finished.
void run_team(Team *team, Work work);
// The same for members that wait for each other at every step.
void run_tight_team(Team *team, Work work);
void release_team(Team *team);

// Whether members mostly slept at their barriers lately, because another process had a core: steps
// that wait for each other are then slower than one thread. Forgotten after some calls.
bool is_crowded();

}  // namespace sequela

#endif
