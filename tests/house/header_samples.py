#!/usr/bin/env python3
"""Puts the code samples of the public headers' comments into one source, so that the compiler reads them too.

Usage: header_samples.py INCLUDE_TERRACE TEMPLATE OUTPUT. A sample is a run of comment lines indented by five spaces or
more: `///     auto keys = …`; an empty comment line does not end it. In the template the line `//@ cache.hpp 1` stands for
the first sample of cache.hpp, and `//@ text config.hpp 1` says that one is no C++. Every sample must stand there.
"""

import pathlib
import re
import sys

LINE = re.compile(r" *///( {5,}\S.*)")
EMPTY = re.compile(r" *///\s*$")


def samples_of(text):
    """The samples of one header, each as (line number of its first line, its lines)."""
    found, empty = [], 0
    for number, line in enumerate(text.splitlines(), 1):
        sample = LINE.match(line)
        if sample:
            last = found[-1] if found else None
            if last and last[0] + len(last[1]) + empty == number:
                last[1].extend([""] * empty + [sample[1]])
            else:
                found.append((number, [sample[1]]))
            empty = 0
        elif EMPTY.match(line):
            empty += 1
        else:
            empty = 0
    return found


def main(include, template, output):
    samples = {}
    for header in sorted(pathlib.Path(include).glob("*.hpp")):
        for index, sample in enumerate(samples_of(header.read_text()), 1):
            samples[f"{header.name} {index}"] = (header, *sample)
    lines = []
    for line in pathlib.Path(template).read_text().splitlines():
        marker = re.fullmatch(r"//@ (text )?(\S+ \d+)", line)
        if not marker:
            lines.append(line)
            continue
        if marker[2] not in samples:
            sys.exit(f"{template}: there is no sample {marker[2]!r}")
        header, number, code = samples.pop(marker[2])
        if not marker[1]:
            lines += [f'#line {number} "{header}"', *code]
    if samples:
        missing = ", ".join(f"{name} (line {sample[1]})" for name, sample in samples.items())
        sys.exit(f"{template}: these samples of headers are compiled by nobody: {missing}")
    pathlib.Path(output).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
