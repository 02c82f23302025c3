#include "parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

namespace ncore {
namespace {

constexpr int64_t kMinBlockCost = 32768;

// One loop: its blocks are taken one after the other by whoever is free.
struct Loop {
  const std::function<void(int64_t)> run;
  const int64_t blocks;
  std::atomic<int64_t> next{0};
  std::mutex mutex;
  std::condition_variable all_done;
  int64_t done = 0;

  Loop(std::function<void(int64_t)> f, int64_t n) : run(std::move(f)), blocks(n) {}

  void TakeBlocks() {
    int64_t finished = 0;
    for (int64_t block = next++; block < blocks; block = next++) {
      run(block);
      finished++;
    }
    if (finished == 0) return;
    const std::lock_guard<std::mutex> lock(mutex);
    done += finished;
    if (done == blocks) all_done.notify_all();
  }

  void Wait() {
    std::unique_lock<std::mutex> lock(mutex);
    all_done.wait(lock, [this] { return done == blocks; });
  }
};

// TF_NUM_INTRAOP_THREADS, else the number of cores, less the calling thread.
int HelperCount() {
  const char *wanted = std::getenv("TF_NUM_INTRAOP_THREADS");
  const int threads = wanted != nullptr ? std::atoi(wanted) : 0;
  return std::max(0, (threads > 0 ? threads : static_cast<int>(std::thread::hardware_concurrency())) - 1);
}

class Pool {
 public:
  Pool() : helpers_(HelperCount()) {
    for (int i = 0; i < helpers_; i++) std::thread([this] { Serve(); }).detach();
  }

  void Run(const std::shared_ptr<Loop> &loop) {
    const int64_t wanted = std::min<int64_t>(helpers_, loop->blocks - 1);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      for (int64_t i = 0; i < wanted; i++) waiting_.push_back(loop);
    }
    for (int64_t i = 0; i < wanted; i++) work_arrived_.notify_one();
    loop->TakeBlocks();
    loop->Wait();
  }

 private:
  void Serve() {
    for (;;) {
      std::unique_lock<std::mutex> lock(mutex_);
      work_arrived_.wait(lock, [this] { return !waiting_.empty(); });
      const std::shared_ptr<Loop> loop = waiting_.front();
      waiting_.pop_front();
      lock.unlock();
      loop->TakeBlocks();
    }
  }

  const int helpers_;
  std::mutex mutex_;
  std::condition_variable work_arrived_;
  std::deque<std::shared_ptr<Loop>> waiting_;
};

// Lives as long as the process: its threads may still wait when the process ends.
Pool &SharedPool() {
  static Pool *const pool = new Pool;
  return *pool;
}

}  // namespace

int64_t BlockCount(int64_t rows, int64_t cost) {
  const int64_t worthwhile = rows * std::max<int64_t>(cost, 1) / kMinBlockCost;
  return std::max<int64_t>(1, std::min({rows, kMaxBlocks, worthwhile}));
}

void ParallelFor(int64_t rows, int64_t blocks, const std::function<void(int64_t, int64_t, int64_t)> &work) {
  const auto run = [&](int64_t block) { work(block, rows * block / blocks, rows * (block + 1) / blocks); };
  if (blocks == 1) return run(0);
  SharedPool().Run(std::make_shared<Loop>(run, blocks));
}

}  // namespace ncore
