"""The Python blocks of a documentation page."""

from __future__ import annotations

import re
from collections.abc import Iterator

BLOCK = re.compile(r"^(?P<skip><!-- not run -->\s*\n)?(?P<indent> *)```python\n(?P<code>.*?)^(?P=indent)```$", re.M | re.S)


def blocks(text: str) -> Iterator[tuple[int, str]]:
    """Line number and code of each block that is to run: all but those after `<!-- not run -->`. The code is preceded by
    empty lines, so that an error names the page's line."""
    for found in BLOCK.finditer(text):
        if found["skip"]:
            continue
        line = text.count("\n", 0, found.start("code")) + 1
        indent = len(found["indent"])
        code = "".join(row[indent:] if row.strip() else row for row in found["code"].splitlines(keepends=True))
        yield line, "\n" * (line - 1) + code
