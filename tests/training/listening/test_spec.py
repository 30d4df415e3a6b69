"""Descriptions of listening tests: what is read, and what is refused with a message that names the place."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from training.listening.spec import AXES, SpecError, read_spec

MINIMAL = {
    "title": "T",
    "training": "a",
    "songs": ["a", "b", {"name": "c", "systems": {"two": "other/c.wav"}, "excerpt": {"start": 3, "seconds": 30}}],
    "systems": {"one": "one/{song}.wav", "two": "two/{song}.wav"},
    "stems": {"vocals": "stems/{song}/vocals.wav"},
}


def read(folder: Path, **changes: object) -> object:
    path = folder / "spec.yaml"
    path.write_text(yaml.safe_dump({**MINIMAL, **changes}))
    return read_spec(path)


def test_paths_come_from_templates_unless_a_song_has_its_own(tmp_path: Path) -> None:
    spec = read(tmp_path)
    assert spec.songs[1].systems == {"one": str(tmp_path / "one/b.wav"), "two": str(tmp_path / "two/b.wav")}
    assert spec.songs[2].systems["two"] == str(tmp_path / "other/c.wav")
    assert spec.songs[2].stems == {"vocals": str(tmp_path / "stems/c/vocals.wav")}
    assert [song.name for song in spec.rated] == ["b", "c"]
    assert spec.axes == AXES


def test_toml_says_the_same_as_yaml(tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    path.write_text(
        'title = "T"\ntraining = "a"\nsongs = ["a", "b", {name = "c", systems = {two = "other/c.wav"}, '
        'excerpt = {start = 3, seconds = 30}}]\n[systems]\none = "one/{song}.wav"\ntwo = "two/{song}.wav"\n'
        '[stems]\nvocals = "stems/{song}/vocals.wav"\n'
    )
    assert read_spec(path) == read(tmp_path)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"training": "z"}, "training: there is no song 'z'"),
        ({"colour": 1}, "colour: Unexpected keyword"),
        ({"songs": ["a", "a"]}, "two songs are called the same"),
        ({"systems": {"one": "x"}, "songs": ["a", "b"]}, "2 to 11 systems, not 1"),
        ({"systems": {str(n): "x" for n in range(12)}, "songs": ["a", "b"]}, "2 to 11 systems, not 12"),
        ({"stems": {}}, "song 'a' has no dry stems"),
        ({"songs": ["a", {"name": "b", "systems": {"three": "x"}}]}, "all songs need the same systems"),
        ({"excerpt_seconds": 20}, "excerpt_seconds: Input should be greater than or equal to 25"),
        ({"repeated_pages": 3}, "repeated_pages: 3 of 2 rated songs"),
        ({"exclusion": {"rushed": {"limit": 1, "action": "ignore"}}}, "exclusion.rushed.action"),
        ({"questionnaire": [{"id": "q", "kind": "choice", "label": "?", "options": ["a"]}]}, "two options or more"),
        ({"songs": None}, "songs"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(tmp_path, **changes)
    assert message in str(caught.value)
    assert str(tmp_path / "spec.yaml") in str(caught.value)


@pytest.mark.parametrize("text", ["- a", "a: [", "\0"])
def test_a_file_that_is_no_description_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    with pytest.raises(SpecError):
        read_spec(path)
    with pytest.raises(SpecError, match="cannot be read"):
        read_spec(tmp_path / "none.yaml")
