# SPDX-License-Identifier: Apache-2.0
"""Prints C files as `file TAB line TAB text` with comments and the insides of literals blanked.

The text of #include lines is kept, as their file names are what the layout rules look at.
"""
import re
import sys

TOKEN = re.compile(
    r"""(?P<include>^[ \t]*\#[ \t]*include[^\n]*)
      | (?P<comment>//(?:\\\n|[^\n])*|/\*.*?(?:\*/|\Z))
      | (?P<text>"(?:\\.|[^"\\\n])*")
      | (?P<char>'(?:\\.|[^'\\\n])*')""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


def blank(match):
    if match["include"]:
        return match[0]
    if match["comment"]:
        return " " + "\n" * match[0].count("\n")
    return match[0][0] * 2 + "\\\n" * match[0].count("\n")


for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as source:
        for number, line in enumerate(TOKEN.sub(blank, source.read()).split("\n"), 1):
            print(path, number, line, sep="\t")
