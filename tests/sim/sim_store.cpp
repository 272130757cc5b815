#include "sim/sim_store.hpp"

namespace terrace::sim {

const Entry* SimStore::find(std::size_t database, std::string_view key) {
  const auto found = databases_[database].find(key);
  if (found == databases_[database].end()) return nullptr;
  if (!expired(found->second)) return &found->second;
  if (removes_expired) remove(database, key);
  return nullptr;
}

void SimStore::put(std::size_t database, std::string_view key, Entry entry) {
  Change change{.database = database, .key = std::string(key), .entry = entry};
  databases_[database].insert_or_assign(std::string(key), std::move(entry));
  changed_(change);
}

bool SimStore::remove(std::size_t database, std::string_view key) {
  const auto found = databases_[database].find(key);
  if (found == databases_[database].end()) return false;
  Change change{.database = database, .key = std::string(key)};
  databases_[database].erase(found);
  changed_(change);
  return true;
}

void SimStore::clear(std::size_t database) {
  databases_[database].clear();
  changed_({.kind = Change::Kind::cleared, .database = database});
}

void SimStore::clear_all() {
  for (auto& database : databases_) database.clear();
  changed_({.kind = Change::Kind::cleared_all});
}

void SimStore::swap(std::size_t one, std::size_t other) {
  databases_[one].swap(databases_[other]);
  changed_({.kind = Change::Kind::swapped, .database = one, .other = other});
}

void SimStore::expire() {
  for (std::size_t i = 0; i < databases_.size(); ++i) {
    std::vector<std::string> due;
    for (const auto& [key, entry] : databases_[i]) {
      if (expired(entry)) due.push_back(key);
    }
    for (const auto& key : due) remove(i, key);
  }
}

void SimStore::apply(const Change& change) {
  switch (change.kind) {
    case Change::Kind::key:
      if (change.entry) {
        put(change.database, change.key, *change.entry);
      } else {
        remove(change.database, change.key);
      }
      break;
    case Change::Kind::cleared:
      return clear(change.database);
    case Change::Kind::cleared_all:
      return clear_all();
    case Change::Kind::swapped:
      return swap(change.database, change.other);
  }
}

}  // namespace terrace::sim
