#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds each sabotaged simulation and runs it until a seed finds the fault: a check that cannot fail
checks nothing.

    sabotage.py [--seeds N] [NAME…]

Every sabotage must be found within N seeds (default 2000). Prints at which.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = pathlib.Path(os.environ.get("HEARBACK_BIN", ROOT / "build/dev/bin")).resolve().parent
VIOLATED = re.compile(r"^seed (\d+).*?(?:VIOLATED: |: )(.*)$", re.MULTILINE)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("names", nargs="*")
    return parser.parse_args()


def build(names):
    targets = [f"sim-{name}" for name in names]
    made = subprocess.run(
        ["cmake", "--build", str(BUILD), "--target", *targets],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )
    if made.returncode != 0:
        sys.exit(made.stdout)


def hunt(name, seeds):
    """The seed that found it and its words; None when no seed did."""
    ran = subprocess.run(
        [str(BUILD / "sabotage" / f"sim-{name}"), "--seeds", f"1-{seeds}", "--first", "--brief"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
    )
    found = VIOLATED.search(ran.stdout)
    if ran.returncode == 1 and found:
        return int(found[1]), found[2]
    if ran.returncode != 0:
        sys.exit(f"{name}: the simulation itself failed\n{ran.stdout}")
    return None


def main():
    args = arguments()
    every = sorted(path.stem for path in (HERE / "sabotage").glob("*.txt"))
    names = args.names or every
    build(names)
    missed = []
    for name in names:
        found = hunt(name, args.seeds)
        if found is None:
            missed.append(name)
            print(f"{name}: NOT FOUND in {args.seeds} seeds", flush=True)
        else:
            print(f"{name}: seed {found[0]}: {found[1][:110]}", flush=True)
    print(f"{len(names) - len(missed)} of {len(names)} sabotages found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
