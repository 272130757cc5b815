#include "sim/data_commands.hpp"

#include <algorithm>
#include <charconv>
#include <terrace/glob.hpp>

namespace terrace::sim {
namespace {

constexpr const char* wrong_type = "WRONGTYPE Operation against a key holding the wrong kind of value";

Reply get(SimStore& store, std::size_t database, const Args& args) {
  const Entry* entry = store.find(database, args[1]);
  if (entry == nullptr) return Reply::null();
  if (entry->members) return Reply::error(wrong_type);
  return Reply::bulk(entry->value);
}

Reply mget(SimStore& store, std::size_t database, const Args& args) {
  std::vector<Reply> values;
  for (std::size_t i = 1; i < args.size(); ++i) {
    const Entry* entry = store.find(database, args[i]);
    values.push_back(entry == nullptr || entry->members ? Reply::null() : Reply::bulk(entry->value));
  }
  return Reply::array(std::move(values));
}

Reply set(SimStore& store, std::size_t database, const Args& args) {
  Entry entry{.value = args[2]};
  if (args.size() != 3 && (args.size() != 5 || lower(args[3]) != "px")) return Reply::error(syntax_error);
  if (args.size() == 5) {
    const auto life = parse_number(args[4]);
    if (!life) return Reply::error(not_a_number);
    if (*life <= 0) return Reply::error("ERR invalid expire time in 'set' command");
    entry.expires = store.now() + *life;
  }
  store.put(database, args[1], std::move(entry));
  return Reply::ok();
}

Reply remove(SimStore& store, std::size_t database, const Args& args) {
  std::int64_t removed = 0;
  for (std::size_t i = 1; i < args.size(); ++i) {
    if (store.find(database, args[i]) != nullptr && store.remove(database, args[i])) ++removed;
  }
  return Reply::integer(removed);
}

Reply exists(SimStore& store, std::size_t database, const Args& args) {
  std::int64_t found = 0;
  for (std::size_t i = 1; i < args.size(); ++i) found += store.find(database, args[i]) != nullptr;
  return Reply::integer(found);
}

Reply pttl(SimStore& store, std::size_t database, const Args& args) {
  const Entry* entry = store.find(database, args[1]);
  if (entry == nullptr) return Reply::integer(-2);
  return Reply::integer(entry->expires ? *entry->expires - store.now() : -1);
}

Reply pexpire(SimStore& store, std::size_t database, const Args& args) {
  const auto life = parse_number(args[2]);
  if (!life) return Reply::error(not_a_number);
  const Entry* entry = store.find(database, args[1]);
  if (entry == nullptr) return Reply::integer(0);
  if (*life <= 0) {
    store.remove(database, args[1]);
  } else {
    Entry changed = *entry;
    changed.expires = store.now() + *life;
    store.put(database, args[1], std::move(changed));
  }
  return Reply::integer(1);
}

Reply sadd(SimStore& store, std::size_t database, const Args& args) {
  const Entry* entry = store.find(database, args[1]);
  if (entry != nullptr && !entry->members) return Reply::error(wrong_type);
  Entry changed = entry != nullptr ? *entry : Entry{.members = std::set<std::string>()};
  const std::size_t before = changed.members->size();
  changed.members->insert(args.begin() + 2, args.end());
  const std::size_t added = changed.members->size() - before;
  if (added > 0) store.put(database, args[1], std::move(changed));
  return Reply::integer(static_cast<std::int64_t>(added));
}

Reply flushdb(SimStore& store, std::size_t database, const Args&) {
  store.clear(database);
  return Reply::ok();
}
Reply flushall(SimStore& store, std::size_t, const Args&) {
  store.clear_all();
  return Reply::ok();
}

Reply swapdb(SimStore& store, std::size_t, const Args& args) {
  const auto one = parse_number(args[1]), other = parse_number(args[2]);
  constexpr auto count = static_cast<std::int64_t>(SimStore::count);
  if (!one) return Reply::error("ERR invalid first DB index");
  if (!other) return Reply::error("ERR invalid second DB index");
  if (std::min(*one, *other) < 0 || std::max(*one, *other) >= count)
    return Reply::error("ERR DB index is out of range");
  store.swap(static_cast<std::size_t>(*one), static_cast<std::size_t>(*other));
  return Reply::ok();
}

/// The place of a key in the order of SCAN (FNV-1a). 0 means the beginning and the end.
std::uint64_t scan_place(std::string_view key) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash >> 1 | 1;
}

/// A key that is there from the first page to the last is in one of them, as the real server promises.
Reply scan(SimStore& store, std::size_t database, const Args& args) {
  std::uint64_t cursor = 0;
  const auto parsed = std::from_chars(args[1].data(), args[1].data() + args[1].size(), cursor);
  if (parsed.ec != std::errc() || parsed.ptr != args[1].data() + args[1].size())
    return Reply::error("ERR invalid cursor");
  std::optional<std::string> pattern;
  std::size_t most = 10;
  for (std::size_t i = 2; i < args.size(); i += 2) {
    const std::string option = lower(args[i]);
    if (i + 1 == args.size()) return Reply::error(syntax_error);
    if (option == "match") {
      pattern = args[i + 1];
    } else if (option == "count") {
      const auto number = parse_number(args[i + 1]);
      if (!number) return Reply::error(not_a_number);
      if (*number < 1) return Reply::error(syntax_error);
      most = static_cast<std::size_t>(*number);
    } else {
      return Reply::error(syntax_error);
    }
  }
  std::multimap<std::uint64_t, std::string> ahead;
  for (const auto& [key, entry] : store.databases()[database]) {
    if (const auto place = scan_place(key); place >= cursor) ahead.emplace(place, key);
  }
  std::vector<Reply> page;
  std::uint64_t next = 0;  // the end
  std::uint64_t last = 0;
  std::size_t seen = 0;
  for (const auto& [place, key] : ahead) {
    if (seen++ >= most && place != last) {
      next = place;
      break;
    }
    last = place;
    if ((!pattern || glob_matches(*pattern, key)) && store.find(database, key) != nullptr)
      page.push_back(Reply::bulk(key));
  }
  return Reply::array({Reply::bulk(std::to_string(next)), Reply::array(std::move(page))});
}

Reply time(SimStore& store, std::size_t, const Args&) {
  const std::int64_t now = store.now();
  return Reply::array(
      {Reply::bulk(std::to_string(now / 1000)), Reply::bulk(std::to_string(now % 1000 * 1000))});
}

}  // namespace

const DataCommand* find_data_command(std::string_view name) {
  static const auto& commands = *new std::map<std::string, DataCommand, std::less<>>{
      {"get", {{2}, get}},
      {"mget", {{-2}, mget}},
      {"set", {{-3, true, true}, set}},
      {"del", {{-2, true}, remove}},
      {"unlink", {{-2, true}, remove}},
      {"exists", {{-2}, exists}},
      {"pttl", {{2}, pttl}},
      {"pexpire", {{-3, true}, pexpire}},
      {"sadd", {{-3, true, true}, sadd}},
      {"flushdb", {{-1, true}, flushdb}},
      {"flushall", {{-1, true}, flushall}},
      {"swapdb", {{3, true}, swapdb}},
      {"scan", {{-2}, scan}},
      {"time", {{1, false, false, true, true}, time}},
  };
  const auto found = commands.find(name);
  return found != commands.end() ? &found->second : nullptr;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace terrace::sim
