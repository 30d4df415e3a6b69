"""Titles and composers of the tunes of Freedoom 0.13, from its list of music credits."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.demo.wad import Wad

_VERSION = b"0.13"
_KORP, _LOLA = "Korp", 'Lola "BlueWorrior" Harvey'
_MARTINS = 'Kevin "Velvetic" Martins and Jonathan "julnen" Martins'
_JUTE, _PICKLEHAMMER = "jute", 'Tyler "Picklehammer" P.'
_CREDITS = {
    "D_INTER": ("You Live!!!!", "Stratos"),
    "D_VICTOR": ("Distance", _KORP),
    "D_BUNNY": ("Impactean Welcome Party", "Goji"),
    "D_E1M1": ("Stanky Leg Specialist", _LOLA),
    "D_E1M2": ("Look At Me I'm Underhalls Too", 'Mark "TheMisterCat" McGill-Smith'),
    "D_E1M3": ("Alone with Colors", _MARTINS),
    "D_E1M4": ("Flood the City", _MARTINS),
    "D_E1M5": ("The Raging Sun", f"{_MARTINS}, modified by Goji"),
    "D_E1M6": ("Oxidine", f"{_KORP}, remix of a tune by {_JUTE}"),
    "D_E1M7": ("Totally Surrounded", 'Josephus "DH4050" Astartes'),
    "D_E1M8": ("On the Next Day", 'Kevin "Velvetic" Martins'),
    "D_E1M9": ("Hidden Between Spades", f"{_KORP}, remix of a tune by {_JUTE}"),
    "D_E2M1": ("Moonstone", _KORP),
    "D_E2M2": ("Voidgaze", _KORP),
    "D_E2M3": ("Workout", _KORP),
    "D_E2M4": ("Diodine", _KORP),
    "D_E2M5": ("Reminiscence", _KORP),
    "D_E2M6": ("Concept of Technology", _KORP),
    "D_E2M7": ("Ribcage", _KORP),
    "D_E2M8": ("Treble Dissension", _KORP),
    "D_E2M9": ("Nightstorm", _KORP),
    "D_E3M1": ("Intrare In Infernum", _LOLA),
    "D_E3M2": ("The Long Road", _LOLA),
    "D_E3M3": ("Wrought Havoc", _LOLA),
    "D_E3M4": ("Realm of Hell", "Mr795"),
    "D_E3M5": ("Scorned by Flesh", _LOLA),
    "D_E3M6": ("Soul Banisher", _LOLA),
    "D_E3M7": ("Ultamatum Infurnus", _LOLA),
    "D_E3M8": ("The Zenith", _LOLA),
    "D_E3M9": ("No-Clip to the End", _LOLA),
    "D_E4M1": ("Liberate the Stars", "continuum.mid"),
    "D_E4M2": ("Fight Harder... To Obtain a Better Victory!", "Proxy-MIDI"),
    "D_E4M3": ("Space Spectre", "Matzu"),
    "D_E4M4": ("Deliberate Concealment", "continuum.mid"),
    "D_E4M5": ("Main Code", _KORP),
    "D_E4M6": ("Andromeda", "ZeMystic"),
    "D_E4M7": ("Ambiguity", _KORP),
    "D_E4M8": ("Vs. The Assault Quindecapod", "continuum.mid"),
    "D_E4M9": ("The Deepest Secrets", "continuum.mid"),
    "D_DM2INT": ("FTW You 100", _LOLA),
    "D_READ_M": ("Story", _JUTE),
    "D_RUNNIN": ("Not My First Rodeo", _LOLA),
    "D_STALKS": ("Dark Underworld", _LOLA),
    "D_COUNTD": ("Demon Dance", "Discoholic"),
    "D_BETWEE": ("Indigo", _KORP),
    "D_DOOM": ("Under Maintenance", _LOLA),
    "D_THE_DA": ("Refrigeration", f'{_KORP}, based on "Dark Trail" by {_PICKLEHAMMER}'),
    "D_SHAWN": ("Fun is Infinite at AGM", "continuum.mid"),
    "D_DDTBLU": ("Syntax Error", _LOLA),
    "D_IN_CIT": ("Terrible Secrets", _LOLA),
    "D_DEAD": ("Map 10", 'Jeremy "Vandalorian" Emerson'),
    "D_STLKS2": ("Undergrowth", f"{_KORP}, remix of a tune by {_JUTE}"),
    "D_THEDA2": ("Sewers", 'Discoholic, remix of "Wasteland Scavengers" by Samuel "Blastfrog" Oliver'),
    "D_DOOM2": ("Fear", "Discoholic"),
    "D_DDTBL2": ("About the Summer", _MARTINS),
    "D_RUNNI2": ("Backpack of Shells", _LOLA),
    "D_DEAD2": ("Reflection", "Scragadelic"),
    "D_STLKS3": ("Mow Them Down!", _LOLA),
    "D_ROMERO": ("Realistic Approach", 'Kevin "Velvetic" Martins'),
    "D_SHAWN2": ("Deceit", 'Julian "Julian Hope" Aubourg, modified by m'),
    "D_MESSAG": ("Beasts of Horizon", 'Josephus "DH4050" Astartes'),
    "D_COUNT2": ("Rough Landing", f"{_KORP}, remix of a tune by {_JUTE}"),
    "D_DDTBL3": ("Alien Waltz", _KORP),
    "D_AMPIE": ("Within the Trilo's Den", f"MoonDeLaAxel and {_KORP}"),
    "D_THEDA3": ("Space's Despair", f'{_KORP}, remix of "Balancing Act" by Andrew Bassett'),
    "D_ADRIAN": ("I Sought Wisdom in the Chalice But There Was None", 'Jeremy "Vandalorian" Emerson'),
    "D_MESSG2": ("Stormer", f'{_KORP}, originally by Samuel "Blastfrog" Oliver'),
    "D_ROMER2": ("Dreamcatcher (Black and Blue)", _MARTINS),
    "D_TENSE": ("Skull Underfoot", _LOLA),
    "D_SHAWN3": ("Mists Over the Mire", _PICKLEHAMMER),
    "D_OPENIN": ("Devoured by the Jaws of Defeat", f'{_KORP}, based on "Paranoia" by {_PICKLEHAMMER}'),
    "D_EVIL": ("The Machine", _LOLA),
    "D_ULTIMA": ("Black Mountain", _MARTINS),
}


@dataclass(frozen=True)
class Credit:
    """Title of a tune and its composers as Freedoom credits them."""

    title: str
    composer: str

    @classmethod
    def of(cls, wad: Wad, lump: str) -> Credit:
        """The credit of a tune; in other versions of Freedoom than 0.13 the title is the name of the lump."""
        if wad.lumps.get("FREEDOOM", b"").startswith(_VERSION) and lump in _CREDITS:
            return cls(*_CREDITS[lump])
        return cls(lump.removeprefix("D_"), "contributors to the Freedoom project")
