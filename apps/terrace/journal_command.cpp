#include <fmt/chrono.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <stdexcept>
#include <system_error>

#include "commands.hpp"
#include "exit_code.hpp"
#include "journal/inspection.hpp"
#include "table.hpp"
#include "units.hpp"
#include "usage_error.hpp"

namespace terrace::cli {
namespace {

using namespace journal;

struct JournalArguments {
  std::string path;
  bool summary = false;
};

std::string text_of(const std::optional<WallTime>& time) {
  if (!time) return "-";
  constexpr auto latest = std::chrono::sys_days(std::chrono::year(9999) / 12 / 31);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(*time);
  if (seconds < std::chrono::sys_seconds{} || seconds >= latest)
    return fmt::format("{} ms", time->time_since_epoch().count());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(seconds.time_since_epoch().count()));
}

std::string text_of(const InspectedChange& change) {
  return change.sealed ? "(sealed)" : printable_key(change.key);
}

/// Without what could control a terminal: C0, DEL, and C1, which UTF-8 writes as C2 80 … C2 9F.
std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    const bool c1 = c == 0xc2 && next >= 0x80 && next <= 0x9f;
    out += c < 0x20 || c == 0x7f || c1 ? '?' : text[i];
    if (c1) ++i;
  }
  return out;
}

std::string operation_of(const InspectedChange& change) {
  return change.sealed ? "?" : change.erased ? "erase" : "set";
}

std::uint64_t count_pending(const InspectedFile& file) {
  return static_cast<std::uint64_t>(
      std::count_if(file.changes.begin(), file.changes.end(), [](auto& change) { return !change.done; }));
}

std::string segments_of(const Inspection& found) {
  Table table({"segment", "bytes", "changes", "pending", "marks", "damaged"});
  for (const InspectedFile& file : found.files) {
    if (file.kind != FileKind::segment) continue;
    table.add({file.name, format_count(file.bytes), format_count(file.changes.size()),
               format_count(count_pending(file)), format_count(file.marks),
               format_count(file.damaged.size())});
  }
  return table.text();
}

std::string changes_of(const Inspection& found) {
  Table table({"number", "state", "operation", "key", "bytes", "expires"});
  for (const InspectedFile& file : found.files) {
    if (file.kind != FileKind::segment) continue;
    for (const InspectedChange& change : file.changes)
      table.add({std::to_string(change.number), change.done ? "done" : "pending", operation_of(change),
                 text_of(change), format_count(change.stored_bytes), text_of(change.expires)});
  }
  return "\n" + table.text(0, 4);
}

std::string dead_letters_of(const Inspection& found) {
  Table table({"dead letter", "operation", "key", "reason", "bytes", "expires"});
  bool any = false;
  for (const InspectedFile& file : found.files) {
    if (file.kind != FileKind::dead_letters) continue;
    for (const InspectedChange& change : file.changes) {
      any = true;
      table.add({std::to_string(change.number), operation_of(change), text_of(change),
                 printable(change.reason), format_count(change.stored_bytes), text_of(change.expires)});
    }
  }
  return any ? "\n" + table.text(0, 4) : "";
}

std::string damage_of(const Inspection& found) {
  std::string text;
  for (const InspectedFile& file : found.files) {
    for (const Stretch& stretch : file.damaged)
      text +=
          fmt::format("damaged: {} at {}: {} bytes\n", file.name, stretch.offset, format_count(stretch.size));
    if (file.torn)
      text += fmt::format("cut short: {} at {}: {} bytes (a write that is unfinished or in progress)\n",
                          file.name, file.torn->offset, format_count(file.torn->size));
  }
  for (const auto& [name, bytes] : found.quarantined)
    text += fmt::format("put aside: {}: {} bytes\n", printable(name), format_count(bytes));
  return text.empty() ? "" : "\n" + text;
}

std::string summary_of(const Inspection& found) {
  std::uint64_t segments = 0, bytes = 0, changes = 0, pending = 0, letters = 0, damaged = 0;
  for (const InspectedFile& file : found.files) {
    damaged += file.damaged.size();
    if (file.kind == FileKind::dead_letters) {
      letters += file.changes.size();
      continue;
    }
    ++segments;
    bytes += file.bytes;
    changes += file.changes.size();
    pending += count_pending(file);
  }
  return fmt::format(
      "segments {}\nbytes {}\nchanges {}\npending {}\ndead_letters {}\ndamaged {}\nput_aside {}\n", segments,
      bytes, changes, pending, letters, damaged, found.quarantined.size());
}

int run(const JournalArguments& arguments) {
  Inspection found;
  try {
    found = inspect(arguments.path);
  } catch (const std::system_error& fault) {
    throw UsageError(fmt::format("the journal cannot be read: {}", fault.what()));
  }
  const std::string text =
      arguments.summary ? summary_of(found)
                        : segments_of(found) + changes_of(found) + dead_letters_of(found) + damage_of(found);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw std::runtime_error("standard output cannot be written");
  return exit_ok;
}

}  // namespace

void add_journal_command(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<JournalArguments>();
  CLI::App* const command = app.add_subcommand("journal", "Inspects the journal of a write-back cache");
  command->require_subcommand(1);
  CLI::App* const inspect_command =
      command->add_subcommand("inspect", "Lists segments, changes, dead letters and damage; changes nothing");
  inspect_command->add_option("PATH", arguments->path, "The journal's directory")->required();
  inspect_command->add_flag("--summary", arguments->summary, "Print only counts, one per line");
  inspect_command->footer(
      "Can run while a cache uses the journal. Shows neither values nor the keys of sealed records.\n\n"
      "Examples:\n"
      "  terrace journal inspect /var/lib/app/journal\n"
      "  terrace journal inspect /var/lib/app/journal --summary");
  inspect_command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace terrace::cli
