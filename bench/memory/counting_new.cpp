// Every `new` of the program is counted with what malloc really set aside for it.

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <memory/contestants.hpp>
#include <new>

namespace {

std::atomic<std::size_t> allocated{0};

void* count(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  allocated.fetch_add(malloc_usable_size(memory), std::memory_order_relaxed);
  return memory;
}
void release(void* memory) noexcept {
  allocated.fetch_sub(malloc_usable_size(memory), std::memory_order_relaxed);
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) {
  return count(std::malloc(size));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto a = static_cast<std::size_t>(alignment);
  return count(std::aligned_alloc(a, (size + a - 1) / a * a));
}
void operator delete(void* memory) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  release(memory);
}

namespace terrace::bench {

std::size_t allocated_bytes() noexcept {
  return allocated.load(std::memory_order_relaxed);
}

}  // namespace terrace::bench
