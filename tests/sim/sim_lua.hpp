#pragma once
/// SimLua: runs the scripts of EVAL in the language of Redis, Lua 5.1, as the server does.

#include <functional>
#include <memory>
#include <string>

#include "sim/reply.hpp"

namespace terrace::sim {

class SimLua {
 public:
  /// A command that a script calls.
  using Call = std::function<Reply(const Args& args)>;

  SimLua();
  ~SimLua();

  /// Compiles the script if it is new. Its digest names it in errors.
  Reply run(const std::string& text, const std::string& digest, const Args& keys, const Args& args,
            const Call& call);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace terrace::sim
