"""Texts for the demo: the documentation that modules of Python carry, as `help()` shows it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from vecs.records import Record

_MODULES = """
argparse array asyncio base64 bisect builtins calendar collections collections.abc concurrent.futures configparser
contextlib copy csv dataclasses datetime decimal difflib email.message enum fileinput fnmatch fractions ftplib
functools getpass glob graphlib gzip hashlib heapq hmac html http.client http.server inspect io ipaddress
itertools json locale logging lzma math mimetypes multiprocessing operator os os.path pathlib pickle
platform plistlib pprint queue random re sched secrets select selectors shelve shlex shutil signal smtplib socket
socketserver sqlite3 ssl stat statistics string struct subprocess sys tarfile tempfile textwrap threading time timeit
tokenize traceback types typing unicodedata unittest urllib.parse urllib.request uuid
warnings wave weakref webbrowser xml.dom.minidom xml.etree.ElementTree zipfile zlib
"""
# Shorter docstrings ("See above.") say nothing that one could search for; of longer ones this much.
_LEAST, _MOST = 20, 800


def stdlib_docs() -> list[Record]:
    """Return what well-known modules, their functions, classes and methods say of themselves, in the order of names."""
    found: dict[str, Record] = {}
    for name in _MODULES.split():
        try:
            module = import_module(name)
        except ImportError:
            # Left out of this Python: often is.
            continue
        for full_name, thing in _parts(name, module):
            text = (inspect.getdoc(thing) or "")[:_MOST]
            if len(text) >= _LEAST:
                metadata = {"module": name, "kind": _kind(thing)}
                found.setdefault(
                    full_name, Record(full_name, text=f"{_call(full_name, thing)}\n\n{text}", metadata=metadata)
                )
    return [found[name] for name in sorted(found)]


def _parts(name: str, module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield a module, what it has, and the methods that its classes have themselves."""
    yield name, module
    prefix = "" if name == "builtins" else f"{name}."
    listed = getattr(module, "__all__", None)
    for part in listed or [part for part in vars(module) if not part.startswith("_")]:
        thing = getattr(module, part, None)
        # What a module without __all__ imported for itself is another one's.
        own = str(getattr(thing, "__module__", name)).startswith((name, "_"))
        if not callable(thing) or (listed is None and not own):
            continue
        yield f"{prefix}{part}", thing
        if inspect.isclass(thing) and not issubclass(thing, BaseException):
            for own_name, method in vars(thing).items():
                if not own_name.startswith("_") and callable(method):
                    yield f"{prefix}{part}.{own_name}", method


def _kind(thing: object) -> str:
    return "module" if inspect.ismodule(thing) else "class" if inspect.isclass(thing) else "function"


def _call(name: str, thing: Any) -> str:
    try:
        return f"{name}{inspect.signature(thing)}"[:200]
    except (TypeError, ValueError):
        return name
