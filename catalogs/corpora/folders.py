"""Looking into the folders of a corpus: what belongs to it, and which of a song's files is which stem."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from catalogs.audio_file import file_status
from catalogs.container import AUDIO_SUFFIXES
from catalogs.corpora.corpus import CorpusFile, CorpusLayoutError, text
from catalogs.faults import AudioFileError, Fault, printable
from catalogs.remote import RemotePath
from catalogs.schemas import MIXTURE, SPLITS

SPLIT_FOLDERS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
"""Folder names, in lower case, that say which split the songs in them belong to."""

DEPTH = 4
"""Levels of folders that are looked through for songs: the layouts' own, and what unpacking adds."""

_ARCHIVER_FOLDER = "__MACOSX"


def check_split(split: str | None) -> None:
    """Errors: ValueError where ``split`` is neither None nor a split of a catalog."""
    if split is not None and split not in SPLITS:
        raise ValueError(f"{split!r} is no split; name one of {', '.join(SPLITS)}")


def entries(folder: Path) -> list[Path]:
    """What lies in a folder, sorted by name, without hidden files (``._*`` among them) and ``__MACOSX``.

    Errors: OSError where it cannot be listed.
    """
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.name != _ARCHIVER_FOLDER)


def is_audio_name(path: Path) -> bool:
    """Whether the suffix is one of an audio file."""
    return path.suffix.lower() in AUDIO_SUFFIXES


def is_folder(path: Path) -> bool:
    """Whether this is a folder, or a link to one; False where that cannot be found out."""
    try:
        return path.is_dir()
    except OSError:
        return False


def unreachable(path: Path) -> Fault | None:
    """What is wrong with a link that leads nowhere or in circles, or a name that may not be looked up."""
    try:
        file_status(path)
    except AudioFileError as error:
        return None if error.reason == "not_a_file" else error.fault()
    return None


def listed(folder: Path) -> tuple[list[Path], list[Fault]]:
    """What lies in a song's folder, or the fault that it cannot be listed."""
    try:
        return entries(folder), []
    except OSError as error:
        reason = "permission" if isinstance(error, PermissionError) else "io_error"
        return [], [Fault(reason, f"the folder cannot be listed ({error.strerror})", path=folder)]


def split_entries(
    root: Path, corpus: str, looked_for: str, split: str | None
) -> Iterator[tuple[Path, str | None, bool]]:
    """What lies in the folders ``train``, ``test`` and so on of a corpus, sorted: path, split, and True.

    The folders are those in ``root``, else those one level deeper, as some archives unpack. Without any, what
    lies in ``root`` itself, with ``split``, or what the name of ``root`` tells; None and False where neither
    does.

    Errors: CorpusLayoutError where ``root`` or one of its folders cannot be listed.
    """
    try:
        top = entries(root)
        for candidates in (top, [path for parent in top if is_folder(parent) for path in listed(parent)[0]]):
            folders = [path for path in candidates if path.name.lower() in SPLIT_FOLDERS and is_folder(path)]
            for folder in folders:
                for path in entries(folder):
                    yield path, SPLIT_FOLDERS[folder.name.lower()], True
            if folders:
                return
        own = split or own_split(root)
        for path in top:
            yield path, own, own is not None
    except OSError as error:
        raise unlistable(root, corpus, looked_for, error) from error


def split_of(root: Path, folder: Path) -> str | None:
    """The split that the outermost folder between a corpus and a song tells; None where none does."""
    parts = folder.relative_to(root).parts[:-1]
    return next((SPLIT_FOLDERS[part.lower()] for part in parts if part.lower() in SPLIT_FOLDERS), None)


def own_split(root: Path) -> str | None:
    """The split that the name of the corpus' folder tells; None where it does not."""
    return SPLIT_FOLDERS.get(root.absolute().name.lower())


@dataclass(frozen=True)
class Found:
    """A folder of a corpus with what lies in it, sorted, or with what is wrong with it."""

    path: Path
    entries: tuple[Path, ...] = ()
    fault: Fault | None = None


def found_folders(root: Path, corpus: str, looked_for: str, wanted: Callable[[Found], bool]) -> Iterator[Found]:
    """Folders that are wanted, and links and folders that cannot be followed; not what lies below a wanted one.

    Errors: CorpusLayoutError where ``root`` cannot be listed.
    """
    for folder in walked(root, corpus, looked_for, wanted):
        if folder.fault is not None or wanted(folder):
            yield folder


def walked(
    root: Path, corpus: str, looked_for: str, closed: Callable[[Found], bool] = lambda folder: False
) -> Iterator[Found]:
    """Folders down to DEPTH levels below ``root``, and links and folders that cannot be followed.

    What lies below a closed folder is not looked at. Links to folders are followed, each folder once: a folder
    inside the corpus keeps its own path.

    Errors: CorpusLayoutError where ``root`` cannot be listed.
    """
    try:
        top = Found(root, tuple(entries(root)))
    except OSError as error:
        raise unlistable(root, corpus, looked_for, error) from error
    seen = set()
    pending, links = deque([(top, 0)]), deque[tuple[Path, int]]()
    while pending or links:
        if pending:
            folder, level = pending.popleft()
        else:
            path, level = links.popleft()
            folder = _found(path)
        if identity(folder.path) in seen:
            continue
        seen.add(identity(folder.path))
        yield folder
        if closed(folder):
            continue
        below = [path for path in folder.entries if is_folder(path)] if level < DEPTH else []
        links.extend((path, level + 1) for path in below if path.is_symlink())
        pending.extendleft((_found(path), level + 1) for path in reversed(below) if not path.is_symlink())
        for path in folder.entries:
            if not is_audio_name(path) and (fault := unreachable(path)) is not None:
                yield Found(path, fault=fault)


def identity(folder: Path) -> Hashable:
    """What a folder is known by, whatever links lead to it; in an object store, which has none, its path."""
    if isinstance(folder, RemotePath):
        return folder
    status = folder.stat()
    return status.st_dev, status.st_ino


def _found(folder: Path) -> Found:
    paths, faults = listed(folder)
    return Found(folder, tuple(paths), faults[0] if faults else None)


def unlistable(root: Path, corpus: str, looked_for: str, error: OSError) -> CorpusLayoutError:
    """The error for a corpus with a folder that cannot be listed."""
    folder = printable(error.filename or root)
    return CorpusLayoutError(
        f'"{folder}": cannot be listed as a folder of the corpus {corpus} ({error.strerror}); '
        f"name a folder that can be read and holds {looked_for}"
    )


def nothing_found(root: Path, corpus: str, looked_for: str) -> CorpusLayoutError:
    """The error for a folder without a song."""
    paths = entries(root)
    names = [printable(path.name) for path in paths]
    holds = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    closed = [printable(path.name) for path in paths if is_folder(path) and listed(path)[1]]
    unread = f" (cannot be listed: {', '.join(closed)})" if closed else ""
    return CorpusLayoutError(
        f'"{printable(root)}": no song of the corpus {corpus} was found; looked for {looked_for}; '
        f"it holds {holds or 'nothing'}{unread}; "
        "name the folder that holds the corpus, or another corpus"
    )


def one_file_each(candidates: Mapping[str, Iterable[Path]]) -> tuple[dict[str, CorpusFile], list[Fault]]:
    """The files of the stems that have one candidate, and a fault for each stem that has several."""
    files, faults = {}, []
    for stem, paths in sorted(candidates.items()):
        found = sorted(paths)
        if len(found) == 1:
            files[stem] = CorpusFile(found[0])
        elif found:
            names = ", ".join(f'"{printable(path.name)}"' for path in found)
            faults.append(Fault("ambiguous_stem", f"{stem} could be any of {names}", stem, found[0].parent))
    return files, faults


def by_name(paths: Iterable[Path], aliases: Mapping[str, str]) -> dict[str, list[Path]]:
    """Audio files grouped by stem: the name in lower case without suffix, or what that is an alias of."""
    groups: dict[str, list[Path]] = {}
    for path in paths:
        if is_audio_name(path):
            name = (text(path.stem).strip() or text(path.stem)).lower()
            groups.setdefault(aliases.get(name, name), []).append(path)
    return groups


def missing_stems(required: Iterable[str], found: Iterable[str], song: Path) -> list[Fault]:
    """A fault for each required stem that is not among those found."""
    found = set(found)
    return [
        Fault("missing_stem", "the mixture is missing" if stem == MIXTURE else f"{stem} is missing", stem, song)
        for stem in required
        if stem not in found
    ]
