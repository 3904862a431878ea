"""Keys: who may ask for what. Shown once, kept as hashes.

A secret is 256 random bits, so one round of SHA-256 hides it as well as any slow hash would.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import insert, select, update

from service.database import Database, KeyRow
from service.errors import UnknownKeyError

PREFIX = "sgk"
DEFAULT_REQUESTS_PER_MINUTE = 600


class Scope(StrEnum):
    """What a key may do; each includes those before it."""

    SEARCH = "search"
    INDEX = "index"
    ADMIN = "admin"

    def includes(self, other: "Scope") -> bool:
        """Whether a key of this scope may do what needs the other."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key without its secret."""

    key_id: str
    name: str
    scope: Scope
    requests_per_minute: int
    created_at: str
    revoked_at: str | None


class Keys:
    """The keys of a service."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, *, name: str, scope: Scope, requests_per_minute: int = DEFAULT_REQUESTS_PER_MINUTE
    ) -> tuple[Key, str]:
        """Make a key and return it with the one text that opens it, which is kept nowhere."""
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        key = Key(
            key_id=key_id,
            name=name,
            scope=scope,
            requests_per_minute=requests_per_minute,
            created_at=_now(),
            revoked_at=None,
        )
        with self._database.transaction() as connection:
            connection.execute(
                insert(KeyRow).values(
                    id=key_id,
                    name=name,
                    scope=scope.value,
                    secret_sha256=_hash(secret),
                    requests_per_minute=requests_per_minute,
                    created_at=key.created_at,
                    revoked_at=None,
                )
            )
        return key, f"{PREFIX}_{key_id}_{secret}"

    def all(self) -> list[Key]:
        """All keys, revoked ones too, by age."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                select(*KeyRow.__table__.columns).order_by(KeyRow.created_at, KeyRow.id)
            )
            return [_key(row) for row in rows]

    def revoke(self, key_id: str) -> None:
        """End a key, from the next request on; UnknownKeyError if there is none that stands."""
        statement = update(KeyRow).where(KeyRow.id == key_id, KeyRow.revoked_at.is_(None))
        with self._database.transaction() as connection:
            if connection.execute(statement.values(revoked_at=_now())).rowcount == 0:
                raise UnknownKeyError(f"There is no key {key_id!r} that could be revoked.")

    def may_hold_any(self) -> bool:
        """Whether there can be keys; told without asking the database."""
        return self._database.holds_anything()

    def any_were_made(self) -> bool:
        """Whether any key was ever made, also if it was revoked."""
        if not self.may_hold_any():
            return False
        with self._database.reading() as connection:
            return connection.execute(select(KeyRow.id).limit(1)).first() is not None

    def check(self, text: str) -> Key | None:
        """The key that a text opens, or None: unknown, revoked, or no key at all."""
        prefix, _, rest = text.partition("_")
        key_id, _, secret = rest.partition("_")
        if prefix != PREFIX or not secret or not text.isascii():
            return None
        if not self.may_hold_any():
            return None
        with self._database.reading() as connection:
            row = connection.execute(select(*KeyRow.__table__.columns).where(KeyRow.id == key_id)).first()
        if row is None or row.revoked_at is not None:
            return None
        return _key(row) if hmac.compare_digest(row.secret_sha256, _hash(secret)) else None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _key(row: Any) -> Key:
    return Key(
        key_id=row.id,
        name=row.name,
        scope=Scope(row.scope),
        requests_per_minute=row.requests_per_minute,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
