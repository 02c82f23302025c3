// Splits loops over rows among the machine's cores.
#pragma once

#include <cstdint>
#include <functional>

namespace ncore {

// The largest number of blocks a loop is split into; it does not depend on the number of cores, so neither do sums that
// are taken block by block.
constexpr int64_t kMaxBlocks = 16;

// Number of blocks for `rows` rows of `cost` simple operations each: one when the work is not worth waking a thread.
int64_t BlockCount(int64_t rows, int64_t cost);

// Calls work(block, first row, row after the last) once for each of `blocks` blocks, on the calling thread and on those of
// a pool, and returns when all are done. Safe to call from several threads at once.
void ParallelFor(int64_t rows, int64_t blocks, const std::function<void(int64_t, int64_t, int64_t)> &work);

}  // namespace ncore
