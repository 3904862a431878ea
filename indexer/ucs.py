"""Reads names of files that follow the Universal Category System (UCS), a public convention of sound libraries.

    CatID[-UserCategory]_[VendorCategory-]FXName_CreatorID_SourceID[_UserData].ext
    GUNAuto-EXT_UZI 9mm-Rapid Fire Close Up_TN_DORY.wav

Many names have underscores, so little is taken for UCS: all four blocks must be there, and the first must start, in its
own case, with one of the list's categories. Which subcategories a category has is not checked: the list grows by them.
The structure is that of docs/ucs_file_naming_convention.rst in github.com/iluvcapra/ucs-community. ARCHIVED is left
out: its ids are words like RAW and TEST, which mean other things in other names.
"""

import re

from indexer.description import NOTHING, Description, describe

CATEGORIES = {
    "AERO": "AIRCRAFT",
    "AIR": "AIR",
    "ALRM": "ALARMS",
    "AMB": "AMBIENCE",
    "ANML": "ANIMALS",
    "BEEP": "BEEPS",
    "BELL": "BELLS",
    "BIRD": "BIRDS",
    "BLLT": "BULLETS",
    "BOAT": "BOATS",
    "CERM": "CERAMICS",
    "CHAIN": "CHAINS",
    "CHEM": "CHEMICALS",
    "CLOCK": "CLOCKS",
    "CLOTH": "CLOTH",
    "CMPT": "COMPUTERS",
    "COM": "COMMUNICATIONS",
    "CREA": "CREATURES",
    "CRWD": "CROWDS",
    "DESTR": "DESTRUCTION",
    "DIRT": "DIRT & SAND",
    "DOOR": "DOORS",
    "DRWR": "DRAWERS",
    "DSGN": "DESIGNED",
    "ELEC": "ELECTRICITY",
    "EQUIP": "EQUIPMENT",
    "EXPL": "EXPLOSIONS",
    "FART": "FARTS",
    "FEET": "FOOTSTEPS",
    "FGHT": "FIGHT",
    "FIRE": "FIRE",
    "FOLY": "FOLEY",
    "FOOD": "FOOD & DRINK",
    "FRWK": "FIREWORKS",
    "GAME": "GAMES",
    "GEO": "GEOTHERMAL",
    "GLAS": "GLASS",
    "GORE": "GORE",
    "GUN": "GUNS",
    "HAIL": "WEATHER",
    "HMN": "HUMAN",
    "HORN": "HORNS",
    "ICE": "ICE",
    "LASR": "LASERS",
    "LETHR": "LEATHER",
    "LIQ": "LIQUID & MUD",
    "MACH": "MACHINES",
    "MAG": "MAGIC",
    "MECH": "MECHANICAL",
    "METL": "METAL",
    "MOTR": "MOTORS",
    "MOVE": "MOVEMENT",
    "MUSC": "MUSICAL",
    "NATD": "NATURAL DISASTER",
    "OBJ": "OBJECTS",
    "PAPR": "PAPER",
    "PLAS": "PLASTIC",
    "RAIN": "RAIN",
    "ROBT": "ROBOTS",
    "ROCK": "ROCKS",
    "ROPE": "ROPE",
    "RUBR": "RUBBER",
    "SCI": "SCIFI",
    "SNOW": "SNOW",
    "SPRT": "SPORTS",
    "STORM": "WEATHER",
    "SWSH": "SWOOSHES",
    "THUN": "WEATHER",
    "TOOL": "TOOLS",
    "TOON": "CARTOON",
    "TOY": "TOYS",
    "TRN": "TRAINS",
    "UI": "USER INTERFACE",
    "VEGE": "VEGETATION",
    "VEH": "VEHICLES",
    "VOX": "VOICES",
    "WATR": "WATER",
    "WEAP": "WEAPONS",
    "WHSH": "SWOOSHES",
    "WHST": "WHISTLES",
    "WIND": "WIND",
    "WING": "WINGS",
    "WNDW": "WINDOWS",
    "WOOD": "WOOD",
    "WTHR": "WEATHER",
}
"""The category of each abbreviation that a CatID starts with."""

_CAT_ID = re.compile(r"([A-Z]{2,5}?)([A-Z][a-z]{1,6})?")


def category_of(cat_id: str) -> str | None:
    """The category of a CatID: of "DOORWood", DOORS; None of anything else."""
    found = _CAT_ID.fullmatch(cat_id)
    return CATEGORIES.get(found[1]) if found else None


def read_ucs_name(stem: str) -> Description:
    """What a file's name, without its suffix, says: title, category, and as tags CatID and user category."""
    cat_block, *others = stem.split("_")
    if len(others) < 3:
        return NOTHING
    cat_id, _, user_category = cat_block.partition("-")
    fx_name, creator, source = (block.strip() for block in others[:3])
    category = category_of(cat_id)
    # Names such as RAIN_2024_05_01 have the form without being meant so.
    is_said = _has_letter(fx_name) and _has_letter(creator) and source != ""
    if category is None or not is_said:
        return NOTHING
    return describe(title=fx_name, category=category, tags=[cat_id, user_category])


def _has_letter(text: str) -> bool:
    return any(char.isalpha() for char in text)
