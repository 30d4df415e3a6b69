"""The list of licences: complete, consistent with the names of Creative Commons, and matched without guessing."""

from __future__ import annotations

import pytest

from catalogs import corpora
from catalogs.corpora import moisesdb, slakh2100
from catalogs.licences import NOT_STATED, PERMISSIONS, corpus_terms, find_licence, known_licences, licence_texts


def test_the_list_is_consistent() -> None:
    licences = known_licences()
    assert len({licence.id for licence in licences}) == len(licences)
    texts = [
        (" ".join(text.casefold().split()), corpus)
        for licence in licences
        for text in licence.texts
        for corpus in licence.corpora or ("",)
    ]
    assert len(set(texts)) == len(texts)
    for licence in licences:
        assert set(licence.corpora) <= set(corpora.names())
        assert licence.url.startswith("https://")
        for name in (*PERMISSIONS, "attribution", "share_alike"):
            assert getattr(licence, name) in ("yes", "no", "unstated")


def test_creative_commons_licences_say_what_their_names_say() -> None:
    found = [licence for licence in known_licences() if licence.id.startswith("CC-")]
    assert len(found) == 30
    for licence in found:
        parts = licence.id.split("-")
        assert licence.share == licence.attribution == "yes"
        assert licence.commercial == ("no" if "NC" in parts else "yes")
        assert licence.adapt == ("no" if "ND" in parts else "yes")
        assert licence.share_alike == ("yes" if "SA" in parts else "no")
        assert ("NonCommercial" in licence.name) == ("NC" in parts)
        version = parts[-1] if parts[-1][0].isdigit() else None
        assert version in (None, "2.0", "2.5", "3.0", "4.0")
        if version:
            assert f"/{'-'.join(parts[1:-1]).lower()}/{version}/" in licence.url


def test_texts_are_matched_whole_or_not_at_all() -> None:
    for text in ("CC BY 4.0", "cc by  4.0 ", "CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/"):
        assert find_licence(text, "folder").id == "CC-BY-4.0"  # type: ignore[union-attr]
    for text in ("CC BY 4.0 or so", "BY 4.0", "CC BY 5.0", "Creative Commons", "", NOT_STATED):
        assert find_licence(text, "folder") is None
    assert find_licence("Restricted", "musdb18").id == "LicenseRef-MUSDB18"  # type: ignore[union-attr]
    assert find_licence("Restricted", "medleydb") is None


@pytest.mark.parametrize("corpus", corpora.names())
def test_terms_of_every_corpus_are_known_or_said_to_be_unknown(corpus: str) -> None:
    terms = corpus_terms(corpus)
    known = find_licence(terms.licence, corpus)
    assert (known is None) == (corpus in ("folder", "manifest", "rawstems"))
    if known is not None and terms.licence not in (moisesdb.LICENCE, slakh2100.LICENCE):
        assert not known.allows("commercial")


def test_a_song_without_a_licence_has_that_of_its_corpus() -> None:
    musdb = corpus_terms("musdb18").licence
    assert licence_texts([None, None], "musdb18") == [musdb]
    assert licence_texts([None, "CC BY-NC-SA"], "musdb18") == ["CC BY-NC-SA", musdb]
    assert licence_texts(["Restricted"], "musdb18") == ["Restricted"]
    assert licence_texts([None], "folder") == [NOT_STATED]
    assert licence_texts([], "nowhere") == [NOT_STATED]
    with pytest.raises(ValueError, match="'sell' is no permission"):
        known_licences()[0].allows("sell")
