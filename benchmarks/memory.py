"""How much memory a process and all that it started hold, read from /proc."""

from pathlib import Path

MIB = 1 << 20


def memory_of_tree(pid: int) -> int:
    """Return resident bytes of a process and its descendants; 0 where it is gone, or there is no /proc.

    Pages that several of them share count once for each.
    """
    return _of_tree(pid, "status", "VmRSS:")


def own_memory_of_tree(pid: int) -> int:
    """Return the bytes that a process and its descendants made themselves, without files that they have mapped, which
    the system takes back when it needs the room; what several of them share counts once."""
    return _of_tree(pid, "smaps_rollup", "Pss_Anon:")


def _of_tree(pid: int, file: str, field: str) -> int:
    try:
        told = Path(f"/proc/{pid}/{file}").read_text()
        children = children_of(pid)
    except OSError:
        return 0
    lines = [line.split() for line in told.splitlines() if line.startswith(field)]
    own = int(lines[0][1]) * 1024 if lines else 0
    return own + sum(_of_tree(child, file, field) for child in children)


def children_of(pid: int) -> list[int]:
    """Processes that any thread of a process has started. Raises OSError where it is gone."""
    listed = Path(f"/proc/{pid}").glob("task/*/children")
    return [int(child) for path in listed for child in path.read_text().split()]
