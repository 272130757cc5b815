/// The model against a real server: the same commands on the same connections, in the same states; the same
/// replies and the same pushes.

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <regex>
#include <sstream>
#include <terrace/testing/fake_clock.hpp>

#include "sim/random_commands.hpp"
#include "sim/sim_client.hpp"
#include "support/redis_server.hpp"
#include "support/seed.hpp"

namespace terrace::sim {
namespace {

using namespace std::chrono_literals;

/// A blocking connection to a real server.
class Wire {
 public:
  explicit Wire(int port) : socket_(io_) {
    socket_.connect({boost::asio::ip::address_v4::loopback(), static_cast<unsigned short>(port)});
    socket_.set_option(boost::asio::ip::tcp::no_delay(true));
  }
  void send(const std::string& bytes) { boost::asio::write(socket_, boost::asio::buffer(bytes)); }
  std::string message() {
    std::size_t length = 0;
    while ((length = message_length(received_)) == 0) {
      char part[4096];
      received_.append(part, socket_.read_some(boost::asio::buffer(part)));
    }
    std::string first = received_.substr(0, length);
    received_.erase(0, length);
    return first;
  }
  std::string ask(const Args& args) {
    send(encoded(args));
    return message();
  }

 private:
  boost::asio::io_context io_;
  boost::asio::ip::tcp::socket socket_;
  std::string received_;
};

using Messages = std::vector<std::string>;

Messages split(std::string_view bytes) {
  Messages messages;
  while (const std::size_t length = message_length(bytes)) {
    messages.emplace_back(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  EXPECT_EQ(bytes, "");
  return messages;
}

/// Without what differs by right: identities, times, offsets, and the order of SCAN.
std::string comparable(std::string message) {
  if (message.find("# Server") != std::string::npos) return "INFO server";
  if (message.find("# Memory") != std::string::npos) return "INFO memory";
  static const auto& id = *new std::regex("id\r\n:[0-9]+");
  static const auto& run = *new std::regex("[0-9a-f]{40}");
  static const auto& offset = *new std::regex("master\r\n:[0-9]+");
  static const auto& state = *new std::regex("\\$[0-9]+\r\nconnect(ing)?\r\n");
  message = std::regex_replace(message, id, "id");
  message = std::regex_replace(message, run, "run");
  message = std::regex_replace(message, offset, "master");
  message = std::regex_replace(message, state, "connect");
  // A life of so many million milliseconds, a little of which has passed.
  static const auto& life = *new std::regex(":([0-9]{1,3})[0-9]{6}\r\n|:([0-9]{4,6})\r\n");
  for (std::smatch found; std::regex_search(message, found, life);) {
    const auto at = static_cast<std::size_t>(found.position());
    const long millions = (std::stol(found.str().substr(1)) + 999'999) / 1'000'000;
    message.replace(at, static_cast<std::size_t>(found.length()),
                    "life " + std::to_string(millions) + "\r\n");
  }
  if (std::regex_search(message, std::regex("\\*[0-9]+\r\n\\$1\r\n0\r\n"))) {
    Messages lines;
    std::istringstream text(message);
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    std::sort(lines.begin(), lines.end());
    message.clear();
    for (const auto& line : lines) message += line + "\n";
  }
  return message;
}

/// A real server and the model, with the same connections to each.
class Pair {
 public:
  static constexpr std::size_t connections = 4;

  Pair() : server_({.arguments = {"--enable-debug-command", "yes"}}), admin_(server_.port()) {
    // It cannot save: a folder is in the way of its file.
    const auto folder = std::filesystem::path(server_.socket_path()).parent_path() / "dump.rdb";
    std::filesystem::create_directories(folder / "in the way");
    command({"ACL", "SETUSER", "admin", "on", "nopass", "~*", "&*", "+@all"});
    command({"AUTH", "admin", "any"});
    command({"DEBUG", "SET-ACTIVE-EXPIRE", "0"});
    command({"BGSAVE"});
    while (admin_.ask({"INFO", "persistence"}).find("rdb_last_bgsave_status:err") == std::string::npos) {
    }
    admin_session_ = model.connect();
    for (std::size_t i = 0; i < connections; ++i) {
      wires_.push_back(std::make_unique<Wire>(server_.port()));
      sessions_.push_back(model.connect());
    }
  }

  /// The model is of this one. Others differ in the texts of errors.
  bool comparable_server() {
    return admin_.ask({"INFO", "server"}).find("redis_version:7.0.") != std::string::npos &&
           admin_.ask({"INFO", "server"}).find("valkey") == std::string::npos;
  }

  void command(const Args& args) {
    const std::string reply = admin_.ask(args);
    EXPECT_NE(reply[0], '-') << args[0] << ": " << reply;
  }

  /// Sends commands on several connections; in one turn of the server if it is `frozen` meanwhile. Then each
  /// connection sends a PING, so that all pushes have come.
  void run(const std::vector<std::pair<std::size_t, std::vector<Args>>>& batches, bool frozen = false) {
    std::vector<std::size_t> owed(connections);
    if (frozen) server_.freeze();
    for (const auto& [connection, commands] : batches) {
      std::string bytes;
      for (const auto& args : commands) bytes += encoded(args);
      wires_[connection]->send(bytes);
      model.receive(sessions_[connection], bytes);
      owed[connection] += commands.size();
    }
    if (frozen) server_.thaw();
    model.turn();
    std::vector<Messages> real(connections), modelled(connections);
    for (std::size_t i = 0; i < connections; ++i) collect(i, owed[i], real[i]);
    for (std::size_t i = 0; i < connections; ++i) {
      wires_[i]->send(encoded({"PING"}));
      collect(i, 1, real[i]);
      modelled[i] = split(model.take_output(sessions_[i]));
      model.receive(sessions_[i], encoded({"PING"}));
      model.turn();
    }
    for (std::size_t i = 0; i < connections; ++i) {
      const Messages rest = split(model.take_output(sessions_[i]));
      modelled[i].insert(modelled[i].end(), rest.begin(), rest.end());
      std::transform(real[i].begin(), real[i].end(), real[i].begin(), comparable);
      std::transform(modelled[i].begin(), modelled[i].end(), modelled[i].begin(), comparable);
      EXPECT_EQ(modelled[i], real[i]) << "connection " << i;
    }
  }

  /// A key whose life ends before anybody looks.
  void let_expire(const std::string& key) {
    const Args set{"SET", key, "short", "PX", "1"};
    command(set);
    model.receive(admin_session_, encoded(set));
    model.turn();
    const std::int64_t begin = milliseconds(admin_.ask({"TIME"}));
    while (milliseconds(admin_.ask({"TIME"})) - begin < 5) {
    }
    clock.advance(5ms);
  }

  testing::FakeClock clock;
  SimRedis model{clock, {.host = "127.0.0.1"}};

 private:
  static std::int64_t milliseconds(const std::string& time) {
    std::istringstream lines(time);
    std::string skipped;
    std::int64_t seconds = 0, microseconds = 0;
    std::getline(lines, skipped) && std::getline(lines, skipped);
    lines >> seconds;
    std::getline(lines, skipped) && std::getline(lines, skipped);
    lines >> microseconds;
    return seconds * 1000 + microseconds / 1000;
  }

  void collect(std::size_t connection, std::size_t replies, Messages& messages) {
    while (replies > 0) {
      messages.push_back(wires_[connection]->message());
      if (messages.back()[0] != '>') --replies;
    }
  }

  testing::RedisServer server_;
  Wire admin_;
  std::vector<std::unique_ptr<Wire>> wires_;
  std::vector<SimRedis::SessionId> sessions_;
  SimRedis::SessionId admin_session_ = 0;
};

/// A state that both take on: a refusal, or the role of a replica whose primary does not answer.
class States {
 public:
  States(Pair& pair, RandomCommands& random) : pair_(pair), random_(random) {}

  std::string change() {
    switch (random_.below(6)) {
      case 0:
        return toggle(full_, "full", [this](bool on) {
          pair_.command({"CONFIG", "SET", "maxmemory", on ? "1" : "0"});
          pair_.model.set_full(on);
        });
      case 1:
        return toggle(disk_, "cannot save", [this](bool on) {
          pair_.command({"CONFIG", "SET", "save", on ? "3600 1000000" : ""});
          pair_.model.set_cannot_save(on);
        });
      case 2:
        return toggle(lacks_, "lacks replicas", [this](bool on) {
          pair_.command({"CONFIG", "SET", "min-replicas-to-write", on ? "1" : "0"});
          pair_.model.set_lacks_replicas(on);
        });
      case 3:
        return toggle(replica_, "replica", [this](bool on) {
          pair_.command(on ? Args{"REPLICAOF", "127.0.0.1", "1"} : Args{"REPLICAOF", "NO", "ONE"});
          on ? pair_.model.become_replica_of(nullptr, "127.0.0.1", 1) : pair_.model.promote();
        });
      case 4: {
        const std::string denied =
            random_.one_of({"set", "get", "pttl", "client|tracking", "multi", "exec", "del", "unlink", "mget",
                            "eval", "evalsha", "info", "pexpire", "exists", "ping"});
        pair_.command({"ACL", "SETUSER", "default", "-" + denied});
        pair_.model.deny(denied);
        return "denied: " + denied;
      }
      default:
        pair_.command({"ACL", "SETUSER", "default", "+@all"});
        pair_.model.allow_all();
        return "all allowed";
    }
  }

 private:
  template <class Act>
  std::string toggle(bool& state, const char* name, Act act) {
    state = !state;
    act(state);
    return (state ? "now " : "no longer ") + std::string(name);
  }

  Pair& pair_;
  RandomCommands& random_;
  bool full_ = false, disk_ = false, lacks_ = false, replica_ = false;
};

std::string shown(const std::vector<Args>& commands) {
  std::string text;
  for (const auto& args : commands) {
    for (const auto& part : args) text += (part.find('\n') == std::string::npos ? part : "…") + " ";
    text += "; ";
  }
  return text;
}

bool flushes(const std::vector<Args>& commands) {
  return std::any_of(commands.begin(), commands.end(),
                     [](const Args& args) { return args[0].starts_with("FLUSH"); });
}

void compare(unsigned steps, bool states, bool frozen) {
  const unsigned seed = testing::test_seed();
  SCOPED_TRACE(testing::seed_text(seed));
  Pair pair;
  if (!pair.comparable_server()) GTEST_SKIP() << "the model is of Redis 7.0";
  RandomCommands random(seed);
  States state(pair, random);
  std::string story;
  for (unsigned i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
    std::vector<std::pair<std::size_t, std::vector<Args>>> batches{
        {random.below(Pair::connections), random.commands()}};
    // Which connection comes first in a turn is not for us to say: the others only send what has no effect.
    if (frozen) {
      if (flushes(batches[0].second)) continue;
      for (std::size_t other = 0; other < Pair::connections; ++other)
        if (other != batches[0].first) batches.push_back({other, {{"PING"}}});
    }
    story = "step " + std::to_string(i);
    for (const auto& [connection, commands] : batches)
      story += "\n  " + std::to_string(connection) + ": " + shown(commands);
    SCOPED_TRACE(story);
    pair.run(batches, frozen);
    if (!states && random.below(20) == 0) pair.let_expire(random.key());
    if (states && random.below(8) == 0) {
      const std::string what = state.change();
      story += "\n" + what;
    }
  }
}

TEST(Differential, TheModelAnswersAndPushesAsTheServerDoes) {
  compare(400, /*states=*/false, /*frozen=*/false);
}

TEST(Differential, TheModelRefusesAsTheServerDoes) {
  compare(400, /*states=*/true, /*frozen=*/false);
}

TEST(Differential, OneTurnForAllThatHasComeIn) {
  compare(60, /*states=*/false, /*frozen=*/true);
}

}  // namespace
}  // namespace terrace::sim
