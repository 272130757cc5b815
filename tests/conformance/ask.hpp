#pragma once

#include <future>
#include <memory>

namespace terrace::conformance {

/// Starts an operation and waits for its one answer.
template <class T, class Start>
T ask(Start start) {
  auto promise = std::make_shared<std::promise<T>>();
  auto answer = promise->get_future();
  start([promise](T outcome) { promise->set_value(std::move(outcome)); });
  return answer.get();
}

}  // namespace terrace::conformance
