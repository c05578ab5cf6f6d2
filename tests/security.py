"""What somebody might do to us, what we do about it, and the tests that show that we do.

    python -m tests.security  prints the table

A test says by its marker what it secures: `@pytest.mark.secures("hosts-pinned")`. Tests
that were there before the table are named in `BY_NAME`; a name that leads to no test is
as much a fault as a line without any.
"""

import ast
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tests.markers import ROOT, marked

REQUIREMENTS: Mapping[str, str] = {
    # keys and accounts
    "key-scope": "a key that can withdraw or transfer is refused, where the venue tells",
    "foreign-orders": "an order or a fill that is not ours is told within a minute",
    # secrets
    "secrets-from-files": "a secret comes from a private file alone, judged by what is open",
    "no-secret-in-settings": "a secret in the configuration is a fault, and is not shown",
    "no-core-dump": "the memory of the process is never written to a disk",
    "secrets-stay": "no secret leaves in any form, alerts too, whatever goes wrong",
    # what is said
    "log-injection": "no text from elsewhere forges a line, a field or a cursor, or fills the disk",
    # the control socket
    "socket-mode": "the socket is its owner's alone",
    "socket-peers": "another user is denied, whatever he asks",
    "socket-frames": "malformed, huge and half frames do no harm",
    "socket-crowd": "slow clients and crowds keep nobody else waiting",
    "socket-audit": "every order of a person is journaled with who gave it",
    # the status page
    "page-tokens": "without a token nothing is told but whether it lives; constant time",
    "page-names": "another page or another host name gets nothing",
    "page-loopback": "no other machine reaches it unless the settings say so",
    "page-verbs": "the page sends no order; who may act has a token of his own",
    "page-crowd": "huge, half and slow requests do no harm",
    # the configuration
    "config-limits": "a configuration too large, too deep or absurd is refused at once",
    "config-strict": "unknown keys, NaN, infinities and negative limits are faults",
    # what we are made of
    "locked-by-hash": "every package is pinned, and known by its hash",
    "few-direct": "few packages are asked for by name",
    "bill-and-audit": "a bill names all of them, and an audit that asked nobody proves nothing",
    "nothing-at-start": "nothing runs because the interpreter starts",
    "no-network-at-import": "nothing asks the network because it is imported",
    "adapters-of-ccxt": "the name of a venue leads to a class of ccxt, and to nothing else",
    # the way to the venues
    "hosts-pinned": "a library that names a foreign host is refused before anything is sent",
    "tls-no-proxy-no-redirect": "TLS is verified; no proxy of the environment, no redirect",
    "message-limits": "a message without end is not taken",
    "parser-limits": "no message of a venue breaks or hangs its parser",
    "number-sanity": "a price that cannot be one is refused",
    # the disk
    "state-private": "state files are their owner's alone, in a folder that is",
    "state-symlinks": "no file of the state is written through a link",
    "backups-private": "copies of the journal are as private as it is",
}

BY_NAME: Mapping[str, tuple[str, ...]] = {
    "key-scope": (
        "tests/venues/test_examination.py::test_permissions",
        "tests/venues/test_binance_examination.py::test_keys",
        "tests/venues/test_bybit_examination.py::test_keys",
        "tests/venues/test_bybit_examination.py::test_a_key_that_moves_coins",
        "tests/venues/test_okx_examination.py::test_keys",
    ),
    "foreign-orders": (
        "tests/venues/test_resting.py::test_an_order_of_somebody_else",
        "tests/venues/test_resting.py::test_looks_go_on",
        "tests/core/test_foreign.py::test_alert",
    ),
    "secrets-from-files": (
        "tests/venues/test_credentials.py::test_public_file",
        "tests/venues/test_credentials.py::test_bad_name",
    ),
    "no-secret-in-settings": (
        "tests/settings/test_faults.py::test_unknown_value_is_not_shown",
        "tests/settings/test_faults.py::test_fault",
    ),
    "secrets-stay": (
        "tests/ops/test_redaction.py::test_canary",
        "tests/ops/web/test_requests.py::test_secrets",
        "tests/ops/web/test_tokens.py::test_what_the_process_knows",
        "tests/ops/web/test_live.py::test_secrets",
        "tests/ops/test_log.py::test_canary",
        "tests/ops/test_journald.py::test_canary",
        "tests/ops/test_outlet.py::test_all_that_python_says",
        "tests/ops/test_notify.py::test_secrets",
        "tests/ops/messenger/test_outbox.py::test_line",
        "tests/ops/messenger/test_outbox.py::test_a_beat_without_secrets",
        "tests/ops/messenger/test_wording.py::test_hidden",
        "tests/ops/messenger/test_process.py::test_nothing_secret",
        "tests/ops/messenger/test_process.py::test_an_error_page",
        "tests/ops/messenger/test_process.py::test_what_it_said",
        "tests/runtime/test_reasons.py::test_reason",
        "tests/venues/test_hosts.py::test_a_venue_repeats_our_key",
    ),
    "log-injection": (
        "tests/ops/test_log.py::test_hostile_text",
        "tests/ops/test_log.py::test_length",
        "tests/ops/test_journald.py::test_no_forging",
        "tests/ops/test_logbook.py::test_harmless",
    ),
    "socket-mode": ("tests/ops/test_control.py::test_mode",),
    "socket-peers": (
        "tests/ops/test_control.py::test_stranger",
        "tests/ops/test_control.py::test_authorisation",
        "tests/ops/test_rights.py::test_another_user",
        "tests/ops/test_rights.py::test_ladder",
    ),
    "socket-frames": (
        "tests/ops/test_control.py::test_bad_frame",
        "tests/ops/test_control.py::test_parse",
        "tests/ops/test_control.py::test_half_a_request",
    ),
    "socket-crowd": (
        "tests/ops/test_control.py::test_dribble",
        "tests/ops/test_control.py::test_crowd",
    ),
    "socket-audit": ("tests/ops/test_control.py::test_acting",),
    "page-tokens": (
        "tests/ops/web/test_requests.py::test_who_may_what",
        "tests/ops/web/test_tokens.py::test_compared_in_constant_time",
        "tests/ops/web/test_live.py::test_who_may_not",
    ),
    "page-names": (
        "tests/ops/web/test_requests.py::test_who_may_what",
        "tests/ops/web/test_live.py::test_from_elsewhere",
    ),
    "page-loopback": ("tests/ops/web/test_requests.py::test_loopback_alone",),
    "page-verbs": (
        "tests/ops/web/test_requests.py::test_acting",
        "tests/ops/web/test_requests.py::test_which_tokens_there_are",
    ),
    "page-crowd": (
        "tests/ops/web/test_requests.py::test_a_crowd",
        "tests/ops/web/test_requests.py::test_dawdlers",
        "tests/ops/web/test_live.py::test_the_slow",
    ),
    "config-limits": (
        "tests/settings/test_reading.py::test_file_as_a_whole",
        "tests/settings/test_settings_properties.py::test_any_text",
    ),
    "config-strict": (
        "tests/settings/test_faults.py::test_fault",
        "tests/settings/test_settings_properties.py::test_any_table",
    ),
    "locked-by-hash": (
        "tests/architecture/test_packaging.py::test_lock_is_hashed",
        "tests/architecture/test_packaging.py::test_lock_has_no_address",
    ),
    "few-direct": ("tests/architecture/test_packaging.py::test_few_direct_dependencies",),
    "bill-and-audit": (
        "tests/architecture/test_supply.py::test_an_audit_that_asked_nobody",
        "tests/architecture/test_supply.py::test_the_bill_is_of_one_piece",
    ),
    "hosts-pinned": (
        "tests/venues/test_hosts.py::test_each_request_is_held_against_the_list",
        "tests/venues/test_connection.py::test_loopback_stays_on_this_machine",
    ),
    "tls-no-proxy-no-redirect": ("tests/venues/test_connection.py::test_redirect_is_refused",),
    "parser-limits": (
        "tests/wire/test_deribit.py::test_no_message_at_all",
        "tests/wire/test_binance_frames.py::test_never_raises",
        "tests/wire/test_bybit.py::test_mutated_rows_never_raise",
        "tests/wire/test_okx.py::test_any_row",
    ),
    "number-sanity": (
        "tests/wire/test_deribit.py::test_refused_frames",
        "tests/wire/test_deribit.py::test_mutated_fields_never_raise",
    ),
    "state-private": (
        "tests/storage/test_sqlite.py::test_modes",
        "tests/storage/test_sqlite.py::test_loose_modes_are_closed",
        "tests/storage/test_sqlite.py::test_foreign_owner",
    ),
    "state-symlinks": ("tests/storage/test_sqlite.py::test_link",),
    "backups-private": (
        "tests/storage/test_backup.py::test_copy",
        "tests/storage/test_backup.py::test_into_an_empty_folder",
    ),
}


@cache
def functions(path: Path) -> frozenset[str]:
    """Return the names of the tests in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


def lost(by_name: Mapping[str, tuple[str, ...]] = BY_NAME, root: Path = ROOT) -> list[str]:
    """Return the names in the table that lead to no test."""
    told = dict.fromkeys(each for names in by_name.values() for each in names)
    return [each for each in told if not _there(root, *each.split("::"))]


def _there(root: Path, file: str, name: str) -> bool:
    path = root / file
    return path.is_file() and name in functions(path)


def proofs(folder: Path = ROOT / "tests") -> dict[str, list[str]]:
    """Return requirement → the tests that say so, and those that are named."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        for test, told in marked(path, "secures", folder.parent):
            for name in told:
                found.setdefault(name, []).append(test)
    for name, tests in BY_NAME.items() if folder == ROOT / "tests" else ():
        found.setdefault(name, []).extend(tests)
    return found


def table() -> str:
    """Return each requirement with its tests."""
    known = proofs()
    return "\n".join(
        f"{name}: {words}\n" + "".join(f"    {each}\n" for each in known.get(name, ["no test"]))
        for name, words in REQUIREMENTS.items()
    )


if __name__ == "__main__":
    sys.stdout.write(table())
