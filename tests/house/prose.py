#!/usr/bin/env python3
"""Whether the documentation keeps to the words of docs/glossary.md. Usage: prose.py ROOT [PAGE...]; without pages: README,
ARCHITECTURE, CONTRIBUTING, SECURITY, src/cascade/README and docs/. It prints FILE:LINE for each breach, and exits with 1 on any.

It reports the words of the table "Words we do not use" of the glossary, sentences whose subject is "what …" or "who …",
and lines of more than 120 columns. Code, program names, links and quoted text are not checked. Rows of tables may be
longer, because Markdown has no way to wrap them; so may a line without a space to break it at. Decisions keep their file
names, also where a name has a word that is not used any more.
"""

import pathlib
import re
import sys
from dataclasses import dataclass

COLUMNS = 120
PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "src/cascade/README.md")
HEADING = "Words we do not use"
GLOSSARY = pathlib.Path("docs/glossary.md")

FENCE = re.compile(r"^ *```.*?^ *```[^\n]*$", re.M | re.S)
# Code in a line, comments, targets of links, addresses, and quotations such as messages of a program.
UNREAD = re.compile(r"`[^`\n]+`|<!--.*?-->|(?<=\])\([^)\s]*\)|https?://\S+|\"[^\"\n]+\"", re.S)
# A sentence whose subject is a clause: "What was read before it is put nowhere." Questions and headings may begin so.
CLAUSE = re.compile(r"(?:^(?:[ >*-]|\d+\.)*\**|(?<=[.!?:;] )|(?<=[.!?:;]\n))(?P<word>What|Who|Whoever)\b([^.!?|]|[.!?](?=\S))*([.!?]|$)",
                    re.M)


@dataclass(frozen=True)
class Word:
    pattern: re.Pattern[str]
    instead: str
    allowed: re.Pattern[str] | None


def phrase(words):
    """Matches any of the phrases, also across the end of a line."""
    parts = [r"\s+".join(re.escape(part) for part in one.split()) for one in words]
    return re.compile(r"(?<![\w-])(?:" + "|".join(parts) + r")(?![\w-])", re.I)


def split(cell):
    return [part.strip() for part in cell.split(",") if part.strip()]


def section(text):
    """Where the table of words begins and ends."""
    begin = text.index(f"## {HEADING}")
    end = text.find("\n## ", begin + 3)
    return begin, len(text) if end < 0 else end


def words(glossary):
    """The rows of the table: words, what to write instead, and phrases in which the words are right."""
    begin, end = section(glossary)
    rows = [line.strip().strip("|").split("|") for line in glossary[begin:end].splitlines() if line.startswith("|")]
    for row in rows[2:]:
        unwanted, instead, allowed = (cell.strip() for cell in row)
        yield Word(phrase(split(unwanted)), instead, phrase(split(allowed)) if allowed else None)


def blank(text, pattern):
    """The text with as many dots in the place of what matches, so that positions and lines stay."""
    return pattern.sub(lambda found: re.sub(r"[^\n]", "·", found.group()), text)


def breaches(name, text, unwanted):
    """Pairs of a line's number and what is wrong with it."""
    outside = blank(text, FENCE)
    for number, (line, shown) in enumerate(zip(text.splitlines(), outside.splitlines()), 1):
        too_long = len(line) > COLUMNS and not shown.startswith("·") and not line.lstrip().startswith("|")
        if too_long and " " in line.strip()[:COLUMNS]:
            yield number, f"{len(line)} columns; {COLUMNS} at most"
    prose = blank(outside, UNREAD)
    if name == GLOSSARY.as_posix():
        begin, end = section(prose)
        prose = prose[:begin] + re.sub(r"[^\n]", "·", prose[begin:end]) + prose[end:]

    def line_of(found):
        return prose.count("\n", 0, found.start()) + 1

    for word in unwanted:
        for found in word.pattern.finditer(blank(prose, word.allowed) if word.allowed else prose):
            yield line_of(found), f'"{" ".join(found.group().split())}"; write: {word.instead}'
    for found in CLAUSE.finditer(prose):
        if not found.group().endswith("?"):
            yield line_of(found), f'a sentence begins with "{found["word"]} …"; begin with its subject'


def pages(root):
    named = [root / page for page in PAGES]
    return [page.relative_to(root) for page in [*named, *sorted((root / "docs").rglob("*.md"))] if page.exists()]


def main(arguments):
    root = pathlib.Path(arguments[0])
    unwanted = list(words((root / GLOSSARY).read_text()))
    failed = False
    for page in [pathlib.Path(one) for one in arguments[1:]] or pages(root):
        for number, text in sorted(breaches(page.as_posix(), (root / page).read_text(), unwanted)):
            failed = True
            print(f"{page}:{number}: {text}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
