"""One entry of the documentation: what a module, class or function says of itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Literal

Kind = Literal["module", "class", "function", "method"]

# Longer texts are cut: what comes late is detail, and one vector cannot stand for all of it.
MAX_LENGTH = 500
MAX_SIGNATURE = 200
# The rules of a table cost a model one token per character, and tell it nothing.
_RULE = re.compile(r"(?m)^\s*\+[-=+]+\+\s*$\n?")


@dataclass(frozen=True)
class Doc:
    """A docstring with what surrounds it; `name` is relative to the module, empty for the module itself."""

    module: str
    name: str
    kind: Kind
    signature: str
    docstring: str
    line: int | None = None

    @property
    def id(self) -> str:
        """The name as it is written: `gzip.open`, and without a module what needs no import: `str.split`."""
        if not self.name:
            return self.module
        return self.name if self.module == "builtins" else f"{self.module}.{self.name}"

    @property
    def text(self) -> str:
        """What is embedded and shown: the call, then the beginning of what it does."""
        call = self.signature
        if len(call) > MAX_SIGNATURE:
            call = call[: call.rfind(", ", 0, MAX_SIGNATURE)] + ", ...)"
        return f"{self.id}{call}\n\n{beginning(_RULE.sub('', self.docstring))}"

    @property
    def metadata(self) -> dict[str, Any]:
        """What filters see."""
        line = {} if self.line is None else {"line": self.line}
        return {"module": self.module, "kind": self.kind, "name": self.name or self.module, **line}

    def called(self, module: str, name: str) -> Doc:
        """Return it under the name by which users know it."""
        return replace(self, module=module, name=name)


def beginning(text: str, length: int = MAX_LENGTH) -> str:
    """Return as many paragraphs as fit, and of a long first one as many words."""
    if len(text) <= length:
        return text
    cut = text.rfind("\n\n", 0, length)
    if cut < length // 3:
        cut = max(text.rfind(" ", 0, length), text.rfind("\n", 0, length))
    return text[: cut if cut > 0 else length].rstrip()
