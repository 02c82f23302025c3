// Linked into every addon. TensorFlow frees and allocates buffers of many megabytes at each operation; by default glibc maps each
// of them anew and the kernel clears every page: a chain of elementwise operations then takes twice as long. Keeping freed
// memory in the process avoids that. What the user set by glibc's own variables stands.
#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>

namespace {

struct KeepFreedMemory {
  KeepFreedMemory() {
    constexpr int kNever = -1;
    constexpr int kLargestBuffer = 2000000000;
    if (std::getenv("MALLOC_MMAP_THRESHOLD_") == nullptr) mallopt(M_MMAP_THRESHOLD, kLargestBuffer);
    if (std::getenv("MALLOC_TRIM_THRESHOLD_") == nullptr) mallopt(M_TRIM_THRESHOLD, kNever);
  }
} keep_freed_memory;

}  // namespace
#endif
