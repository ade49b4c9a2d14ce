"""Fail when a file names a package registry's host, or reaches for a folder beside the repository."""

import subprocess
import sys
from pathlib import Path

# In pieces, so that this file passes its own check.
FORBIDDEN = {
    "a registry's host": [
        *("py" + "pi.org", "files.python" + "hosted.org"),
        *("registry.npm" + "js.org", "registry.yarn" + "pkg.com"),
        *("repo1.maven" + ".org", "repo.maven" + ".apache.org", "central.sona" + "type"),
        *("crates" + ".io", "proxy.go" + "lang.org", "deb.debian" + ".org"),
    ],
    "a folder beside the repository": ["../" + "shared", "/work/" + "shared"],
}


def files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    )
    return [Path(name) for name in listed.stdout.split("\0") if name and Path(name).is_file()]


def main() -> int:
    problems = []
    for file in files():
        text = file.read_text(encoding="utf-8", errors="replace")
        for what, words in FORBIDDEN.items():
            problems += [f"{file}: names {what} ({word})" for word in words if word in text]
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
