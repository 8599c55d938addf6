"""The `vecs` command."""

from __future__ import annotations

import io
import sys


def main() -> None:
    """Run the command; says what to install where its parts are missing."""
    try:
        from vecs.cli.app import app
    except ImportError as error:
        sys.exit(f"the vecs command needs {error.name}: pip install 'vecs[cli]'")
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets its number, and not a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app()
