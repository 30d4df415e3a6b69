"""Spellings of one song's name agree, names of different songs do not."""

import pytest

from catalogs.leakage.names import Name, canonical_name

SAME = [
    (("Björk", "Jóga", ""), (None, None, "bjork_joga - Full Mix")),
    (("The Beatles", "Let It Be - Remastered 2009", ""), ("Beatles, The", "Let it be!", "")),
    (("ANiMAL", "Rockshow", ""), (None, None, "001 - ANiMAL - Rockshow")),
    (("Mötley Crüe", "Kickstart (Stereo Mix)", ""), ("Motley Crue", "Kickstart", "")),
    (("Nord & Süd", "Straße", ""), ("Nord and Sud", "STRASSE", "")),
    (("Actions feat. Somebody", "One Minute Smile", ""), ("Actions", "One Minute Smile (ft. Somebody)", "")),
    (("Sigur Rós", "Ágætis byrjun", ""), ("sigur ros", "agaetis byrjun", "")),
    (("坂本 龍一", "戦場のメリークリスマス", ""), ("坂本龍一 ".replace("本", "本 "), "戦場のメリークリスマス", "")),
    ((None, "Only Title", ""), ("Anybody", "only-title", "")),
    (("A", "Don't Stop", ""), ("A", "Dont Stop", "")),
    ((None, None, "folder/Artist_Name of it"), ("Artist", "Name of It", "")),
]
DIFFERENT = [
    (("A Band", "One", ""), ("A Band", "Two", "")),
    (("A Band", "One", ""), ("B Band", "One", "")),
    (("A Band", "One, Part 1", ""), ("A Band", "One, Part 2", "")),
    (("A Band", "", ""), ("A Band", "", "")),
    (("A Band", "...", ""), ("A Band", "!!!", "")),
    (("Remastered", "Mix", ""), ("Remastered", "Remaster", "")),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_one_song_agree(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert canonical_name(*one).may_be(canonical_name(*other))
    assert canonical_name(*other).may_be(canonical_name(*one))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_songs_do_not(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert not canonical_name(*one).may_be(canonical_name(*other))


def test_a_name_that_is_all_words_of_publication_stays() -> None:
    assert canonical_name("X", "Remastered") == Name("x", "remastered")
    assert canonical_name("feat. Y", "Mix") == Name("feat y", "mix")
