"""`baton users`: hashes for users.yaml, and what is wrong with it."""

import getpass
import sys

from baton.config import settings
from baton.trouble import Misuse, Trouble
from services.chassis.settings import ServiceSettings
from services.worklist.access import passwords, users
from services.worklist.access.passwords import PasswordError
from services.worklist.access.users import FILE, UsersError


def print_hash() -> int:
    """Print the hash of a password, alone, on stdout."""
    try:
        print(passwords.make_hash(_ask(twice=True)))
    except PasswordError as error:
        raise Trouble(str(error)) from None
    return 0


def check(name: str | None) -> int:
    """Tell what is wrong with users.yaml, or whether a password is that of a user."""
    folder = settings(ServiceSettings).config_dir
    if folder is None or not (folder / FILE).exists():
        raise Misuse(f"There is no {FILE}: BATON_CONFIG_DIR names the folder it is in.")
    try:
        found = users.parse(users.read(folder))
    except UsersError as error:
        print(error)
        return 1
    if name is None:
        print(f"{FILE}: {len(found.users)} users and {len(found.groups)} groups, all good.")
        return 0
    fits = passwords.fits(_ask(twice=False), found.hash_of(name))
    print("The password fits." if fits else f"The password does not fit, or {FILE} has no such user.")
    return 0 if fits else 1


def _ask(*, twice: bool) -> str:
    """Read a password from the terminal, unseen, or else the first line of stdin."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    try:
        password = getpass.getpass("Password: ")
        if twice and getpass.getpass("Once more: ") != password:
            raise Trouble("The two are not the same; nothing was hashed.")
    except EOFError:
        raise Misuse("There is no password to read.") from None
    return password
