"""The import path of vecs 0.4; re-exports only."""

from __future__ import annotations

from vecs.transforms import Adapter, AdapterContext, AdapterStep

__all__ = ["Adapter", "AdapterContext", "AdapterStep"]
