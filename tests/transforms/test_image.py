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


def test_white_in_a_png_of_whole_numbers_is_that_of_16_bits():
    image = Image.new("I", (1, 1), 255)
    assert shown(image) == [(255, 255, 255)]
    # As older versions of Pillow open such a file.
    image.format = "PNG"
    assert shown(image) == [(1, 1, 1)]


def shown(media):
    """The colours of an image's pixels, row by row."""
    image = to_image(media)
    assert image.mode == "RGB"
    return [tuple(pixel) for row in np.asarray(image).tolist() for pixel in row]


def with_info(image, **info):
    image.info.update(info)
    return image


def palette(*colours):
    image = Image.new("P", (len(colours), 1))
    image.putpalette([part for colour in colours for part in colour])
    for place in range(len(colours)):
        image.putpixel((place, 0), place)
    return image


def pixels(*values, dtype):
    return Image.fromarray(np.array([values], dtype=dtype))


def saved(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


WHITE, BLACK, GREYS = (255, 255, 255), (0, 0, 0), [(level, level, level) for level in (0, 85, 170, 255)]
BOTH = [Image.new("RGB", (1, 1), colour) for colour in ("red", "blue")]
FLOATS = np.array([0, 1 / 3, 2 / 3, 1])


@pytest.mark.parametrize(
    ("media", "expected"),
    [
        (png(Image.new("RGBA", (1, 1), (0, 0, 0, 0))), [WHITE]),
        (Image.new("RGBA", (1, 1), (255, 0, 0, 128)), [(255, 127, 127)]),
        (np.zeros((1, 1, 4), np.uint8), [WHITE]),
        (png(Image.new("LA", (1, 1), (0, 0))), [WHITE]),
        (Image.new("RGBa", (1, 1)), [WHITE]),
        (Image.new("La", (1, 1)), [WHITE]),
        (png(palette(BLACK, (255, 0, 0)), transparency=0), [WHITE, (255, 0, 0)]),
        (png(palette(BLACK, BLACK), transparency=bytes([255, 0])), [BLACK, WHITE]),
        (saved(palette(BLACK, (255, 0, 0)), "gif", transparency=0), [WHITE, (255, 0, 0)]),
        (palette(BLACK, (255, 0, 0)), [BLACK, (255, 0, 0)]),
        (png(Image.new("L", (1, 1)), transparency=0), [WHITE]),
        (png(Image.new("RGB", (1, 1), (1, 2, 3)), transparency=(1, 2, 3)), [WHITE]),
        (png(Image.new("1", (1, 1)), transparency=0), [WHITE]),
        (Image.new("1", (1, 1), 1), [WHITE]),
        (png(pixels(0, 21845, 43690, 65535, dtype=np.uint16)), GREYS),
        (png(pixels(0, 65535, dtype=np.uint16), transparency=0), [WHITE, WHITE]),
        (png(pixels(255, dtype=np.uint16)), [(1, 1, 1)]),
        (pixels(0, 21845, 43690, 65535, dtype=">u2"), GREYS),
        (saved(pixels(0, 21845, 43690, 65535, dtype=np.uint16), "tiff"), GREYS),
        (pixels(0, 21845, 43690, 65535, dtype=np.int32), GREYS),
        (pixels(0, 85, 170, 255, dtype=np.int32), GREYS),
        (pixels(-30, 0, 30, 60, dtype=np.int32), GREYS),
        (pixels(*FLOATS, dtype=np.float32), GREYS),
        (pixels(*FLOATS * 255, dtype=np.float32), GREYS),
        (pixels(*FLOATS * 65535, dtype=np.float32), GREYS),
        (pixels(*FLOATS * 1e9 - 5, dtype=np.float32), GREYS),
        (pixels(-7, -7, dtype=np.float32), [BLACK, BLACK]),
        (Image.new("CMYK", (1, 1), (0, 255, 255, 0)), [(255, 0, 0)]),
        (saved(BOTH[0], "gif", save_all=True, append_images=BOTH[1:]), [(255, 0, 0)]),
        (saved(BOTH[0], "png", save_all=True, append_images=BOTH[1:]), [(255, 0, 0)]),
        (saved(BOTH[0], "tiff", save_all=True, append_images=BOTH[1:]), [(255, 0, 0)]),
        (with_info(Image.new("L", (1, 1)), transparency=5), [BLACK]),
    ],
    ids=range(32),
)
def test_images_are_seen_as_a_viewer_shows_them(media, expected):
    before = media.copy() if isinstance(media, Image.Image) else media
    assert shown(media) == expected
    assert before == media if isinstance(media, (bytes, Image.Image)) else True


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "1", "P", "RGBA", "LA", "I;16"])
def test_photos_of_every_kind_stand_upright(mode):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(np.zeros((10, 20), np.uint16)) if mode == "I;16" else Image.new(mode, (20, 10))
    assert to_image(saved(image, "tiff" if mode == "CMYK" else "png", exif=exif)).size == (10, 20)


@pytest.mark.parametrize(
    ("media", "message"),
    [
        (Image.new("RGB", (0, 2)), "0 x 2 pixels"),
        (pixels(0, np.nan, dtype=np.float32), "NaN"),
        (b"no image", "Pillow cannot read this as an image: 8 bytes"),
        (png()[:50], "could not embed record 'x'"),
        (png()[:-20] + b"x" * 20, "could not embed record 'x'"),
    ],
    ids=range(5),
)
def test_an_image_that_shows_nothing_is_refused(media, message):
    with pytest.raises(TransformError, match=message):
        ImageEmbedding().transform_records([Record("x", media=media)])
