"""The walk-through of docs/listening-test.md, executed on generated audio with simulated listeners."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from typer.testing import CliRunner

from pipelines.cli import app
from tests.signals import RATE, noise
from tests.training.listening.listeners import encoded, finished_result
from training.listening.build import Built
from training.listening.exclusion import MEASURES
from training.listening.key import read_key
from training.listening.site_files import read_site
from training.listening.spec import Exclusion

DOCUMENT = (Path(__file__).parents[3] / "docs" / "listening-test.md").read_text()
SECONDS, CHANGE = 50, 25


def write_audio(folder: Path, content: dict) -> None:
    """Songs of two sections: low tones and soft noise, then high tones and loud noise."""
    time = np.arange(SECONDS * RATE) / RATE
    late = time >= CHANGE
    for seed, song in enumerate(content["songs"]):
        name = song["name"] if isinstance(song, dict) else song
        stems = {
            "vocals": 0.2 * np.sin(2 * np.pi * np.where(late, 660, 330) * time),
            "bass": 0.2 * np.sin(2 * np.pi * np.where(late, 87, 55) * time),
            "drums": noise(SECONDS, seed, 0.3)[:, 0] * np.where(late, 1.0, 0.3),
            "other": 0.1 * np.sin(2 * np.pi * np.where(late, 1_500, 400) * time),
        }
        for stem, audio in stems.items():
            write(folder / content["stems"][stem].format(song=name), audio)
        total = np.sum(list(stems.values()), axis=0)
        for system, weight in (("engineer", 0.5), ("network", 0.0), ("sum", -0.5)):
            write(folder / content["systems"][system].format(song=name), 0.5 * (total + weight * stems["vocals"]))


def write(path: Path, audio: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.repeat(audio[:, None], 2, axis=1), RATE, subtype="PCM_16")


def commands() -> list[list[str]]:
    block = next(text for text in re.findall(r"```sh\n(.+?)```", DOCUMENT, re.DOTALL) if "listening-test build" in text)
    return [shlex.split(line)[1:] for line in block.splitlines()]


def test_the_walk_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (description,) = re.findall(r"```yaml\n(.+?)```", DOCUMENT, re.DOTALL)
    Path("autumn.yaml").write_text(description)
    content = yaml.safe_load(description)
    write_audio(tmp_path, content)
    build, serve, analyse, *exports = commands()
    assert [line[1] for line in (build, serve, analyse, *exports)] == ["build", "serve", "analyse", "export", "export"]
    assert serve[2] == build[4]
    built = CliRunner().invoke(app, build)
    assert built.exit_code == 0, built.output
    assert "4 pages and a training page" in built.output
    key, site = read_key(Path("autumn.key.json")), read_site(Path("autumn"))
    for page in key.pages:
        inside = (CHANGE - page.start / RATE) / (page.frames / RATE)
        assert page.frames == 30 * RATE
        assert 0.3 < inside < 0.7
    results = Path("autumn-results")
    results.mkdir()
    effects = {"engineer": 15.0, "network": 5.0, "sum": -10.0}
    rng = np.random.default_rng(0)
    for number in range(12):
        result = finished_result(Built(site, key, Path()), f"{number:08x}", f"p{number}", effects, rng)
        (results / f"{number:08x}.json").write_bytes(encoded(result))
    analysed = CliRunner().invoke(app, [*analyse, "--json"])
    assert analysed.exit_code == 0, analysed.output
    compared = yaml.safe_load(analysed.stdout)
    assert all(row["p_holm"] < 0.05 for row in compared)
    assert Path("autumn-analysis/report.html").is_file()
    for export in exports:
        exported = CliRunner().invoke(app, export)
        assert exported.exit_code == 0, exported.output
    assert Path("autumn-waet/test.xml").is_file()
    assert Path("autumn-webmushra/test.yaml").is_file()
    again = CliRunner().invoke(app, build)
    assert again.exit_code == 1
    assert "--overwrite" in again.output


def test_documented_rules_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .+ \| (?:below|above) (\d+) \| (flag|exclude) \|$", DOCUMENT, re.MULTILINE)
    defaults = Exclusion()
    assert {name: (float(limit), action) for name, limit, action in rows} == {
        name: (getattr(defaults, name).limit, getattr(defaults, name).action) for name in MEASURES
    }


def test_nothing_here_loads_torch_or_ray() -> None:
    names = ("build", "server", "report", "interchange", "simulate")
    program = "".join(f"import training.listening.{name}\n" for name in names)
    program += "import sys; print(sorted({'torch', 'ray'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
