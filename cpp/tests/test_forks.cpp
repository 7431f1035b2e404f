// Forks of a program whose pool has worked, from the C interface: parent, children and a child of
// every eighth child compute forward and backward with two threads and compare bits. Half of the
// forks happen while another thread is inside a call. The argument is the number of forks. Exits
// with the number of failures.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "sequela/recurrent.h"

namespace {

constexpr int64_t T_ = 6, B = 24, D = 5, H = 48, G = 4;  // rows are split over the threads
constexpr unsigned kSeconds = 30;                        // a child that hangs is killed

// An LSTM with all that its two passes read and write.
struct Example {
  std::vector<int64_t> sizes = std::vector<int64_t>(T_, B);
  std::vector<float> x = fill(T_ * B * D), w_ih = fill(G * H * D), w_hh = fill(G * H * H);
  std::vector<float> b = fill(G * H), out = fill(T_ * B * H), dout = fill(T_ * B * H);
  std::vector<float> dw_ih = fill(G * H * D), dw_hh = fill(G * H * H), saved;
  sequela_layer layer;

  static std::vector<float> fill(int64_t count) {
    static uint64_t seed = 1;
    std::vector<float> values((size_t)count);
    for (float &value : values) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      value = (float)(int64_t)seed * 0x1p-64f;
    }
    return values;
  }

  Example() {
    memset(&layer, 0, sizeof layer);
    layer.cell = SEQUELA_LSTM, layer.threads = 2;
    layer.N = T_ * B, layer.T = T_, layer.B = B, layer.D = D, layer.H = layer.P = H;
    layer.batch_sizes = sizes.data(), layer.x = x.data();
    layer.w_ih = w_ih.data(), layer.w_hh = w_hh.data(), layer.b_ih = layer.b_hh = b.data();
    saved.resize((size_t)sequela_saved_bytes(&layer) / sizeof(float));
  }

  bool compute() {
    sequela_gradients gradients;
    memset(&gradients, 0, sizeof gradients);
    gradients.dout = dout.data(), gradients.dw_ih = dw_ih.data(), gradients.dw_hh = dw_hh.data();
    return !sequela_forward(&layer, out.data(), nullptr, nullptr, saved.data(), nullptr) &&
           !sequela_backward(&layer, out.data(), saved.data(), &gradients);
  }

  bool same(const Example &other) const {
    return out == other.out && dw_ih == other.dw_ih && dw_hh == other.dw_hh;
  }
};

bool works(Example &own, const Example &wanted) { return own.compute() && own.same(wanted); }

// Threads of this process, by what the system says.
int threads() {
  FILE *file = fopen("/proc/self/status", "r");
  char line[256];
  int count = -1;
  while (file && fgets(line, sizeof line, file)) sscanf(line, "Threads: %d", &count);
  if (file) fclose(file);
  return count;
}

bool succeeds(pid_t child) {
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

// The pool began anew: this thread and one worker.
bool works_in_child(Example &own, const Example &wanted) {
  alarm(kSeconds);
  return works(own, wanted) && threads() == 2;
}

bool works_deeper(Example &own, const Example &wanted) {
  const pid_t grandchild = fork();
  if (!grandchild) _exit(!works_in_child(own, wanted));
  return works(own, wanted) && succeeds(grandchild);
}

struct Other {
  Example *own;
  const Example *wanted;
  int stop, wrong;
};

void *keeps_calling(void *argument) {
  Other *other = static_cast<Other *>(argument);
  while (!__atomic_load_n(&other->stop, __ATOMIC_ACQUIRE))
    if (!works(*other->own, *other->wanted)) ++other->wrong;
  return nullptr;
}

int run(int forks, Example &own, const Example &wanted) {
  int failures = 0;
  for (int i = 0; i < forks && !failures; ++i) {
    failures += !works(own, wanted);
    const pid_t child = fork();
    if (!child)
      _exit(!(works_in_child(own, wanted) && (i % 8 || works_deeper(own, wanted))));
    failures += !works(own, wanted);  // while the child works
    failures += !succeeds(child);
  }
  return failures;
}

}  // namespace

int main(int count, char **arguments) {
  const int forks = count > 1 ? atoi(arguments[1]) : 20;
  Example own, others = own, wanted = own;
  own.layer.threads = 1, wanted.layer = own.layer;
  if (!wanted.compute()) return 1;
  own.layer.threads = 2;
  int failures = !works(own, wanted) + (threads() != 2);
  failures += run(forks - forks / 2, own, wanted);
  Other other = {&others, &wanted, 0, 0};
  pthread_t thread;
  pthread_create(&thread, nullptr, keeps_calling, &other);
  failures += run(failures ? 0 : forks / 2, own, wanted);
  __atomic_store_n(&other.stop, 1, __ATOMIC_RELEASE);
  pthread_join(thread, nullptr);
  failures += other.wrong;
  printf("%d forks, %d failures\n", forks, failures);
  return failures > 99 ? 99 : failures;
}
