"""What the generators share: they write files, or with `--check` only say which are stale."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def write(files: dict[Path, str], description: str | None) -> int:
    """Write the stale files, or only name them; return the exit status."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="write nothing, say what is stale")
    check = parser.parse_args().check
    stale = [
        path
        for path, text in files.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        if check:
            print(f"{path} is stale: run make generate", file=sys.stderr)
        else:
            path.write_text(files[path], encoding="utf-8")
    return int(check and bool(stale))
