"""Loading a model without a word on the user's terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

_LOGGERS = ("transformers", "huggingface_hub", "sentence_transformers")


@contextmanager
def quiet() -> Generator[None, None, None]:
    """Switch off the progress bars and warnings of the Hugging Face libraries, and restore them after."""
    # ONNX Runtime does without transformers.
    bars: Any = import_module("transformers.utils.logging") if sys.modules.get("transformers") else None
    hub = import_module("huggingface_hub.utils")
    loading, downloading = bars is not None and bars.is_progress_bar_enabled(), not hub.are_progress_bars_disabled()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    if bars is not None:
        bars.disable_progress_bar()
    hub.disable_progress_bars()
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if bars is not None and loading:
            bars.enable_progress_bar()
        if downloading:
            hub.enable_progress_bars()
        elif loading:
            hub.disable_progress_bars()  # enabling the bars of loading enables those of downloading, too
