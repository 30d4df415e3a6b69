"""The notices that go with the demo corpus, and its list of tracks."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from catalogs.corpora.tracklist import COLUMNS
from pipelines.demo.programme import Song

TRACK_LICENCE = "tune BSD-3-Clause, soundfont GPL-2.0; see LICENCES.txt of the demo corpus"
"""What the list says of every song."""

_HEAD = """\
Demo corpus of fxnorm-data
==========================

The audio in this folder was rendered by fxnorm-data from tunes of Freedoom with the soundfont TimGM6mb.
"vocals.wav" holds the instrument that plays the melody; nobody sings.

1. The tunes: Freedoom, BSD-3-Clause
------------------------------------

{credits}

Source: https://freedoom.github.io, taken from the package {vizdoom}. The notice of Freedoom:

Copyright © 2001-2024
Contributors to the Freedoom project.  All rights reserved.

Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are
met:

  * Redistributions of source code must retain the above copyright
    notice, this list of conditions and the following disclaimer.
  * Redistributions in binary form must reproduce the above copyright
    notice, this list of conditions and the following disclaimer in the
    documentation and/or other materials provided with the distribution.
  * Neither the name of the Freedoom project nor the names of its
    contributors may be used to endorse or promote products derived from
    this software without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS “AS
IS” AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED
TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A
PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT OWNER
OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL,
EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO,
PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR
PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF
LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING
NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS
SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.

For a list of contributors to the Freedoom project, see the file
CREDITS.

2. The sounds: TimGM6mb, GNU General Public License, version 2
--------------------------------------------------------------

{soundfont}, a General MIDI soundfont. Copyright (C) 2004 Tim Brechbill, with changes by David Bolton
(2010). It comes with the package pretty_midi and is no part of this folder or of fxnorm-data. Its
licence: https://www.gnu.org/licenses/old-licenses/gpl-2.0.html
Before you pass on audio that was rendered with it, find out what that licence means for you.

3. The synthesiser: midirenderer, MIT
-------------------------------------

Used to make the sound; nothing of it is in this folder.
"""


def licence_notice(songs: Iterable[Song], vizdoom: str, soundfont: str) -> str:
    """Text of LICENCES.txt: who wrote the tunes of ``songs``, notices of tunes, soundfont and renderer."""
    credits_ = "\n".join(f'{song.name}: "{song.credit.title}" by {song.credit.composer}' for song in songs)
    return _HEAD.format(credits=credits_, vizdoom=vizdoom, soundfont=soundfont)


def tracklist(songs: Iterable[Song]) -> str:
    """Text of tracklist.csv, from which the adapters of MUSDB18's layout have source and licence of each song."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((song.name, "", "Freedoom", TRACK_LICENCE) for song in songs)
    return stream.getvalue()
