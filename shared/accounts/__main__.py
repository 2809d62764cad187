"""`python -m shared.accounts create USER [--role admin] [--budget USD] | list | revoke NAME`, what `make token` runs.

In: names. Out: on stdout a new token, or the list of tokens (never the tokens themselves). An error is one line on
stderr and exit status 1.
"""

import argparse
import asyncio
import logging
import math
import sys
import time
from typing import NoReturn

from shared.accounts.tokens import ROLES, BadName, TokenRecord, Tokens, UnknownName
from shared.pipeline.errors import DatabaseUnavailable
from shared.settings import BadSetting, load_settings
from shared.stores.database import Database

ROW = "{:<17} {:<20} {:<6} {:>12}  {:<16}  {}"


class Parser(argparse.ArgumentParser):
    """Reports a wrong argument in one line instead of two."""

    def error(self, message: str) -> NoReturn:
        print(message, file=sys.stderr)
        sys.exit(1)


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    logging.disable()  # a person is reading: an error is printed once, by the lines below
    try:
        database = Database(load_settings().database_url)
        asyncio.run(_run(options, database))
    except DatabaseUnavailable:
        print(f"DATABASE_URL: {database.name} does not answer: {database.fault}", file=sys.stderr)
        return 1
    except (BadSetting, BadName, UnknownName) as reason:
        print(reason, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


async def _run(options: argparse.Namespace, database: Database) -> None:
    tokens = Tokens(database)
    try:
        match options.command:
            case "create":
                await _create(tokens, options.user, options.role, options.budget)
            case "list":
                _show(await tokens.records())
            case "revoke":
                ended = await tokens.revoke(options.name)
                print(f"revoked {len(ended)} {'token' if len(ended) == 1 else 'tokens'} of {options.name}")
    finally:
        await database.close()


async def _create(tokens: Tokens, user: str, role: str | None, budget: float | None) -> None:
    token = await tokens.create(user, role, budget)
    print(f"{token.id} for {user}; it is shown only once:", file=sys.stderr, flush=True)
    print(token.secret)


def _show(records: list[TokenRecord]) -> None:
    print(ROW.format("id", "user", "role", "USD a month", "created (UTC)", "revoked (UTC)"))
    for record in records:
        budget = "" if record.budget_usd is None else f"{record.budget_usd:g}"
        revoked = "" if record.revoked is None else _moment(record.revoked)
        print(ROW.format(record.id, record.user, record.role, budget, _moment(record.created), revoked).rstrip())


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))


def _budget(text: str) -> float:
    try:
        usd = float(text)
    except ValueError:
        usd = math.nan
    if not 0 <= usd <= 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount of US dollars, such as 5 or 0.25")
    return usd


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m shared.accounts", description="Manage the tokens of callers.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="create | list | revoke")
    create = commands.add_parser("create", help="make a token; it is shown once")
    create.add_argument("user")
    create.add_argument("--role", choices=ROLES)
    create.add_argument("--budget", type=_budget, metavar="USD", help="most that this user may spend in a month")
    commands.add_parser("list", help="every token, without the secret part")
    revoke = commands.add_parser("revoke", help="end a token, or all tokens of a user")
    revoke.add_argument("name", metavar="USER|TOKEN_ID")
    return parser


if __name__ == "__main__":
    sys.exit(main())
