#!/usr/bin/env python3
"""Holds docs/operations/configuration.md against what `pganalytics config` prints.

The program: the first argument that is no flag, else $PGANALYTICS_TEST_PROGRAM. With --update the page is written anew:

    tests/docs/check_configuration.py --update build/pganalytics
"""

import difflib
import os
import pathlib
import subprocess
import sys

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "operations" / "configuration.md"
MARK = "<!-- Below: `pganalytics config`. Written by tests/docs/check_configuration.py --update; do not edit. -->\n"


def main():
    named = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    program = named[0] if named else os.environ.get("PGANALYTICS_TEST_PROGRAM", "")
    if not program:
        sys.exit("check_configuration: name the program, or set PGANALYTICS_TEST_PROGRAM")
    # Settings of whoever runs this must not matter.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PGANALYTICS_")}
    printed = subprocess.run([program, "config"], env=clean, capture_output=True, text=True, check=True, timeout=60).stdout
    if "### `repository.conninfo`" not in printed:
        sys.exit("check_configuration: `config` prints no settings")
    head, mark, kept = PAGE.read_text(encoding="utf-8").partition(MARK)
    if not mark:
        sys.exit(f"check_configuration: {PAGE} has lost its mark")
    wanted = "\n" + printed.rstrip("\n") + "\n"
    if "--update" in sys.argv:
        PAGE.write_text(head + MARK + wanted, encoding="utf-8")
        return
    if kept != wanted:
        sys.stdout.writelines(difflib.unified_diff(kept.splitlines(True), wanted.splitlines(True), "page", "program"))
        sys.exit("check_configuration: the page is old; run tests/docs/check_configuration.py --update build/pganalytics")
    print(f"{printed.count('### ')} settings, as the program prints them")


if __name__ == "__main__":
    main()
