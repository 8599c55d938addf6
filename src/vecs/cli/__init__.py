"""The `vecs` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; says what to install where its parts are missing."""
    try:
        from vecs.cli.app import app
    except ImportError as error:
        sys.exit(f"the vecs command needs {error.name}: pip install 'vecs[cli]'")
    app()
