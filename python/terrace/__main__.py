"""The program `terrace` from the wheel: `terrace …`, or `python -m terrace …`. docs/cli.md."""

from __future__ import annotations

import os
import pathlib
import sys
from typing import NoReturn

PROGRAM = pathlib.Path(__file__).parent / "bin" / "terrace"


def main() -> NoReturn:
    """Replaces this process by the program, with the arguments of this process."""
    try:
        os.execv(PROGRAM, ["terrace", *sys.argv[1:]])
    except OSError as wrong:
        sys.exit(f"terrace: cannot run {PROGRAM}: {wrong.strerror}; the wheel of terrace brings this program: install it again")


if __name__ == "__main__":
    main()
