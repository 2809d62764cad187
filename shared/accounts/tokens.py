"""Bearer tokens: made once, shown once, kept only as a hash.

In: user names and tokens. Out: callers. A user may have several tokens, so that one can be replaced without a gap; role
and budget belong to the user. Knows nothing of HTTP or of caches.
"""

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass

from sqlalchemy import case, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.accounts.money import to_micro_usd, to_usd
from shared.pipeline.call import Caller
from shared.stores.database import Database
from shared.stores.tables import tokens, users
from shared.stores.upsert import upsert

PREFIX = "wk_"  # makes a leaked token recognisable, for people and for repository scanners
RANDOM_BYTES = 32
WELL_FORMED = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")  # 32 bytes in base64url
ID_PREFIX = "tok_"

ROLES = ("user", "admin")
USER_NAME = re.compile(rf"(?!{ID_PREFIX})[A-Za-z0-9][A-Za-z0-9._@-]{{0,63}}")


class UnknownName(Exception):
    """No user and no token has this name; the text is one line."""


class BadName(Exception):
    """This is not a valid user name; the text is one line."""


@dataclass(slots=True, frozen=True)
class NewToken:
    """`secret` is the token itself, which is shown this one time only."""

    id: str
    secret: str


@dataclass(slots=True, frozen=True)
class TokenRecord:
    """One row of the list. Times in seconds since 1970."""

    id: str
    user: str
    role: str
    budget_usd: float | None
    created: float
    revoked: float | None


# region: token-hash
def digest_of(token: str) -> bytes:
    """The only form in which a token is kept.

    Plain SHA-256 is enough. Slow, salted hashes protect passwords, because people choose
    passwords that can be guessed. Nobody guesses 256 random bits, and a slow hash would
    let strangers burn our CPU.
    """
    return hashlib.sha256(token.encode()).digest()


# endregion: token-hash


class Tokens:
    """The tables of users and tokens. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, user: str, role: str | None = None, budget_usd: float | None = None) -> NewToken:
        """One more token for `user`, who is created if new. A given role or budget replaces the user's.

        Raises BadName.
        """
        if not USER_NAME.fullmatch(user):
            raise BadName(
                f"{user[:64]!r} is not a user name: 1 to 64 letters, digits, . _ @ or -, "
                f"the first a letter or digit, and not {ID_PREFIX}…"
            )
        token = NewToken(ID_PREFIX + secrets.token_hex(6), PREFIX + secrets.token_urlsafe(RANDOM_BYTES))
        now = time.time()
        budget = None if budget_usd is None else to_micro_usd(budget_usd)

        async def write(connection: AsyncConnection) -> None:
            row = upsert(self._database.dialect, users).values(
                name=user, role=role or ROLES[0], budget_micro_usd=budget, created=now
            )
            await connection.execute(
                row.on_conflict_do_update(
                    index_elements=[users.c.name],
                    set_={
                        users.c.role: users.c.role if role is None else row.excluded.role,
                        users.c.budget_micro_usd: func.coalesce(
                            row.excluded.budget_micro_usd, users.c.budget_micro_usd
                        ),
                    },
                )
            )
            await connection.execute(
                tokens.insert().values(id=token.id, user=user, hash=digest_of(token.secret), created=now)
            )

        await self._database.run(write)
        return token

    async def caller(self, digest: bytes) -> Caller | None:
        """The owner of the token with this hash; None if it is unknown or revoked."""
        query = (
            select(tokens.c.hash, users.c.name, users.c.role, users.c.budget_micro_usd)
            .join_from(tokens, users)
            .where(tokens.c.hash == digest, tokens.c.revoked.is_(None))
        )

        async def read(connection: AsyncConnection) -> Caller | None:
            row = (await connection.execute(query)).first()
            # The index compared byte by byte, but only hashes, which nobody can choose. Again, in constant time.
            if row is None or not hmac.compare_digest(row.hash, digest):
                return None
            budget = None if row.budget_micro_usd is None else to_usd(row.budget_micro_usd)
            return Caller(f"user:{row.name}", user=row.name, role=row.role, budget_usd=budget)

        return await self._database.run(read)

    async def records(self) -> list[TokenRecord]:
        """Every token ever made: valid ones before revoked ones, and the oldest of each first."""
        query = (
            select(tokens.c.id, users, tokens.c.created.label("made"), tokens.c.revoked)
            .join_from(tokens, users)
            .order_by(case((tokens.c.revoked.is_(None), 0), else_=1), tokens.c.created)
        )

        async def read(connection: AsyncConnection) -> list[TokenRecord]:
            return [
                TokenRecord(
                    row.id,
                    row.name,
                    row.role,
                    None if row.budget_micro_usd is None else to_usd(row.budget_micro_usd),
                    row.made,
                    row.revoked,
                )
                for row in await connection.execute(query)
            ]

        return await self._database.run(read)

    async def revoke(self, name: str) -> list[bytes]:
        """Revoke one token (by id) or all of a user's. Returns the hashes of those revoked now. Raises UnknownName."""
        named = tokens.c.id == name if name.startswith(ID_PREFIX) else tokens.c.user == name
        ended = (
            update(tokens).where(named, tokens.c.revoked.is_(None)).values(revoked=time.time()).returning(tokens.c.hash)
        )

        async def write(connection: AsyncConnection) -> list[bytes]:
            hashes = [row.hash for row in await connection.execute(ended)]
            known = hashes or (await connection.execute(select(tokens.c.id).where(named).limit(1))).first()
            if not known:
                raise UnknownName(f"there is no user and no token {name[:64]!r}; make tokens lists them")
            return hashes

        return await self._database.run(write)
