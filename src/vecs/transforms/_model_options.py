"""The arguments of embedders about their model, and those that decide how it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from vecs._checks.numbers import checked_int
from vecs._checks.shown import brief
from vecs.exc import ArgError
from vecs.transforms._given import checked_count

# What runs the model; None is PyTorch if it is installed, otherwise ONNX Runtime.
Backend: TypeAlias = Literal["torch", "onnx", "openvino"]
# How a model is found, and whether it may run its own code.
_OPTIONS = {"revision", "token", "trust_remote_code"}


@dataclass(frozen=True)
class Spec:
    """What decides on which model is loaded, and how."""

    model: str
    revision: str | None = None
    device: str | None = None
    trust_remote_code: bool = False
    backend: str | None = None
    token: str | bool | None = field(default=None, repr=False)
    # Their values may not be hashable, so their text is compared.
    model_kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)
    model_kwargs_written: str = field(default="", repr=False)


@dataclass(frozen=True)
class ModelOptions:
    """What TextEmbedding, TextPreprocessor and ImageEmbedding are told of their model, under their arguments' names."""

    batch_size: int = 32
    device: str | None = None
    truncate_dim: int | None = None
    normalize: bool = True
    query_prompt: str | None = None
    document_prompt: str | None = None
    query_prompt_name: str | None = None
    document_prompt_name: str | None = None
    token: str | bool | None = field(default=None, repr=False)
    revision: str | None = None
    trust_remote_code: bool = False
    backend: Backend | None = None
    model_kwargs: Mapping[str, Any] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for role, prompt, name in (
            ("query", self.query_prompt, self.query_prompt_name),
            ("document", self.document_prompt, self.document_prompt_name),
        ):
            if prompt is not None and name is not None:
                raise ArgError(f"give {role}_prompt or {role}_prompt_name, not both")
        checked_int(self.batch_size, "batch_size", 1)
        checked_count(self.truncate_dim, "truncate_dim")
        kwargs: Any = self.model_kwargs
        if kwargs is not None and not isinstance(kwargs, Mapping):
            raise ArgError(f"model_kwargs must be a mapping such as {{'dtype': 'float16'}}, not {brief(kwargs)}")
        backend: Any = self.backend
        if backend not in (None, *get_args(Backend)):
            known = ", ".join(repr(name) for name in get_args(Backend))
            raise ArgError(f"backend must be one of {known}, or None for what is installed, not {brief(backend)}")
        for name in sorted(_OPTIONS & set(self.model_kwargs or ())):
            raise ArgError(f"{name} cannot be in model_kwargs: give it as {name}=")

    def spec(self, model: str) -> Spec:
        """Return what decides on which model is loaded."""
        kwargs = dict(self.model_kwargs or {})
        written = ", ".join(f"{name}={value!r}" for name, value in sorted(kwargs.items()))
        return Spec(
            model, self.revision, self.device, self.trust_remote_code, self.backend, self.token, kwargs, written
        )

    def check_for_loaded(self) -> None:
        """Raise an error for arguments that decide how a model is loaded, if the model is already loaded."""
        for name in sorted({*_OPTIONS, "device", "backend", "model_kwargs"}):
            if getattr(self, name) not in (None, False, "torch"):
                raise ArgError(f"{name} cannot be given with a model that is already loaded")
