"""Exports: structure as WAET and webMUSHRA document it, and WAV files that are the site's samples."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
import soundfile
import yaml

from tests.training.listening.small_test import SONGS, SYSTEMS
from training.listening.build import Built
from training.listening.interchange import ExportError, export_waet, export_webmushra
from training.listening.site_files import SiteError


def test_waet_pages_hold_all_mixes_and_scales(small_test: tuple[Path, Built], tmp_path: Path) -> None:
    folder, built = small_test
    root = ElementTree.parse(export_waet(folder / "site", tmp_path / "out")).getroot()
    assert [child.tag for child in root] == ["setup"] + ["page"] * 4
    setup = root[0]
    assert (setup.get("interface"), setup.get("loudness"), setup.get("sampleRate")) == ("APE", "-23", "44100")
    assert [child.tag for child in setup] == ["exitText", "survey", "survey", "metric", "interface"]
    ids = [element.get("id") for element in root.iter() if element.tag in ("page", "audioelement", "surveyentry")]
    assert len(set(ids)) == len(ids)
    for element, page in zip(root[1:], (built.site.training, *built.site.pages), strict=True):
        assert [child.tag for child in element] == (
            ["title", "commentboxprefix"] + ["interface"] * 3 + ["audioelement"] * (len(SYSTEMS) + 1)
        )
        assert (element.get("synchronous"), element.get("loop"), element.get("randomiseOrder")) == ("true",) * 3
        audio = element.findall("audioelement")
        assert {node.get("id") for node in audio[:-1]} == {f"mix-{stimulus.id}" for stimulus in page.stimuli}
        assert audio[-1].get("type") == "outside-reference"
        for node in audio:
            assert (tmp_path / "out" / element.get("hostURL") / node.get("url")).is_file()


def test_webmushra_has_a_page_for_each_passage_and_scale(small_test: tuple[Path, Built], tmp_path: Path) -> None:
    folder, built = small_test
    config = yaml.safe_load(export_webmushra(folder / "site", tmp_path / "out").read_text())
    assert config["testId"] == built.site.test_id
    kinds = [page["type"] if isinstance(page, dict) else page[0] for page in config["pages"]]
    assert kinds == ["generic", "volume", "mushra", "mushra", "mushra", "random", "finish"]
    rated = config["pages"][5][1:]
    assert len(rated) == 3 * 3
    wanted = {frozenset(stimulus.id for stimulus in page.stimuli) for page in built.site.pages}
    assert {frozenset(page["stimuli"]) for page in rated} == wanted
    for page in rated:
        assert (page["createAnchor35"], page["createAnchor70"], page["strict"]) == (False, False, False)
        for file in (page["reference"], *page["stimuli"].values()):
            assert (tmp_path / "out" / file.removeprefix("configs/out/")).is_file()


@pytest.mark.parametrize("export", [export_waet, export_webmushra])
def test_exported_audio_is_the_sites_and_nothing_names_a_system(
    small_test: tuple[Path, Built], tmp_path: Path, export
) -> None:
    folder, _ = small_test
    export(folder / "site", tmp_path / "out")
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    for path in files:
        assert not any(name.encode() in path.read_bytes() for name in (*SYSTEMS, *SONGS)), path
    for path in (tmp_path / "out" / "audio").iterdir():
        exported, rate = soundfile.read(path, dtype="int32")
        original, original_rate = soundfile.read(folder / "site" / "audio" / f"{path.stem}.flac", dtype="int32")
        assert (rate, soundfile.info(path).subtype) == (original_rate, "PCM_24")
        assert (exported == original).all()
    with pytest.raises(ExportError, match="is not empty"):
        export(folder / "site", tmp_path / "out")
    with pytest.raises(SiteError, match="not the site of a listening test"):
        export(tmp_path, tmp_path / "other")
