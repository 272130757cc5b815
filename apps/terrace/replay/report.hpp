#pragma once
/// Report: the outcome of a replay, for programs (JSON) and for people.

#include <boost/json/object.hpp>
#include <string>

#include "replay/replay.hpp"

namespace terrace::cli {

/// The object that docs/cli.md describes.
[[nodiscard]] boost::json::object replay_json(const ReplayOutcome& outcome);

[[nodiscard]] std::string replay_text(const ReplayOutcome& outcome);

}  // namespace terrace::cli
