#pragma once
/// What is made of the program's help: a manual page, and scripts for shells.

#include <string>

#include "describe/command_help.hpp"

namespace terrace::cli {

/// roff with the macros of man(7), section 1. `version` is "terrace 1.2.3".
std::string manual_page(const CommandHelp& program, const std::string& version);

/// A script to be sourced by bash: commands, options, and files where a file is meant.
std::string bash_completion(const CommandHelp& program);

/// A function file for a folder in zsh's fpath, named _terrace; with what each option does.
std::string zsh_completion(const CommandHelp& program);

}  // namespace terrace::cli
