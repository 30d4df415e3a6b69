"""The same test for other tools: Web Audio Evaluation Tool (XML) and webMUSHRA (YAML), with WAV copies of the audio.

Ids and file names stay opaque; results of either tool are read with the key, whose stimulus ids they carry.
Formats: Jillings, De Man, Moffat, Reiss, "Web Audio Evaluation Tool: a browser-based listening test environment", SMC
2015; Schoeffler et al., "webMUSHRA - a comprehensive framework for web-based listening tests", JORS 2018.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import soundfile
import yaml

from catalogs.storage import Location
from training.listening.site_files import AUDIO_FOLDER, Site, SitePage, read_site
from training.listening.spec import Axis, Question
from training.listening.stimuli import TARGET_LUFS

AUDIO = "audio"
METRICS = (
    "testTimer", "elementTimer", "elementInitialPosition", "elementTracker", "elementFlagListenedTo",
    "elementFlagMoved", "elementListenTracker",
)  # fmt: skip
"""What WAET is asked to record."""

CROSSFADE_SECONDS = "0.01"


class ExportError(ValueError):
    """An export that cannot be written."""


def export_waet(site: Path, out: Path) -> Path:
    """Write ``test.xml`` and ``audio/`` for WAET's APE interface; the folder goes into its ``tests/``.

    Raises:
        SiteError, ExportError: there is no site, or something in ``out``.
    """
    test = read_site(site)
    _copy_audio(site, out, test)
    tree = ElementTree.ElementTree(waet_xml(test))
    ElementTree.indent(tree)
    with Location.parse(out / "test.xml").open_atomic() as stream:
        tree.write(stream, encoding="utf-8", xml_declaration=True)
    return out / "test.xml"


def waet_xml(test: Site) -> ElementTree.Element:
    """The document of a test, elements in the order that WAET's schema demands."""
    root = ElementTree.Element("waet")
    setup = ElementTree.SubElement(
        root, "setup", interface="APE", projectReturn="save.php", randomiseOrder="true", poolSize="0",
        loudness=f"{TARGET_LUFS:.0f}", sampleRate=str(test.sample_rate), calibration="true",
        crossFade=CROSSFADE_SECONDS,
    )  # fmt: skip
    _text(setup, "exitText", test.thanks)
    before = ElementTree.SubElement(setup, "survey", location="before")
    _statement(ElementTree.SubElement(before, "surveyentry", type="statement", id="introduction"), test.introduction)
    after = ElementTree.SubElement(setup, "survey", location="after")
    for question in test.questionnaire:
        _waet_question(after, question)
    metric = ElementTree.SubElement(setup, "metric")
    for name in METRICS:
        _text(metric, "metricenable", name)
    interface = ElementTree.SubElement(setup, "interface")
    for kind, name in (
        ("check", "fragmentMoved"), ("check", "fragmentPlayed"), ("show", "playhead"), ("show", "page-count"),
    ):  # fmt: skip
        ElementTree.SubElement(interface, "interfaceoption", type=kind, name=name)
    _waet_page(root, test.training, test.axes, "training", first=True)
    for page in test.pages:
        _waet_page(root, page, test.axes, "Passage", first=False)
    return root


def _waet_page(root: ElementTree.Element, page: SitePage, axes: tuple[Axis, ...], title: str, first: bool) -> None:
    attributes = {
        "id": f"page-{page.id}", "hostURL": f"{AUDIO}/", "randomiseOrder": "true", "repeatCount": "0", "loop": "true",
        "synchronous": "true", "loudness": f"{TARGET_LUFS:.0f}", "label": "capital",
    }  # fmt: skip
    if first:
        attributes |= {"alwaysInclude": "true", "position": "0"}
    element = ElementTree.SubElement(root, "page", attributes)
    _text(element, "title", title.capitalize())
    _text(element, "commentboxprefix", "Comment on mix")
    for axis in axes:
        interface = ElementTree.SubElement(element, "interface", name=axis.id)
        _text(interface, "title", f"{axis.name}: {axis.question}")
        scales = ElementTree.SubElement(interface, "scales")
        for position, label in (("0", axis.low), ("100", axis.high)):
            ElementTree.SubElement(scales, "scalelabel", position=position).text = label
    for stimulus in page.stimuli:
        ElementTree.SubElement(element, "audioelement", url=_wav(stimulus.file), id=f"mix-{stimulus.id}")
    dry = page.dry[0]
    ElementTree.SubElement(
        element, "audioelement", url=_wav(dry.file), id=f"dry-{page.id}", type="outside-reference", label="Dry stems"
    )


def _waet_question(survey: ElementTree.Element, question: Question) -> None:
    kind = {"number": "number", "choice": "radio", "line": "question", "text": "question"}[question.kind]
    attributes = {"type": kind, "id": question.id, "mandatory": str(question.required).lower()}
    if question.kind == "number":
        attributes |= {"min": f"{question.minimum:.12g}", "max": f"{question.maximum:.12g}"}
    entry = ElementTree.SubElement(survey, "surveyentry", attributes)
    _statement(entry, question.label)
    for index, option in enumerate(question.options):
        ElementTree.SubElement(entry, "option", name=f"option{index}").text = option


def _statement(entry: ElementTree.Element, text: str) -> None:
    _text(entry, "statement", text)


def _text(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text


def export_webmushra(site: Path, out: Path) -> Path:
    """Write ``test.yaml`` and ``audio/`` for webMUSHRA: the folder goes into its ``configs/`` under its own name.

    webMUSHRA asks one question a page and needs a reference: there is a page for each scale, and the plain sum of the
    dry stems is the reference, so that it is also among the rated conditions (as ``reference``), which the analysis
    leaves out.

    Raises:
        SiteError, ExportError: there is no site, or something in ``out``.
    """
    test = read_site(site)
    _copy_audio(site, out, test)
    content = yaml.safe_dump(webmushra_config(test, f"configs/{out.absolute().name}/{AUDIO}"), sort_keys=False)
    Location.parse(out / "test.yaml").write_bytes(content.encode())
    return out / "test.yaml"


def webmushra_config(test: Site, audio: str) -> dict[str, Any]:
    """The configuration of a test; ``audio`` is the folder of the files as webMUSHRA sees it."""
    rated = [_webmushra_page(page, axis, audio) for page in test.pages for axis in test.axes]
    training = [_webmushra_page(test.training, axis, audio, "Training: ") for axis in test.axes]
    return {
        "testname": test.title,
        "testId": test.test_id,
        "bufferSize": 2048,
        "stopOnErrors": True,
        "showButtonPreviousPage": False,
        "remoteService": "service/write.php",
        "pages": [
            {"type": "generic", "id": "introduction", "name": test.title, "content": test.introduction},
            {
                "type": "volume", "id": "volume", "name": "Volume", "defaultVolume": 0.5,
                "content": "Choose a level at which you would judge a mix.",
                "stimulus": f"{audio}/{_wav(test.training.stimuli[0].file)}",
            },
            *training,
            ["random", *rated],
            {
                "type": "finish", "name": "Thank you", "content": test.thanks, "showResults": False,
                "writeResults": True, "questionnaire": [_webmushra_question(asked) for asked in test.questionnaire],
            },
        ],
    }  # fmt: skip


def _webmushra_page(page: SitePage, axis: Axis, audio: str, prefix: str = "") -> dict[str, Any]:
    return {
        "type": "mushra",
        "id": f"{page.id}-{axis.id}",
        "name": f"{prefix}{axis.name}",
        "content": f"{axis.question} From {axis.low.lower()} (0) to {axis.high.lower()} (100).",
        "showWaveform": True,
        "enableLooping": True,
        "strict": False,
        "randomize": True,
        "showConditionNames": False,
        "createAnchor35": False,
        "createAnchor70": False,
        "reference": f"{audio}/{_wav(page.dry[0].file)}",
        "stimuli": {stimulus.id: f"{audio}/{_wav(stimulus.file)}" for stimulus in page.stimuli},
    }


def _webmushra_question(question: Question) -> dict[str, Any]:
    common = {"name": question.id, "label": question.label, "optional": not question.required}
    if question.kind == "number":
        return {
            "type": "number",
            **common,
            "min": question.minimum,
            "max": question.maximum,
            "default": question.minimum,
        }
    if question.kind == "choice":
        response = [{"value": option, "label": option} for option in question.options]
        return {"type": "likert", **common, "response": response}
    return {"type": "text" if question.kind == "line" else "long_text", **common}


def _wav(name: str) -> str:
    return f"{Path(name).stem}.wav"


def _copy_audio(site: Path, out: Path, test: Site) -> None:
    """WAV copies of all files that the pages name: both tools ask for them."""
    if out.exists() and any(out.iterdir()):
        raise ExportError(f"{out}: is not empty; give another --out")
    (out / AUDIO).mkdir(parents=True, exist_ok=True)
    pages = (test.training, *test.pages)
    files = {stimulus.file for page in pages for stimulus in page.stimuli} | {page.dry[0].file for page in pages}
    for name in sorted(files):
        source = site / AUDIO_FOLDER / name
        samples, rate = soundfile.read(source, dtype="int32")
        soundfile.write(out / AUDIO / _wav(name), samples, rate, subtype=soundfile.info(source).subtype)
