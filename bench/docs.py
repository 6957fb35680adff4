#!/usr/bin/env python3
"""Puts what was measured into the documents: `make bench-docs`.

    docs.py BUILD

A document says where: between a line `<!-- measured: ... -->` and the line `<!-- end -->` belongs

    table NAME        a table of bench/tables.py
    lines REGEXP      those lines that `make bench` printed, and BUILD/bench.txt has, in which the name matches

What was not measured stays as it is, and is told. docs/images/peers.svg is drawn anew where peers were measured.
"""
import os
import re
import sys

import picture
import tables

DOCUMENTS = ("docs/benchmarks.md", "README.md", "README.zh-CN.md")
BLOCK = re.compile(r"(<!-- measured: (table|lines) (.*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def lines_of(text, pattern):
    """A row begins with two blanks, its name, and blanks again; what is further in belongs to it."""
    found, belongs = [], False
    for line in text.splitlines():
        name = re.match(r"  (\S.*?)  +\S", line)
        belongs = bool(re.fullmatch(pattern, name[1])) if name else belongs and line.startswith("      ")
        if belongs:
            found.append(line.rstrip())
    return "```\n" + "\n".join(found) + "\n```\n" if found else ""


def fill(document, values, text):
    """The document with its blocks made anew, and the blocks for which there was nothing."""
    missing = []

    def block(match):
        begin, kind, argument, end = match.groups()
        made = tables.TABLES[argument](values) if kind == "table" else lines_of(text, argument)
        if made:
            return f"{begin}\n{made}\n{end}"
        missing.append(argument)
        return match[0]

    return BLOCK.sub(block, document), missing


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    build = sys.argv[1]
    values, log = tables.read(build), os.path.join(build, "bench.txt")
    text = open(log, encoding="utf-8").read() if os.path.exists(log) else ""
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    for path in DOCUMENTS:
        with open(path, encoding="utf-8") as file:
            before = file.read()
        after, missing = fill(before, values, text)
        with open(path, "w", encoding="utf-8") as file:
            file.write(after)
        state = "changed" if after != before else "as it was"
        print(f"{path}: {state}" + (f"; not measured: {', '.join(missing)}" if missing else ""))
    if picture.dynamic(values, "any"):
        with open("docs/images/peers.svg", "w", encoding="utf-8") as file:
            file.write(picture.draw(values))
    return 0


if __name__ == "__main__":
    sys.exit(main())
