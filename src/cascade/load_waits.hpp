#pragma once
/// LoadWaits: which running load waits for which in-flight request. Loads that wait for each other in a circle are
/// found when the circle closes, instead of ending at load_timeout.
///
///     load ──a read of its loader has no answer yet──► flight ──this load runs for it──► load ──► …
///
/// A load gets its waits only while its loader runs, and a flight gets its load before that loader runs. So every
/// circle is closed by a nested read, and looking for one there is enough. It holds across the caches of a process,
/// and for bulk reads. Reads that memory answers, and reads that no loader makes, have no part in it.

#include <memory>
#include <optional>
#include <string>
#include <terrace/detail/load_mark.hpp>
#include <terrace/result.hpp>
#include <vector>

#include "cascade/flights.hpp"

namespace terrace::cascade {

/// A running load, with the flights that reads of its loader wait for.
class LoadNode final : public RunningLoad {
 private:
  friend class LoadWaits;
  struct Wait {
    std::weak_ptr<Flight> flight;
    std::weak_ptr<Gather<Answer>> call;  // the wait is over when it has ended
    std::string cache;
  };
  std::vector<Wait> waits_;  // guarded by LoadWaits
};

/// One for the process. Thread safe; a fork leaves it usable in the child.
class LoadWaits {
 public:
  /// The loader of these flights runs from now on.
  static void begin(const std::vector<FlightPtr>& flights, const std::shared_ptr<LoadNode>& load);

  /// A read made by the loader of `load` waits for the flight, which belongs to the cache of this name, until `call`
  /// has ended. If the flight waits for that load itself, directly or through others: the error for the read,
  /// which says the keys in their order. Then no wait is noted.
  static std::optional<Error> wait(const RunningLoadPtr& load, const FlightPtr& flight,
                                   const std::shared_ptr<Gather<Answer>>& call, const std::string& cache);
};

}  // namespace terrace::cascade
