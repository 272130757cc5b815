#!/usr/bin/env python3
"""The manual page and the completions that `terrace describe` prints. Usage: describe_test.py PROGRAM.

They are held against what --help of every command says, read by the programs that they are for: groff, bash, zsh.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM = pathlib.Path(sys.argv.pop(1))


def output_of(*words, **more):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True, **more).stdout


def commands_below(path):
    """Each command at or below the path, with its --help."""
    text = output_of(PROGRAM, *path, "--help")
    yield path, text
    listed = re.search(r"^Subcommands:\n((?:  .*\n)*)", text, re.M)
    for line in listed[1].splitlines() if listed else []:
        yield from commands_below([*path, line.split()[0]])


def options_in(text):
    return set(re.findall(r"^ +(?:-\w,)?(--[\w-]+)", text.partition("Examples:")[0], re.M))


COMMANDS = dict((" ".join(path), text) for path, text in commands_below([]))


class ManualPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.source = output_of(PROGRAM, "describe", "man")
        done = subprocess.run(["groff", "-man", "-Kutf8", "-Tutf8", "-ww", "-P-cbou"], input=cls.source, capture_output=True, text=True)
        cls.warnings, cls.text = done.stderr, done.stdout

    def test_groff_has_nothing_to_say_about_it(self):
        self.assertEqual(self.warnings, "")

    def test_every_command_has_its_section_with_its_options(self):
        self.assertGreater(len(COMMANDS), 15)
        sections = dict(re.findall(r"^   terrace ([a-z ]*[a-z])(?: [^\n]*)?\n(.*?)(?=^   \S|^\S)", self.text, re.M | re.S))
        self.assertEqual(set(sections), set(COMMANDS) - {""})
        for command, text in sections.items():
            shown = set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)", text, re.M))
            self.assertEqual(options_in(COMMANDS[command]) - {"--help"} - shown, set(), command)

    def test_examples_can_be_copied(self):
        self.assertIn("terrace replay access.log --tier 'sharded:redis://a,redis://b' --tier sqlite:cache.db?scope=fleet\n", self.text)
        self.assertIn(".csv    a header", self.text)

    def test_it_says_of_which_options_one_is_required(self):
        self.assertIn("One of --add, --promote, --retire is required.", re.sub(r"\s+", " ", self.text))

    def test_it_has_the_usual_sections(self):
        headings = re.findall(r"^([A-Z ]+)$", self.text, re.M)
        self.assertEqual(headings, ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "EXIT STATUS"])
        self.assertIn(output_of(PROGRAM, "--version").strip(), self.text)


class Completion(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.place = pathlib.Path(self.folder.name)

    def script(self, shell, name):
        path = self.place / name
        path.write_text(output_of(PROGRAM, "describe", shell))
        output_of(shell, "-n", path)
        return path


class Bash(Completion):
    def offered(self, *words):
        """What bash offers for the last of the words."""
        script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _terrace; printf "%s\\n" "${COMPREPLY[@]}"'
        return set(output_of("bash", "-euc", script, "bash", self.script("bash", "terrace"), "terrace", *words, cwd=self.place).split("\n")) - {""}

    def test_commands_and_options_are_those_of_the_help(self):
        for command, text in COMMANDS.items():
            self.assertEqual({word for word in self.offered(*command.split(), "--")}, options_in(text), command)
        self.assertEqual(self.offered("co"), {"config"})
        self.assertEqual(self.offered("config", ""), {"check", "example"})
        self.assertEqual(self.offered("config", "check", "--c"), {"--connect"})

    def test_files_are_offered_where_they_are_meant(self):
        (self.place / "a b.toml").touch()
        self.assertEqual(self.offered("serve", "--config", "a"), {"a b.toml"})
        self.assertEqual(self.offered("serve", "--config", "=", "a"), {"a b.toml"})
        self.assertEqual(self.offered("config", "check", "a"), {"a b.toml"})
        self.assertEqual(self.offered("serve", "--listen", "a"), set())
        self.assertEqual(self.offered("stats", "a"), set())

    def test_a_word_that_is_no_command_does_not_hide_the_command(self):
        self.assertEqual(self.offered("get", "stats", "--tok"), {"--token-file"})


class Zsh(Completion):
    def specifications(self, function):
        """What the function hands to _arguments."""
        script = 'compdef() { :; }; _describe() { :; }; _arguments() { print -rl -- "$@"; }; source "$1"; "$2"'
        return output_of("zsh", "-fc", script, "zsh", self.script("zsh", "_terrace"), function).splitlines()

    def test_options_are_those_of_the_help(self):
        for command, text in COMMANDS.items():
            specifications = self.specifications("_terrace" + "".join("_" + word for word in command.split()))
            named = {found[1] for line in specifications if (found := re.match(r"(?:\*|\([^)]*\))?(--[\w-]+)", line))}
            self.assertEqual(named, options_in(text), command)
        self.assertIn("--config[The configuration (required)]:FILE:_files", self.specifications("_terrace_serve"))

    def test_it_completes_at_a_terminal(self):
        """zsh itself, with its completion system, at a pseudo-terminal. It is typed to once its line editor reads."""
        self.script("zsh", "_terrace")
        driver = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; zle-line-init() { print EDITOR''NOW }; zle -N zle-line-init"
zpty -r -m shell line '*EDITORNOW*'
zpty -w -n shell $'terrace config check --con\t --ti\t\x15print DONE""NOW\n'
zpty -r -m shell line '*DONENOW*'
print -r -- $line
"""
        shown = output_of("zsh", "-fc", driver, "zsh", self.place, env={**os.environ, "TERM": "dumb"})
        self.assertIn("--connect", shown)
        self.assertIn("--timeout", shown)


if __name__ == "__main__":
    unittest.main()
