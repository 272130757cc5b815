// Replaces all forms of `new` and `delete` in the test program: a sanitizer brings its own for each of them.

#include "memory/allocations.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

using terrace::memory::Allocations;

/// `alignment` 0: that of malloc.
void* allocate(std::size_t bytes, std::align_val_t alignment = {}) noexcept {
  if (Allocations::left >= 0 && Allocations::left-- == 0) return nullptr;
  bytes = std::max<std::size_t>(bytes, 1);
  const auto unit = static_cast<std::size_t>(alignment);
  if (unit <= alignof(std::max_align_t)) return std::malloc(bytes);
  return std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
}

void* allocate_or_throw(std::size_t bytes, std::align_val_t alignment = {}) {
  if (void* const memory = allocate(bytes, alignment)) return memory;
  throw std::bad_alloc();
}

void release(void* memory) noexcept {
  std::free(memory);
}
void release_aligned(void* memory) noexcept {
  if (memory != nullptr) ++Allocations::aligned_freed;
  std::free(memory);
}

}  // namespace

using Align = std::align_val_t;
using Quiet = std::nothrow_t;

void* operator new(std::size_t n) {
  return allocate_or_throw(n);
}
void* operator new[](std::size_t n) {
  return allocate_or_throw(n);
}
void* operator new(std::size_t n, Align a) {
  return allocate_or_throw(n, a);
}
void* operator new[](std::size_t n, Align a) {
  return allocate_or_throw(n, a);
}
void* operator new(std::size_t n, const Quiet&) noexcept {
  return allocate(n);
}
void* operator new[](std::size_t n, const Quiet&) noexcept {
  return allocate(n);
}
void* operator new(std::size_t n, Align a, const Quiet&) noexcept {
  return allocate(n, a);
}
void* operator new[](std::size_t n, Align a, const Quiet&) noexcept {
  return allocate(n, a);
}
void operator delete(void* p) noexcept {
  release(p);
}
void operator delete[](void* p) noexcept {
  release(p);
}
void operator delete(void* p, std::size_t) noexcept {
  release(p);
}
void operator delete[](void* p, std::size_t) noexcept {
  release(p);
}
void operator delete(void* p, const Quiet&) noexcept {
  release(p);
}
void operator delete[](void* p, const Quiet&) noexcept {
  release(p);
}
void operator delete(void* p, Align) noexcept {
  release_aligned(p);
}
void operator delete[](void* p, Align) noexcept {
  release_aligned(p);
}
void operator delete(void* p, std::size_t, Align) noexcept {
  release_aligned(p);
}
void operator delete[](void* p, std::size_t, Align) noexcept {
  release_aligned(p);
}
void operator delete(void* p, Align, const Quiet&) noexcept {
  release_aligned(p);
}
void operator delete[](void* p, Align, const Quiet&) noexcept {
  release_aligned(p);
}
