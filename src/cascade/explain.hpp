#pragma once
/// Cache::explain: the entry of a key in every level (explain.cpp).

#include "cascade/core.hpp"

namespace terrace::cascade {

void start_explain(std::shared_ptr<Core> core, std::string key, Handler<Result<Explanation>> done);

}  // namespace terrace::cascade
