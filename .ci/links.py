"""Checks the documents of the package: README.md, ARCHITECTURE.md, docs/*.md and the others.

A link must lead to a file or folder that the package has, and to a heading that is there. A path in
code font, as `src/lib.rs`, must exist in this repository.
"""

import pathlib
import posixpath
import re
import subprocess
import sys

ROOTS = r"(?:src|build|tests|docs|examples|benches|openapi|\.ci|\.github)"
PATH = re.compile(rf"`({ROOTS}/[\w./-]*)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE_BLOCK = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")

listing = subprocess.check_output(["cargo", "package", "--list", "--locked", "--allow-dirty"], text=True)
packaged = set(listing.split())
folders = {str(folder) for path in packaged for folder in pathlib.PurePosixPath(path).parents}


def headings(text):
    """The names that links give the headings of a document."""
    titles = re.findall(r"^#+ +(.+?) *$", CODE_BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def faults(document):
    text = pathlib.Path(document).read_text()
    prose = CODE_BLOCK.sub("", text)
    for path in PATH.findall(prose):
        if not pathlib.Path(path).exists():
            yield f"there is no `{path}`"
    for link in LINK.findall(CODE.sub("", prose)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, heading = link.partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(document), path)) if path else document
        if target not in packaged | folders:
            yield f"the package has no {target}, to which {link} leads"
        elif heading and heading not in headings(pathlib.Path(target).read_text()):
            yield f"{target} has no heading for {link}"


documents = sorted(path for path in packaged if re.fullmatch(r"[^/]+\.md|(docs|openapi)/.*\.md", path))
found = [f"{document}: {fault}" for document in documents for fault in faults(document)]
if found:
    sys.exit("\n".join(found))
print(f"every link and path leads somewhere in {', '.join(documents)}")
