#!/usr/bin/env python3
"""Holds the pages against the tree: every path they name in backticks exists, every relative link leads somewhere.

Looked at: the Markdown files of the top folder and of docs/. A path counts as named where it stands in backticks outside
code blocks, contains a slash and looks like one of ours: it starts in a folder of the tree or of src/, or ends like a
source file. `*`, `…`, `<name>` and `{a,b}` stand for what varies and must match something.

usage: check_paths.py [root]
"""

import glob
import itertools
import pathlib
import re
import sys

SOURCE_ENDINGS = (".cpp", ".hpp", ".in", ".md", ".sql", ".py", ".case", ".yaml", ".yml", ".cmake", ".json", ".txt", ".service")
# Made by the build or by npm: named in the pages, absent from a fresh tree.
NOT_OURS = re.compile(r"^(build.*|node_modules|\.git)$")
PATH = re.compile(r"^[A-Za-z0-9_.][A-Za-z0-9_./*{},<>…-]*$")
LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^\s*(```|~~~)")


def braces_expanded(text):
    match = re.search(r"\{([^{}]*)\}", text)
    if not match:
        return [text]
    variants = [text[: match.start()] + one + text[match.end() :] for one in match.group(1).split(",")]
    return list(itertools.chain.from_iterable(braces_expanded(variant) for variant in variants))


def anchors_of(text):
    """Anchors of a page's headings, as the usual renderers make them."""
    anchors, in_block = set(), False
    for line in text.splitlines():
        if FENCE.match(line):
            in_block = not in_block
        if in_block or not re.match(r"^#{1,6} ", line):
            continue
        name = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower()).replace(" ", "-")
        anchors.add(name)
    return anchors


class Pages:
    def __init__(self, root):
        self.root = root
        self.folders = {p.name for p in root.iterdir() if p.is_dir() and not NOT_OURS.match(p.name)}
        self.modules = {p.name for p in (root / "src").iterdir() if p.is_dir()}
        self.checked = 0

    def looks_like_ours(self, text):
        if "/" not in text or not PATH.match(text) or text.startswith(("./", "../")) and not text.endswith(SOURCE_ENDINGS):
            return False
        first = text.split("/")[0]
        return not NOT_OURS.match(first) and (
            first in self.folders or first in self.modules or text.endswith(SOURCE_ENDINGS))

    def exists(self, text, page):
        pattern = re.sub(r"<[^<>]*>|…", "*", text)
        for one in braces_expanded(pattern):
            places = [self.root / one, self.root / "src" / one, page.parent / one]
            # A name without its ending stands for the family of files: `src/sql/walk`.
            if not any(place.exists() or glob.glob(str(place)) or glob.glob(str(place) + ".*") for place in places):
                return False
        return True

    def problems(self, page, text):
        found, in_block = [], False
        for number, line in enumerate(text.splitlines(), 1):
            if FENCE.match(line):
                in_block = not in_block
                continue
            if in_block:
                continue
            for code in CODE.findall(line):
                if self.looks_like_ours(code):
                    self.checked += 1
                    if not self.exists(code, page):
                        found.append(f"{page.relative_to(self.root)}:{number}: `{code}` does not exist")
            for target in LINK.findall(CODE.sub("", line)) + LINK.findall(line):
                if re.match(r"^[a-z][a-z0-9+.-]*:", target):
                    continue
                self.checked += 1
                name, _, anchor = target.partition("#")
                goal = (page.parent / name).resolve() if name else page
                if not goal.exists():
                    found.append(f"{page.relative_to(self.root)}:{number}: the link to {target} leads nowhere")
                elif anchor and goal.suffix == ".md":
                    goal_text = text if goal == page else goal.read_text(encoding="utf-8")
                    if anchor not in anchors_of(goal_text):
                        found.append(f"{page.relative_to(self.root)}:{number}: {name or 'this page'} has no heading #{anchor}")
        return sorted(set(found), key=found.index)


def check_the_check(pages):
    """A check that cannot fail checks nothing."""
    page = pages.root / "README.md"
    bad = "`src/base/no_such_file.hpp` and [this](docs/no_such_page.md) and [that](#no-such-heading)"
    if len(pages.problems(page, bad)) != 3:
        sys.exit("check_paths: it does not see what is wrong any more")
    good = "`src/base/error.hpp`, `base/error`, `text/plain`, `/etc/passwd`\n```\n`src/no/such.hpp`\n```\n"
    if pages.problems(page, good):
        sys.exit("check_paths: it takes what is right for wrong")


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    pages = Pages(root)
    check_the_check(pages)
    pages.checked = 0
    names = sorted(root.glob("*.md")) + sorted((root / "docs").rglob("*.md"))
    for needed in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"):
        if root / needed not in names:
            sys.exit(f"check_paths: {needed} is missing")
    found = [problem for page in names for problem in pages.problems(page, page.read_text(encoding="utf-8"))]
    print("\n".join(found + [f"{len(names)} pages, {pages.checked} paths and links, {len(found)} wrong"]))
    sys.exit(1 if found or pages.checked < 50 else 0)


if __name__ == "__main__":
    main()
