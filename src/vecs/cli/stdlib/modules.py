"""Which modules of the standard library count, and for what."""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What most programs use, for a first run of a minute or two.
WELL_KNOWN = _names("""
    argparse asyncio base64 bisect builtins bz2 calendar collections concurrent configparser contextlib copy csv
    dataclasses datetime decimal difflib email enum filecmp fileinput fnmatch fractions functools getpass glob
    graphlib gzip hashlib heapq hmac html http inspect io ipaddress itertools json locale logging lzma math mimetypes
    multiprocessing operator os pathlib pickle platform pprint queue random re sched secrets shelve shlex shutil
    signal smtplib socket socketserver sqlite3 ssl statistics string struct subprocess sys tarfile tempfile textwrap
    threading time timeit tomllib traceback types typing unicodedata unittest urllib uuid warnings weakref webbrowser
    xml zipfile zlib zoneinfo
""")

# Written in C at least in part, and known to do nothing when imported but to define what they hold.
NATIVE = _names("""
    array binascii bisect builtins bz2 cmath codecs collections contextvars csv datetime decimal errno fcntl functools
    gc hashlib heapq io itertools json lzma marshal math mmap operator os pickle random re resource select signal
    socket sqlite3 struct sys threading time unicodedata weakref zlib
""")

# Applications, tests and jokes that are shipped with the library but are not for use in programs; ntpath is
# os.path once more.
SKIPPED = _names("""
    antigravity distutils ensurepip idlelib lib2to3 ntpath pydoc_data site-packages test tests this turtledemo
""")

# Parts of packages that are not for users, beside those that a package's own imports tell.
INTERNAL = _names("""
    asyncio.staggered importlib.readers importlib.resources.readers importlib.simple multiprocessing.forkserver
    multiprocessing.heap multiprocessing.popen_fork multiprocessing.popen_forkserver multiprocessing.popen_spawn_posix
    multiprocessing.popen_spawn_win32 multiprocessing.process multiprocessing.reduction
    multiprocessing.resource_sharer multiprocessing.resource_tracker multiprocessing.spawn multiprocessing.util
    urllib.response xml.dom.expatbuilder xml.dom.minicompat xml.dom.xmlbuilder xml.sax.expatreader
""")

# Public names that no import statement tells, as (module, name, public module, public name); an empty name
# stands for all of a module.
CALLED = (
    ("posixpath", "", "os.path", ""),
    ("genericpath", "", "os.path", ""),
    ("multiprocessing.process", "BaseProcess", "multiprocessing", "Process"),
)
