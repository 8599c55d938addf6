"""A map that is being served: its link, its end."""

from __future__ import annotations

import asyncio
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from vecs._atlas.wanted import Wanted
from vecs._reports.html import escaped

if TYPE_CHECKING:
    from typing_extensions import Self

# Variables of programs that show this machine's notebooks in a browser of another one.
_ELSEWHERE = (
    "SSH_CONNECTION", "JUPYTERHUB_USER", "COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE", "CODESPACES",
    "KUBERNETES_SERVICE_HOST",
)  # fmt: skip


def open_atlas(collection: Any, wanted: Wanted) -> Atlas:
    """Serve a map of a collection, which is the map's own, with its client; raises ArgError if the port is taken."""
    # What a server needs is not for everybody who imports vecs.
    serving: Any = import_module("vecs._serving.server")
    return Atlas(serving.start(collection, wanted))


class Atlas:
    """
    A map of a collection, served on this machine; a collection's `atlas()` returns one.

    It is served until it is closed, or the client of the collection is; `with` (`async with`) closes it at the end.
    """

    def __init__(self, server: Any) -> None:
        self._server = server

    @property
    def url(self) -> str:
        """The link to open in a browser of this machine. Whoever has it may read the collection."""
        return self._server.url

    @property
    def selection(self) -> list[str]:
        """The ids of the records that were selected last on the page, by lasso or by a search."""
        return self._server.model.selection()

    @property
    def closed(self) -> bool:
        """Whether it is no longer served."""
        return self._server.model.closed

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all points are where they stay, so many seconds at most; return whether they are."""
        return self._server.model.wait(timeout)

    def close(self) -> None:
        """Stop serving it; a second call does nothing."""
        self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    def __repr__(self) -> str:
        name = self._server.model.name
        return f"<vecs.Atlas of {name!r}, closed>" if self.closed else f"<vecs.Atlas of {name!r}: {self.url}>"

    def _repr_html_(self) -> str:
        if self.closed:
            return f"<p>{escaped(repr(self))}</p>"
        url = escaped(self.url)
        link = f'<p><a href="{url}" target="_blank" rel="noopener">Map of {escaped(self._server.model.name)}</a></p>'
        if any(os.environ.get(name) for name in _ELSEWHERE):
            return f"{link}<p>The link leads to the machine of the notebook's kernel, port {self._server.port}.</p>"
        frame = f'<iframe src="{url}" width="100%" height="640" style="border:0" title="Map"></iframe>'
        return f"{link}{frame}"
