#pragma once
/// TERRACE_ASSERT(condition): states what always holds, and ends the program when it does not. It runs in every build,
/// NDEBUG or not: a broken invariant means that a wrong value could be served (docs/decisions/0033-assertions.md).
///
/// For invariants of state machines, at entry and exit. Never for what a caller, a file or a server may send wrong:
/// that is an Error. Never where a hit in memory passes.

namespace terrace {

/// Writes "FILE:LINE: FUNCTION: the assertion CONDITION does not hold" to stderr and aborts. Allocates nothing.
[[noreturn]] void assertion_failed(const char* file, int line, const char* function,
                                   const char* condition) noexcept;

}  // namespace terrace

#define TERRACE_ASSERT(...)       \
  (static_cast<bool>(__VA_ARGS__) \
       ? static_cast<void>(0)     \
       : ::terrace::assertion_failed(__FILE_NAME__, __LINE__, __func__, #__VA_ARGS__))
