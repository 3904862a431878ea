"""How much memory a process and all that it started hold, read from /proc."""

from pathlib import Path

MIB = 1 << 20


def memory_of_tree(pid: int) -> int:
    """Return resident bytes of a process and its descendants; 0 where it is gone, or there is no /proc.

    Pages that several of them share count once for each.
    """
    process = Path(f"/proc/{pid}")
    try:
        status = (process / "status").read_text()
        children = " ".join(path.read_text() for path in process.glob("task/*/children"))
    except OSError:
        return 0
    lines = [line.split() for line in status.splitlines() if line.startswith("VmRSS:")]
    own = int(lines[0][1]) * 1024 if lines else 0
    return own + sum(memory_of_tree(int(child)) for child in children.split())
