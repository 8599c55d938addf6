"""Images to vectors by a CLIP-style sentence-transformers model."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from vecs._checks.arguments import made_of
from vecs._checks.shown import brief
from vecs._checks.wrong_calls import constructor_explains_wrong_calls
from vecs.exc import ArgError, MissingDependency
from vecs.records import Record
from vecs.transforms._legacy import is_numeric_row
from vecs.transforms._loaded import Model
from vecs.transforms._model_options import ModelOptions
from vecs.transforms._models import HubName
from vecs.transforms._pictures import check_image, to_image
from vecs.transforms._require import check_installed
from vecs.transforms._text import LoadedModel, ModelEmbedding
from vecs.transforms._vectors import failure, put

CLIP = HubName("clip-ViT-B-32")


@constructor_explains_wrong_calls
class ImageEmbedding(ModelEmbedding):
    """
    Turn images into vectors by a model that reads images and texts, such as CLIP.

    A record's `media` is a PIL image, the path of a file, the bytes of one, or an array of height x width x 3
    bytes; a record without media may give the path as its text. A query is a text, or an image in any of
    these forms; a path there is a `Path`, because a string is a text.

    Images are embedded as a viewer shows them: transparent parts are white, more than 8 bits per pixel are scaled to 8,
    and photos are turned upright. Of a file with several pictures, the first one is used.

    Models are found in the same places as for TextEmbedding. Needs `pip install 'vecs[image]'`.
    """

    _needs = MappingProxyType({"sentence_transformers": "image", "PIL": "image"})

    def __init__(
        self,
        model: str | os.PathLike[str] | LoadedModel = CLIP,
        *,
        batch_size: int = 32,
        device: str | None = None,
        truncate_dim: int | None = None,
        normalize: bool = True,
        token: str | bool | None = None,
        revision: str | None = None,
        trust_remote_code: bool = False,
        model_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        # ONNX Runtime is for texts.
        super().__init__(model, replace(made_of(ModelOptions, locals()), backend="torch"))

    def _load(self) -> Model:
        if self._given is None:
            check_installed(self)
        return super()._load()

    def transform_records(self, records: Sequence[Record], /) -> list[Record]:
        """Give every record that has none a vector of its image."""
        places = [place for place, record in enumerate(records) if record.vec is None]
        done = list(records)
        for start in range(0, len(places), self.batch_size):
            batch = places[start : start + self.batch_size]  # images are large: no more than these at a time
            images = [self._image(records[place]) for place in batch]
            vectors = self._encode(images, [records[place].id for place in batch])
            done = put(done, batch, vectors, [records[place].text for place in batch])
        return done

    def transform_query(self, query: Any, /) -> Any:
        """Return the vector of a text or an image; a vector is returned as it is."""
        if is_numeric_row(query):
            return query
        return self._encode([query if isinstance(query, str) else to_image(query)], None)[0]

    def check_record(self, record: Record, /) -> None:
        """Raise an error if a record has neither a vector nor an image; of a file only the beginning is read."""
        if record.vec is None:
            self._image(record, check_image)

    def _image(self, record: Record, read: Callable[[Any], Any] = to_image) -> Any:
        media = record.text if record.media is None else record.media
        if media is None:
            raise ArgError(f"record {brief(record.id)} has no image for {self!r} to embed, and no vec")
        try:
            return read(media)
        except MissingDependency:
            raise
        except Exception as error:  # Pillow raises many kinds of errors, also for broken files.
            raise failure(self, [record.id], error) from error
