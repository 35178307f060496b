"""Make docs/fonts/formulas.woff2: what formulas need of Latin Modern Math.

    apt install fonts-lmodern && pip install fonttools brotli
    python docs/make/font.py $(locate latinmodern-math.otf)

Few systems have a font whose roots and sums grow. The GUST Font License asks that a
changed font has another name, so it gets one.
"""

import sys
from pathlib import Path

from fontTools import subset

FILE = Path(__file__).parents[1] / "fonts" / "formulas.woff2"

NAME = "adamx formulas"

LETTERS = (
    "20-7E,A0,AC,B1,B7,D7,F7,2C6,302,304,338,391-3C9,3D1,3D5,3F1,3F5,2016,2026,2032,"
    "2044,2061-2064,210E,2190-2194,21D2,2200-2265,22C5,22EF,27E8,27E9,1D434-1D467,"
    "1D538-1D550,1D6E2-1D71B"
)


def main(source: str) -> None:
    """Write the font."""
    options = subset.Options(flavor="woff2", layout_features=["*"], name_IDs=["*"])
    font = subset.load_font(source, options)
    part = subset.Subsetter(options)
    part.populate(unicodes=subset.parse_unicodes(LETTERS))
    part.subset(font)
    for record in font["name"].names:
        if record.nameID in (1, 3, 4, 16, 17, 18, 21, 22):
            record.string = NAME.encode(record.getEncoding())
        elif record.nameID == 6:
            record.string = NAME.replace(" ", "").encode(record.getEncoding())
    subset.save_font(font, str(FILE), options)


if __name__ == "__main__":
    main(sys.argv[1])
