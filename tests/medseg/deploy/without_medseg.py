"""Python with everything that is installed but medseg, as on the machine of somebody who got a package."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.commands import Ended, environment

_START = """
import sys
sys.path[:0] = {first!r}
sys.path += {last!r}
if {module!r}:
    import runpy
    sys.argv[1:] = {args!r}
    runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
else:
    exec({code!r})
"""


def python(
    cwd: Path, *, module: str = "", args: tuple[str, ...] = (), code: str = "", first: tuple[Path, ...] = ()
) -> Ended:
    """Run a module or code; no ``.pth`` file is read, by which a checkout is known that was installed as editable.

    Args:
        cwd: Working directory; it is on the search path only if it is one of ``first``.
        module: As in ``python -m``.
        args: Its arguments.
        code: Run where there is no module.
        first: Folders put in front of the search path.
    """
    # Packages with and without compiled parts may lie in two folders.
    last = list(dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib")))
    text = _START.format(first=[str(path) for path in first], last=last, module=module, args=list(args), code=code)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", text],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)
