#include "replay/tally.hpp"

namespace terrace::cli {

Tally::Tally(std::size_t levels) : bytes_(levels) {
  for (std::size_t i = 0; i < levels; ++i) by_level_.push_back(std::make_unique<Histogram>());
}

void Tally::add(const Fetched& answer, Duration took) {
  if (answer.wrong) ++wrong_;
  switch (answer.by) {
    case Fetched::By::level:
      by_level_[answer.level]->record(took);
      bytes_[answer.level] += answer.bytes;
      break;
    case Fetched::By::origin:
      loads_->record(took);
      loaded_bytes_ += answer.bytes;
      break;
    case Fetched::By::joined:
      joined_->record(took);
      break;
    case Fetched::By::error:
      ++errors_;
      break;
  }
}

void Tally::note(FailedRequest failed) {
  constexpr std::size_t most = 5;
  if (failed_.size() < most) failed_.push_back(std::move(failed));
}

void Tally::merge(const Tally& other) {
  for (std::size_t i = 0; i < by_level_.size(); ++i) {
    by_level_[i]->merge(*other.by_level_[i]);
    bytes_[i] += other.bytes_[i];
  }
  loaded_bytes_ += other.loaded_bytes_;
  loads_->merge(*other.loads_);
  joined_->merge(*other.joined_);
  errors_ += other.errors_;
  wrong_ += other.wrong_;
  for (const FailedRequest& failed : other.failed_) note(failed);
}

std::uint64_t Tally::hits() const noexcept {
  std::uint64_t hits = joined();
  for (const auto& level : by_level_) hits += level->count();
  return hits;
}

std::uint64_t Tally::requests() const noexcept {
  return hits() + loads() + errors_;
}

double Tally::hit_rate() const noexcept {
  const std::uint64_t answered = hits() + loads();
  return answered == 0 ? 0 : static_cast<double>(hits()) / static_cast<double>(answered);
}

Duration Tally::answered_time() const noexcept {
  Duration time = loads_->sum() + joined_->sum();
  for (const auto& level : by_level_) time += level->sum();
  return time;
}

}  // namespace terrace::cli
