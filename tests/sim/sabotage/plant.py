#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants a fault: plant.py SABOTAGE.txt ROOT FOLDER writes a copy of each file it names into the folder,
with the fault in it.

A sabotage is a text: what it breaks, then for each file its path and the old and the new words between
marks. The old words must stand in the file exactly once; if they do not, the engine has changed, and
whoever changed it says here how the same fault looks now.
"""
import pathlib
import re
import sys

HEAD = re.compile(r"\Awhat: .+?\n(?=file: )")
PART = re.compile(r"file: (?P<file>\S+)\n<<<<\n(?P<old>.*?)\n====\n(?P<new>.*?)\n?>>>>\n", re.DOTALL)

sabotage = pathlib.Path(sys.argv[1])
root, folder = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
words = sabotage.read_text(encoding="utf-8")
parts = list(PART.finditer(words))
if not HEAD.match(words) or HEAD.sub("", words) != "".join(part[0] for part in parts):
    sys.exit(f"{sabotage}: expected what:, then file: and its words between <<<<, ==== and >>>>")
for part in parts:
    source = root / part["file"]
    text = source.read_text(encoding="utf-8")
    count = text.count(part["old"])
    if count != 1:
        sys.exit(
            f"{sabotage}: its old words stand {count} times in {part['file']}, expected once: "
            f"say how the same fault looks in the file as it is now"
        )
    folder.mkdir(parents=True, exist_ok=True)
    planted = text.replace(part["old"], part["new"])
    (folder / source.name).write_text(planted, encoding="utf-8")
