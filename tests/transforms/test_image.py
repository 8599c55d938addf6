from __future__ import annotations

import io
import json

import numpy as np
import pytest

from vecs.exc import ArgError, TransformError
from vecs.records import Record
from vecs.transforms import ImageEmbedding
from vecs.transforms._pictures import to_image

Image = pytest.importorskip("PIL.Image")
RED = Image.new("RGB", (20, 10), "red")


def png(image=RED, **options):
    stream = io.BytesIO()
    image.save(stream, "png", **options)
    return stream.getvalue()


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """A CLIP of random weights: it understands nothing, but takes what a real one takes."""
    import transformers

    folder = tmp_path_factory.mktemp("clip")
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    vocabulary = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: ix for ix, token in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.CLIPConfig(
        text_config={**small, "vocab_size": 54, "max_position_embeddings": 16, "bos_token_id": 52, "eos_token_id": 53},
        vision_config={**small, "image_size": 16, "patch_size": 8},
        projection_dim=8,
    )
    transformers.CLIPModel(config).save_pretrained(folder)
    transformers.CLIPProcessor(
        image_processor=transformers.CLIPImageProcessor(
            size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}
        ),
        tokenizer=transformers.CLIPTokenizer(
            str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16
        ),
    ).save_pretrained(folder)
    return ImageEmbedding(folder)


@pytest.mark.model
def test_images_in_every_form_have_the_same_vector(clip, tmp_path):
    path = tmp_path / "red.png"
    path.write_bytes(png())
    forms = [RED, path, str(path), png(), bytearray(png()), np.asarray(RED)]
    given = [Record(str(ix), media=form) for ix, form in enumerate(forms)]

    made = clip.transform_records([*given, Record("t", text=str(path)), Record("v", vec=[1.0])])

    assert clip.dimension == 8
    assert all(record.vec == pytest.approx(made[0].vec, abs=1e-6) for record in made[:7])
    assert [record.media for record in made] == [None] * 8
    assert (made[6].text, made[7].vec) == (str(path), [1.0])
    assert given[0].vec is None


@pytest.mark.model
def test_a_query_is_an_image_or_a_text(clip, tmp_path):
    (made,) = clip.transform_records([Record("a", media=RED)])
    assert clip.transform_query(RED) == pytest.approx(made.vec, abs=1e-6)
    assert clip.transform_query(np.asarray(RED)) == pytest.approx(made.vec, abs=1e-6)
    assert clip.transform_query("red").shape == (8,)
    assert clip.transform_query([1.0, 2.0]) == [1.0, 2.0]


@pytest.mark.parametrize("media", ["no/such/file.png", b"no image"])
def test_what_cannot_be_read_names_the_record(media):
    with pytest.raises(TransformError, match="could not embed record 'x'"):
        ImageEmbedding().transform_records([Record("x", media=media)])


def test_a_record_without_an_image_is_named():
    with pytest.raises(ArgError, match="record 'x' has no image"):
        ImageEmbedding().transform_records([Record("x")])


@pytest.mark.parametrize("media", [5, np.zeros((2, 2)), np.zeros((2, 2, 3)), np.zeros((2, 2, 5), np.uint8)])
def test_what_is_no_image_is_refused(media):
    with pytest.raises(ArgError, match="image"):
        to_image(media)


def test_images_are_made_upright_and_rgb():
    exif = Image.Exif()
    exif[0x0112] = 6  # held sideways
    image = to_image(png(Image.new("RGBA", (20, 10)), exif=exif))
    assert (image.mode, image.size) == ("RGB", (10, 20))
