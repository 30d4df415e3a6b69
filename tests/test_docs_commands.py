"""Every command of README and docs is executed, on small inputs that lie where the documents say."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
import soundfile
import typer
import yaml
from typer.testing import CliRunner

from pipelines.cli import app
from tests import signals
from tests.corpora import write_corpus, write_song
from tests.documents import REPOSITORY, blocks, shell_commands
from tests.layouts import write_layout
from tests.training.listening.listeners import encoded, finished_result
from tests.training.listening.small_test import SYSTEMS, write_spec
from training.listening.build import build
from training.listening.spec import read_spec

MAKEFILE = (REPOSITORY / "Makefile").read_text()
DEMO = "demo"


def recipe_lines(target: str) -> list[str]:
    """Lines of a target's recipe, with the names of folders in them."""
    name = "$(STAMP)" if target == "setup" else target
    recipe = re.search(rf"^{re.escape(name)}:.*\n((?:\t.*\n?)+)", MAKEFILE, re.MULTILINE)
    assert recipe is not None, f"no target {target} in the Makefile"
    text = recipe[1].replace("\\\n", " ").replace("$(DEMO)", DEMO).replace("$(BIN)/", "")
    return [line.strip().lstrip("@") for line in text.splitlines()]


def make_targets() -> list[str]:
    return sorted({target for command in shell_commands("make") for target in command.split()[1:]})


COMMANDS = list(
    dict.fromkeys(
        [
            *shell_commands("fxnorm-data"),
            *(line for name in make_targets() for line in recipe_lines(name) if line.startswith("fxnorm-data ")),
        ]
    )
)

ELSEWHERE = {
    "fxnorm-data train demo/catalog --out convolution-run --preset convolution --steps 2": (
        "the preset is that of a change in docs/contributing.md; tests/test_contributing.py runs the command"
    ),
}
"""Commands that another test executes."""

SMALLER = (
    # An object store is a folder here; tests/pipelines/test_remote_commands.py has a real one.
    (r"s3://([^?'\s]+)(\?[^'\s]*)?", r"s3/\1"),
    (r"/data/", "data/"),
    (r"~/songs", "songs"),
    (r" DIR ", " data/musdb18hq "),
    # Published sizes take a GPU and hours, four processes four GPUs: a small preset, two steps, one process.
    (r"--preset (\w+_)?pretrained\b", "--preset quick_front_end.toml"),
    (r"--preset (?!quick)\w+", "--preset quick.toml"),
    (r"--device cuda", "--device cpu"),
    (r"(train .*)--workers 4", r"\1"),
    (r"(fxnorm-data train .*)", r"\1 --steps 2 --loader-workers 0"),
    (r"--loader-workers 4", ""),
    (r"(train .*)--out (\S+)", r"\1--out new-\2"),
    # The test was built by the fixture, and people have taken it: the command builds another.
    (r"(listening-test build .*)-o (\S+)", r"\1-o new-\2"),
    # Every corpus into a catalog of its own, so that each command does all its work.
    (r"(build-catalog .*--out )\S+", r"\1built/NUMBER"),
    (r"demo-corpus (\S+)", r"demo-corpus new-\1 --songs 1 --seconds 10"),
    # The cluster is the Ray that the fixture started.
    (r"--address auto", ""),
)
"""What is replaced in a command before it runs here: its options are parsed as they stand as well."""


def smaller(command: str, number: int) -> str:
    """The command as it is run here; ``number`` tells its catalog from those of other commands."""
    for pattern, replacement in SMALLER:
        command = re.sub(pattern, replacement, command)
    return command.replace("NUMBER", str(number))


def invoke(command: str) -> str:
    result = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
    assert result.exit_code == 0, f"{command}\n{result.output}"
    return result.output


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with all that the commands read, which is the current one while they run."""
    folder = tmp_path_factory.mktemp("documents")
    ray.init(address="local", num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        _write_corpora(folder)
        _write_catalogs(folder)
        _write_mixes(folder)
        _write_runs(folder)
        _write_listening_test(folder)
        yield folder
    ray.shutdown()


def _write_corpora(folder: Path) -> None:
    write_corpus(folder / "data" / "musdb18hq", train=2, test=1, seconds=2.0)
    for name, place in {"musdb18": "musdb18", "medleydb": "MedleyDB"}.items():
        write_layout(name, folder / "data" / place, [("One", "train"), ("Two", "train")], seconds=1.5)
    song = write_song(folder / "plain" / "A song", 3, 2.0)
    (folder / "songs" / "A song").mkdir(parents=True)
    names = {"vocals": "lead vox", "drums": "drum bus", "bass": "the bass", "mixture": "full mix"}
    for stem, name in names.items():
        shutil.copy(song / f"{stem}.wav", folder / "songs" / "A song" / f"{name}.wav")
    shutil.copytree(song, folder / "song")
    shutil.copy(song / "vocals.wav", folder / "vocals.wav")
    shutil.copytree(folder / "data", folder / "s3" / "music")
    files = sorted((folder / "data" / "musdb18hq" / "train").rglob("*.wav"))
    rows = [{"song": f.parent.name, "path": str(f), "stem": f.stem, "split": "train"} for f in files]
    pq.write_table(pa.Table.from_pylist(rows), folder / "s3" / "music" / "tracks.parquet")
    (sources,) = [block.text for block in blocks("toml") if block.document.name == "corpora.md"]
    (folder / "mine.toml").write_text(sources)


def _write_catalogs(folder: Path) -> None:
    """Three versions of a catalog, which has one song more each time, and copies under the documents' names."""
    songs = sorted((folder / "data" / "musdb18hq").glob("*/*"), reverse=True)
    for song in songs:
        shutil.copytree(song, folder / "growing" / song.relative_to(folder / "data" / "musdb18hq"))
        invoke("fxnorm-data build-catalog --corpus musdb18hq growing --out data/catalog")
    for copy in ("catalog", f"{DEMO}/catalog"):
        shutil.copytree(folder / "data" / "catalog", folder / copy)
    shutil.copytree(folder / "data" / "musdb18hq", folder / DEMO / "corpus")
    invoke("fxnorm-data stats export catalog -o features_MUSDB18.npy")
    (folder / "ids.txt").write_text("".join(f"musdb18hq/{song.name}\n" for song in songs[:1]))


def _write_mixes(folder: Path) -> None:
    for system, seed in {"dry": 1, "engineer": 2}.items():
        place = folder / "mixes" / "First song" / f"{system}.wav"
        place.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(place, signals.plucks(6.0, seed), signals.RATE)
    for system in ("references", "outputs"):
        (folder / system).mkdir()
        shutil.copy(folder / "mixes" / "First song" / "dry.wav", folder / system / "First song.wav")


def _write_runs(folder: Path) -> None:
    """Small presets of the two kinds, and a checkpoint of each under every name in the documents."""
    presets = REPOSITORY / "training" / "presets"
    bank = re.search(r"\[model.filter_bank\]\n(?:\w.*\n)+", (presets / "tiny.toml").read_text())
    assert bank is not None
    for name, preset in {"quick": "tiny", "quick_front_end": "ours_S_pretrained"}.items():
        text = re.sub(r"\[model.filter_bank\]\n(?:\w.*\n)+", bank[0], (presets / f"{preset}.toml").read_text())
        for key, value in {"segment": 32_768, "guard": 8_192, "batch": 1, "minibatches_per_epoch": 1}.items():
            text = re.sub(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
        (folder / f"{name}.toml").write_text(text.replace('"mixed"', '"float32"'))
    for name, runs in {"quick": ("run", "runs/lb", f"{DEMO}/run"), "quick_front_end": ("runs/pre",)}.items():
        invoke(f"fxnorm-data train catalog --out first-{name} --preset {name}.toml --steps 2 --loader-workers 0")
        for run in runs:
            shutil.copytree(folder / f"first-{name}", folder / run)


def _write_listening_test(folder: Path) -> None:
    description = yaml.safe_load(write_spec(folder / "listening").read_text())
    for kind in ("systems", "stems"):
        description[kind] = {name: f"listening/{path}" for name, path in description[kind].items()}
    (folder / "autumn.yaml").write_text(yaml.safe_dump(description))
    built = build(read_spec(folder / "autumn.yaml"), folder / "autumn")
    (folder / "autumn-results").mkdir()
    for number in range(4):
        session = f"{number:08d}"
        opinions = {system: 10.0 * place for place, system in enumerate(SYSTEMS)}
        result = finished_result(built, session, f"p{number}", opinions, np.random.default_rng(number))
        (folder / "autumn-results" / f"{session}.json").write_bytes(encoded(result))


def test_the_documents_have_commands() -> None:
    assert len(COMMANDS) > 60
    assert set(ELSEWHERE) <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_line_takes_every_option_as_it_stands(command: str) -> None:
    words = shlex.split(command)[1:]
    parser = typer.main.get_command(app)
    while hasattr(parser, "commands"):
        parser, words = parser.commands[words[0]], words[1:]
    parser.make_context(command, words)


@pytest.mark.parametrize("number, command", enumerate(command for command in COMMANDS if command not in ELSEWHERE))
def test_the_command_does_what_it_says(sandbox: Path, number: int, command: str) -> None:
    if "listening-test serve" in command:
        _serve(shlex.split(command)[1:])
    else:
        invoke(smaller(command, number))


def _serve(words: list[str]) -> None:
    """Start the command, fetch its first page, and interrupt it as Ctrl-C does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    server = subprocess.Popen(
        [sys.executable, "-m", "pipelines", *words, "--port", port], stderr=subprocess.DEVNULL, cwd=Path.cwd()
    )
    try:
        for _ in range(200):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
                    assert b"<title>" in answer.read()
                    return
            except OSError:
                assert server.poll() is None
                time.sleep(0.1)
        raise AssertionError("the server never answered")
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


@pytest.mark.parametrize("target", make_targets())
def test_make_runs_what_exists(target: str) -> None:
    """Recipes consist of commands of ours, executed above, modules of the tests, and tools of the environment."""
    tools = {"ruff", "mypy", "python", "sh", "touch", "echo", "$(PYTHON)", "$(MAKE)", "fxnorm-data", "rm"}
    for line in recipe_lines(target):
        words = [word for word in line.split() if not re.fullmatch(r"\w+=\S+", word)]
        assert not words or words[0] in tools, line
        for module in re.findall(r"python -m ([\w.]+)", line):
            assert importlib.util.find_spec(module) is not None, line
