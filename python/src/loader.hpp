#pragma once
/// PythonLoader: a loader written in Python. The core asks it on a thread of its own; the load is run by the
/// Python thread or event loop whose call brought it, or by the service.

#include "call.hpp"
#include "service.hpp"

namespace terrace::python {

class PythonLoader final : public cascade::Loader {
 public:
  /// `call` null: always the service. `in_loop`: it is a coroutine function.
  PythonLoader(Reference loader, std::shared_ptr<Call> call, bool in_loop)
      : loader_(std::move(loader)), call_(std::move(call)), in_loop_(in_loop) {}

  [[nodiscard]] bool blocks() const noexcept override { return false; }

  void load(const cascade::LoadRequest& request, Handler<std::vector<cascade::Loaded>> done) override {
    auto job = std::make_shared<Job>(request, std::move(done), loader_);
    job->end_when_stopped();
    if (in_loop_) Service::common().look_after(job);
    if (call_ == nullptr || !call_->offer(job)) Service::common().push(std::move(job));
  }

 private:
  const Reference loader_;
  const std::shared_ptr<Call> call_;
  const bool in_loop_;
};

}  // namespace terrace::python
