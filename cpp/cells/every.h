// All cells, by the numbers of the interface.
#ifndef SEQUELA_CELLS_EVERY_H
#define SEQUELA_CELLS_EVERY_H

#include "gru_after.h"
#include "gru_before.h"
#include "lstm.h"
#include "rnn.h"

namespace {

// Calls f with a null pointer to the cell's type.
template <class F>
auto with_cell(int32_t cell, F f) {
  switch (cell) {
    case 0: return f((Rnn<Tanh> *)nullptr);
    case 1: return f((Rnn<Relu> *)nullptr);
    case 2: return f((Lstm *)nullptr);
    case 3: return f((GruAfter *)nullptr);
    default: return f((GruBefore *)nullptr);
  }
}

// The cell's type of such a pointer.
template <class P>
struct Pointee;
template <class T>
struct Pointee<T *> {
  typedef T type;
};

}  // namespace

#endif
