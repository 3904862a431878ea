"""What a job may index, and where it lies: a folder of this machine, a library's uploads, or an object store's copy."""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from service.errors import ForbiddenError, InvalidRequestError, SourceError
from service.job_records import Job
from service.uploads_folder import uploads_folder


@dataclass(frozen=True, kw_only=True)
class AllowedSources:
    """What the operator lets clients index: what lies below some folders, and below some URLs."""

    folders: Sequence[Path] = ()
    urls: Sequence[str] = ()

    def check_folder(self, folder: str, *, any_folder: bool) -> str:
        """Return the folder without dots in its path. ``any_folder``: whoever asks could read it without us.

        It is compared with links followed, so that no link leads out of what is allowed.

        Raises InvalidRequestError or ForbiddenError.
        """
        if not os.path.isabs(folder):
            raise InvalidRequestError(
                "Give the folder as an absolute path of the server.", field="source.folder"
            )
        plain = os.path.normpath(folder)
        real = Path(os.path.realpath(plain))
        if not any_folder and not any(
            real.is_relative_to(os.path.realpath(allowed)) for allowed in self.folders
        ):
            raise ForbiddenError(
                "This server may not index that folder; its operator allows folders with "
                "`sonoglot serve --allow-folder DIR`."
            )
        if not os.path.isdir(real):
            raise InvalidRequestError(f"There is no folder {plain!r} on the server.", field="source.folder")
        return plain

    def check_url(self, url: str) -> str:
        """Return the URL. Raises ForbiddenError."""
        below = any(url.rstrip("/").startswith(allowed.rstrip("/") + "/") for allowed in self.urls)
        # fsspec chains file systems with ::, and who reads an address leaves some control characters out of it
        is_plain = "::" not in url and url.isprintable() and not leads_up(url)
        if not is_plain or not (below or url.rstrip("/") in {allowed.rstrip("/") for allowed in self.urls}):
            raise ForbiddenError(
                "This server may not index that URL; its operator allows URLs with "
                "`sonoglot serve --allow-url PREFIX`."
            )
        return url


def leads_up(url: str) -> bool:
    """Whether a part of it is two dots, as it stands or decoded, however often it was encoded."""
    while ".." not in re.split(r"[/\\]", url):
        decoded = unquote(url)
        if decoded == url:
            return False
        url = decoded
    return True


def fetched(job: Job, *, store_dir: Path, check: Callable[[], None]) -> Path:
    """The folder with a job's files, after fetching what is elsewhere; ``check`` is called between files.

    Raises SourceError.
    """
    if "url" in job.source:
        from service.remote_folder import mirror

        return mirror(str(job.source["url"]), store_dir / "remote", check=check)
    folder = (
        Path(str(job.source["folder"])) if "folder" in job.source else uploads_folder(store_dir, job.library)
    )
    if not os.path.isdir(folder):
        what = f"There is no folder {str(folder)!r}" if "folder" in job.source else "Nothing was uploaded"
        raise SourceError(f"{what} where the worker looks for it.")
    return folder
