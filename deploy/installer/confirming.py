"""Whether a book that trades would begin again by itself, or wait for a person.

A start is let pass when the fingerprint of the settings is the one that was
confirmed: by the options of the unit where they confirm any, else by the
journal. Another release can give the same file another fingerprint, and so
does whoever edits the file. A running book notices neither until it is
restarted; then it hedges nothing.
"""

from deploy.installer import books
from deploy.installer.machine import Refused
from deploy.installer.release import Release
from deploy.installer.site import Site


def must_begin_again(site: Site, by: Release, verb: str) -> None:
    """Refuse to restart running books on a release for which somebody would have to confirm one.

    Args:
        site: Where.
        by: The release; it refuses no configuration.
        verb: What is to be done again when that is settled.

    Raises:
        Refused: A book that trades, or is to trade, would wait.
        DataError: What was confirmed cannot be read.
    """
    up = site.services.running()
    for book in books.configured(site.layout):
        if book.name not in up:
            continue
        kept = books.permitted(site.layout.journal(book.name))
        if kept is None and book.mode not in books.MONEY:
            continue  # nobody confirms a book on paper
        env = book.config.with_suffix(".env")
        asked = books.confirming(env)
        confirmed = kept if asked is None else asked
        means = books.judge(site.machine, by, book.config).fingerprint
        if means is not None and means == confirmed:
            continue
        raise Refused(
            f"{book.config}: must have the fingerprint that was confirmed ({confirmed or 'none'}"
            f"{'' if asked is None else f', by {env}'}), was {means or 'refused'} with "
            f"{by.name}: restarted on it, the book would wait for --confirm and hedge nothing; "
            "nothing was changed.\n"
            "  If the file was edited since the book began, undo that. Else:\n"
            f"  1. systemctl stop rebalancer@{book.name}: nobody hedges it from here on\n"
            f"  2. {verb}\n"
            f"  3. rebalancer check {book.config}; write the fingerprint that it prints into {env}:"
            " RUN_OPTIONS=--live --confirm FINGERPRINT\n"
            f"  4. systemctl start rebalancer@{book.name}"
        )
