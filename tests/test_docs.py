"""The documents name tests and commands that exist."""

import dataclasses
import re
from pathlib import Path

from typer.testing import CliRunner

from pipelines.cli import app

REPOSITORY = Path(__file__).parents[1]


def test_every_deviation_names_tests_that_exist():
    rows = [
        line
        for line in (REPOSITORY / "docs" / "fidelity.md").read_text().split("## Deviations")[1].splitlines()
        if line.startswith("| ") and "`test_" in line
    ]
    defined = {
        name
        for path in (REPOSITORY / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert len(rows) >= 15
    for row in rows:
        assert set(re.findall(r"`(test_\w+)`", row)) <= defined, row


def test_commands_of_the_readme_exist():
    text = (REPOSITORY / "README.md").read_text()
    commands = set(re.findall(r"fxnorm-data ((?:stats )?[a-z]+(?:-[a-z]+)*)", text))
    assert "build-catalog" in commands
    for command in commands:
        assert CliRunner().invoke(app, [*command.split(), "--help"]).exit_code == 0, command


def test_targets_of_the_readme_exist():
    text = (REPOSITORY / "README.md").read_text()
    targets = re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE))
    assert {"catalog", "test"} <= named <= set(targets)


def test_links_of_the_documents_lead_to_files():
    for document in [REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_corpus_and_each_of_its_options_is_documented():
    from catalogs import corpora

    text = (REPOSITORY / "docs" / "corpora.md").read_text()
    rows = text.split("| --- |", 1)[1].split("\n\n", 1)[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)) == corpora.names()
    for name in corpora.names():
        options = {field.name for field in dataclasses.fields(corpora.get(name)) if field.init}
        for option in options - {"split", "sources", "roles", "patterns"}:
            assert f"--corpus-option {option}=" in text, option


def test_tables_of_sources_in_the_documents_can_be_read(tmp_path):
    from catalogs.corpora.sources import read_sources

    (snippet,) = re.findall(r"^```toml\n(.+?)^```$", (REPOSITORY / "docs" / "corpora.md").read_text(), re.DOTALL | re.M)
    (tmp_path / "mine.toml").write_text(snippet)
    table = read_sources(str(tmp_path / "mine.toml"))
    assert table.songs["medleydb/Artist_Title"] == {"S08": "bass"}


def test_settings_of_the_sources_are_those_of_the_code():
    from fxnorm.responses import SYNTHETIC_PREREVERB_RT60, SYNTHETIC_SEND_RT60
    from fxnorm.settings import SOURCE_SETTINGS

    text = (REPOSITORY / "docs" / "normalisation.md").read_text()
    rows = re.findall(
        r"^\| `(\w+)` \| ([\d.]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (yes|no) \|$", text, re.MULTILINE
    )
    documented = {
        row[0]: (float(row[1]), float(row[2]), float(row[3]), int(row[4]), float(row[5]), row[6] == "yes")
        for row in rows
    }
    assert documented == {
        name: (s.attack_ms, s.release_ms, s.first_ratio, s.eq_smoothing, s.panning_limit_hz, s.reverb)
        for name, s in SOURCE_SETTINGS.items()
    }
    numbers = [float(n) for n in re.findall(r"\d+(?:\.\d+)?", text.split("direct sound;")[1].split("Response and")[0])]
    assert numbers == [*SYNTHETIC_SEND_RT60, *SYNTHETIC_PREREVERB_RT60]
