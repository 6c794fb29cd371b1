"""Characters that belong to the letters beside them: the combining marks of all scripts, and joiners"""

import re
import unicodedata

MARKS = "".join(
    re.escape(chr(code)) for code in range(0x300, 0x1E950) if unicodedata.category(chr(code)).startswith("M")
)
JOINER = "[\u200c\u200d]"  # of letters inside a word, as in Persian and Hindi; also of emoji
