"""`make bench`: every figure that the documentation quotes, measured in one run.

Names of single benchmarks may follow: `python -m bench logins health`.
"""

from __future__ import annotations

import sys

from bench import measures, tokens, verify

ALL = {
    "logins": measures.logins,
    "refreshes": tokens.refreshes,
    "introspections": tokens.introspections,
    "verify": verify.verification,
    "concurrency": measures.concurrency,
    "users": measures.users,
    "timing": measures.timing,
    "start": measures.start,
    "import": measures.import_users,
}


def main() -> None:
    """Run what was named, or everything."""
    for name in sys.argv[1:] or ALL:
        print(f"## {name}\n", flush=True)
        for line in ALL[name]():
            print(line, flush=True)
        print(flush=True)


main()
