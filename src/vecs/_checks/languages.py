"""What a wrong name of a text search configuration may mean: codes, languages' own names, and typing mistakes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from unicodedata import normalize

from vecs._checks.meant import near

# Languages that Postgres comes with: their codes of ISO 639, and what they are called by those who speak them.
_OTHERS = {
    "arabic": "ar ara العربية عربي",
    "armenian": "hy hye arm հայերեն",
    "basque": "eu eus baq euskara",
    "catalan": "ca cat català",
    "danish": "da dan dansk",
    "dutch": "nl nld dut nederlands flemish",
    "english": "en eng",
    "estonian": "et est eesti",
    "finnish": "fi fin suomi",
    "french": "fr fra fre français",
    "german": "de deu ger deutsch",
    "greek": "el ell gre gr ελληνικά",
    "hindi": "hi hin हिन्दी हिंदी",
    "hungarian": "hu hun magyar",
    "indonesian": "id ind bahasa",
    "irish": "ga gle gaeilge",
    "italian": "it ita italiano",
    "lithuanian": "lt lit lietuvių",
    "nepali": "ne nep नेपाली",
    "norwegian": "no nor nb nn nob nno norsk bokmål nynorsk",
    "portuguese": "pt por português",
    "romanian": "ro ron rum română",
    "russian": "ru rus русский",
    "serbian": "sr srp српски srpski",
    "spanish": "es spa español castellano castilian",
    "swedish": "sv swe se svenska",
    "tamil": "ta tam தமிழ்",
    "turkish": "tr tur türkçe",
    "yiddish": "yi yid ייִדיש",
}
# Languages whose words Postgres knows no endings of; those of the first line are found by their characters.
_BY_CHARACTERS = {
    "Chinese": "zh zho chi cn mandarin cantonese 中文 汉语 漢語 简体中文 繁體中文",
    "Japanese": "ja jpn jp 日本語 nihongo",
    "Korean": "ko kor kr 한국어",
    "Thai": "th tha ไทย ภาษาไทย",
    "Lao": "lo lao ລາວ",
    "Khmer": "km khm cambodian ខ្មែរ",
    "Burmese": "my mya bur မြန်မာ",
}
_PLAIN = {
    "Bulgarian": "bg bul български",
    "Croatian": "hr hrv hrvatski",
    "Czech": "cs ces cze čeština česky",
    "Hebrew": "he heb iw עברית",
    "Icelandic": "is isl ice íslenska",
    "Latvian": "lv lav latviešu",
    "Persian": "fa fas per farsi فارسی",
    "Polish": "pl pol polski",
    "Slovak": "sk slk slo slovenčina",
    "Slovene": "sl slv slovenian slovenščina",
    "Ukrainian": "uk ukr українська",
    "Vietnamese": "vi vie tiếng",
}
_REGION = re.compile(r"[-_.@ ]")


def _by_word(names: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(
        {normalize("NFC", word): name for name, words in names.items() for word in (name.lower(), *words.split())}
    )


_MEANT, _CHARACTERS, _UNKNOWN = map(_by_word, (_OTHERS, _BY_CHARACTERS, _PLAIN))


def language_hint(name: object, known: Collection[str]) -> str:
    """
    Return a sentence on what to write instead of an unknown configuration; "" where nothing is like it.

    `known` are the configurations of the server.
    """
    if not isinstance(name, str):
        return ""
    whole = normalize("NFC", name.strip().lower())
    # en_US, zh-Hant, pt_BR.UTF-8; also english_stem.
    for word in (whole, _REGION.split(whole, maxsplit=1)[0]):
        meant = word if word in known else _MEANT.get(word)
        if meant in known:
            return f"did you mean {meant!r}?"
        if "simple" in known and (language := _CHARACTERS.get(word)) is not None:
            return f"for {language} use 'simple': its texts are found by their characters."
        if "simple" in known and (language := _UNKNOWN.get(word, _MEANT.get(word, "").title())):
            return f"it has none for {language}; use 'simple', which finds words as they are written."
    meant = near(whole, known)
    return f"did you mean {meant!r}?" if meant else ""
