#include "sim/sim_lua.hpp"

#include <cstdio>
#include <lua.hpp>
#include <map>
#include <optional>

namespace terrace::sim {
namespace {

// Lua leaves a function by longjmp when it raises an error: the frame that calls lua_error, and those that call
// a function of Lua which may, hold nothing that has a destructor.

constexpr int deepest = 64;

void push(lua_State* lua, const Reply& reply) {
  const auto push_field = [&](const char* name) {
    lua_newtable(lua);
    lua_pushlstring(lua, reply.text.data(), reply.text.size());
    lua_setfield(lua, -2, name);
  };
  switch (reply.kind) {
    case Reply::Kind::null:
      return lua_pushboolean(lua, 0);
    case Reply::Kind::status:
      return push_field("ok");
    case Reply::Kind::error:
      return push_field("err");
    case Reply::Kind::integer:
      return lua_pushnumber(lua, static_cast<lua_Number>(reply.number));
    case Reply::Kind::bulk:
    case Reply::Kind::verbatim:
      lua_pushlstring(lua, reply.text.data(), reply.text.size());
      return;
    case Reply::Kind::array:
    case Reply::Kind::map:
      lua_newtable(lua);
      for (std::size_t i = 0; i < reply.items.size(); ++i) {
        push(lua, reply.items[i]);
        lua_rawseti(lua, -2, static_cast<int>(i) + 1);
      }
  }
}

std::string text_at(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* text = lua_tolstring(lua, index, &size);
  return text != nullptr ? std::string(text, size) : std::string();
}

/// The text in a field of the table on top; nothing: it has none.
std::optional<std::string> field(lua_State* lua, const char* name) {
  lua_pushstring(lua, name);
  lua_rawget(lua, -2);
  std::optional<std::string> found;
  if (lua_isstring(lua, -1) != 0) found = text_at(lua, -1);
  lua_pop(lua, 1);
  return found;
}

/// The value on top, which it removes, as a reply.
Reply pop(lua_State* lua, int depth = 0) {
  Reply reply;
  switch (lua_type(lua, -1)) {
    case LUA_TSTRING:
      reply = Reply::bulk(text_at(lua, -1));
      break;
    case LUA_TNUMBER:
      reply = Reply::integer(static_cast<std::int64_t>(lua_tonumber(lua, -1)));
      break;
    case LUA_TBOOLEAN:
      if (lua_toboolean(lua, -1) != 0) reply = Reply::integer(1);
      break;
    case LUA_TTABLE:
      if (auto err = field(lua, "err")) {
        reply = Reply::error(std::move(*err));
      } else if (auto ok = field(lua, "ok")) {
        reply = Reply::status(std::move(*ok));
      } else if (depth < deepest) {
        reply = Reply::array({});
        for (int i = 1;; ++i) {
          lua_rawgeti(lua, -1, i);
          if (lua_isnil(lua, -1)) break;
          reply.items.push_back(pop(lua, depth + 1));
        }
        lua_pop(lua, 1);
      }
      break;
    default:
      break;
  }
  lua_pop(lua, 1);
  return reply;
}

/// What error messages have in front: a code. One without gets ERR.
std::string with_code(std::string text) {
  if (text.starts_with('-')) text.erase(0, 1);
  return text.find(' ') == std::string::npos ? "ERR " + text : text;
}

/// Runs the command whose parts are on the stack and pushes the reply; true: it is an error.
bool run_command(lua_State* lua) {
  const auto* call = static_cast<const SimLua::Call* const*>(lua_touserdata(lua, lua_upvalueindex(1)));
  Args args;
  for (int i = 1; i <= lua_gettop(lua); ++i) {
    if (lua_type(lua, i) == LUA_TNUMBER) {
      char digits[64];
      std::snprintf(digits, sizeof digits, "%.17g", lua_tonumber(lua, i));
      args.emplace_back(digits);
    } else if (lua_type(lua, i) == LUA_TSTRING) {
      args.push_back(text_at(lua, i));
    } else {
      push(lua, Reply::error("ERR Lua redis lib command arguments must be strings or integers"));
      return true;
    }
  }
  if (args.empty()) {
    push(lua, Reply::error("ERR Please specify at least one argument for this redis.call"));
    return true;
  }
  const Reply reply = (**call)(args);
  push(lua, reply);
  return reply.is_error();
}

int redis_call(lua_State* lua) {
  if (run_command(lua)) return lua_error(lua);
  return 1;
}
int redis_pcall(lua_State* lua) {
  run_command(lua);
  return 1;
}
int status_reply(lua_State* lua) {
  push(lua, Reply::status(text_at(lua, 1)));
  return 1;
}
int error_reply(lua_State* lua) {
  push(lua, Reply::error(with_code(text_at(lua, 1))));
  return 1;
}

/// Makes the error a table, and notes the line of the script that raised it.
int note_error(lua_State* lua) {
  lua_settop(lua, 1);
  if (!lua_istable(lua, 1)) push(lua, Reply::error("ERR " + text_at(lua, 1)));
  lua_Debug at{};
  for (int level = 1; lua_getstack(lua, level, &at) != 0; ++level) {
    lua_getinfo(lua, "Sl", &at);
    if (at.currentline < 0) continue;
    lua_pushnumber(lua, at.currentline);
    lua_setfield(lua, -2, "line");
    break;
  }
  return 1;
}

constexpr const char* guard = R"(
setmetatable(_G, {
  __index = function(_, name)
    error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
  end,
  __newindex = function() error('Attempt to modify a readonly table', 2) end,
}))";

}  // namespace

struct SimLua::State {
  lua_State* lua = luaL_newstate();
  const Call* call = nullptr;  ///< of the script that runs
  std::map<std::string, int> compiled;

  State() {
    for (const lua_CFunction open : {luaopen_base, luaopen_table, luaopen_string, luaopen_math}) {
      lua_pushcfunction(lua, open);
      lua_call(lua, 0, 0);
    }
    for (const char* name : {"print", "dofile", "loadfile"}) {
      lua_pushnil(lua);
      lua_setglobal(lua, name);
    }
    lua_newtable(lua);
    const auto add = [this](const char* name, lua_CFunction function) {
      lua_pushlightuserdata(lua, &call);
      lua_pushcclosure(lua, function, 1);
      lua_setfield(lua, -2, name);
    };
    add("call", redis_call);
    add("pcall", redis_pcall);
    add("status_reply", status_reply);
    add("error_reply", error_reply);
    lua_setglobal(lua, "redis");
    static_cast<void>(luaL_dostring(lua, guard));
  }
  ~State() { lua_close(lua); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void set_global(const char* name, const Args& values) const {
    lua_pushstring(lua, name);
    lua_newtable(lua);
    for (std::size_t i = 0; i < values.size(); ++i) {
      lua_pushlstring(lua, values[i].data(), values[i].size());
      lua_rawseti(lua, -2, static_cast<int>(i) + 1);
    }
    lua_rawset(lua, LUA_GLOBALSINDEX);
  }
};

SimLua::SimLua() : state_(std::make_unique<State>()) {}
SimLua::~SimLua() = default;

Reply SimLua::run(const std::string& text, const std::string& digest, const Args& keys, const Args& args,
                  const Call& call) {
  lua_State* lua = state_->lua;
  const auto known = state_->compiled.find(digest);
  lua_pushcfunction(lua, note_error);
  if (known != state_->compiled.end()) {
    lua_rawgeti(lua, LUA_REGISTRYINDEX, known->second);
  } else if (luaL_loadbuffer(lua, text.data(), text.size(), "@user_script") != 0) {
    const std::string why = text_at(lua, -1);
    lua_settop(lua, 0);
    return Reply::error("ERR Error compiling script (new function): " + why);
  } else {
    lua_pushvalue(lua, -1);
    state_->compiled.emplace(digest, luaL_ref(lua, LUA_REGISTRYINDEX));
  }
  state_->set_global("KEYS", keys);
  state_->set_global("ARGV", args);
  state_->call = &call;
  const bool failed = lua_pcall(lua, 0, 1, 1) != 0;
  state_->call = nullptr;
  std::string place;
  if (failed && lua_istable(lua, -1)) {
    if (const auto line = field(lua, "line"))
      place = " script: " + digest + ", on @user_script:" + *line + ".";
  }
  Reply reply = pop(lua);
  lua_settop(lua, 0);
  if (failed) reply.text += place;
  return reply;
}

}  // namespace terrace::sim
