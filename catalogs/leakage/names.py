"""Artist and title in a form in which spellings of one song agree."""

from __future__ import annotations

import dataclasses
import re
import unicodedata

_LETTERS = str.maketrans({"ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
"""Letters that have no decomposition in Unicode."""

_GUEST = re.compile(r"\b(?:feat|ft|featuring)\b[^)\]]*")
"""From a guest's mention to the end of the brackets or of the name."""

_NUMBER = re.compile(r"^\d+\s*[-_.]\s*")
"""Number of a track before its name."""

_VERSION = re.compile(
    r"\b(?:(?:\d{4} )?(?:digital(?:ly)? )?remaster(?:ed)?(?: version)?(?: \d{4})?|full (?:mix|version|song)|"
    r"(?:album|single|radio|original|stereo|mono|master) (?:mix|version|edit)|mix(?:ed)?(?: ?down)?|master(?:ed)?|"
    r"multitracks?|stems?|excerpt|preview|demo version)\b"
)
"""Words that say in which form a song is published."""

_ARTICLES = ("the", "and", "a")


@dataclasses.dataclass(frozen=True)
class Name:
    """A song's name, folded.

    Attributes:
        artist: words of the artist in alphabetical order, without articles; empty where unknown.
        title: the title without blanks; empty where unknown.
    """

    artist: str
    title: str

    def may_be(self, other: Name) -> bool:
        """Whether both can be one song: the same title, and the same artist unless one is not known."""
        if not self.title or self.title != other.title:
            return False
        return self.artist == other.artist or not self.artist or not other.artist


def canonical_name(artist: str | None, title: str | None, native_id: str = "") -> Name:
    """The name of a song from its artist and title, or from the corpus' name of it (``Artist - Title``).

    Case, accents, punctuation, guests, and words for the form of publication do not matter: *Björk feat. X - Jóga
    (2003 Remaster)* and *bjork_joga - Full Mix* are one song.
    """
    if not title:
        artist, title = _split_native(artist, native_id)
    words = [word for word in _fold(_without_guests(artist or "")).split() if word not in _ARTICLES]
    return Name(" ".join(sorted(words)), _fold_title(title))


def _split_native(artist: str | None, native_id: str) -> tuple[str | None, str]:
    last = _NUMBER.sub("", native_id.rsplit("/", 1)[-1])
    for separator in (" - ", "_-_", "_"):
        before, found, after = last.partition(separator)
        if found and _fold(before) and _VERSION.sub("", _fold(after)).strip():
            return artist or before, after
    return artist, last


def _fold_title(title: str) -> str:
    plain = _fold(_without_guests(title))
    without_version = " ".join(_VERSION.sub(" ", plain).split())
    return (without_version or plain).replace(" ", "")


def _without_guests(text: str) -> str:
    shorter = _GUEST.sub("", text.casefold().replace("_", " "))
    return shorter if re.search(r"\w", shorter) else text


def _fold(text: str) -> str:
    """Lower case letters and digits, words apart by one blank, without accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS)
    letters = "".join(c for c in decomposed if not unicodedata.combining(c)).replace("&", " and ")
    return " ".join(re.findall(r"[^\W_]+", letters.replace("'", "").replace("’", "")))
