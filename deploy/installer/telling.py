"""`status`: what is installed, and how every book stands, told to a person or a program."""

import json
from typing import Any

from deploy.installer import books, release
from deploy.installer.machine import Failed
from deploy.installer.site import Site
from deploy.installer.switching import unfinished
from deploy.installer.systemd import TEMPLATE
from rebalancer.errors import RebalancerError


def status(site: Site, *, as_json: bool = False) -> bool:
    """Say how the machine stands; return whether all is as an installer left it."""
    told = _facts(site)
    if as_json:
        site.machine.say(json.dumps(told, indent=2))
    else:
        _print(site, told)
    return not told["amiss"]


def _facts(site: Site) -> dict[str, Any]:
    layout, current, previous = site.layout, site.current, release.find(site.layout.previous)
    begun = unfinished(layout)
    running, enabled = site.services.running(), site.services.enabled()
    found = [_book(site, book, running, enabled) for book in books.configured(layout)]
    amiss = [] if current else ["nothing is installed"]
    if begun:
        amiss.append(f"a switch to {begun.to} was interrupted: run upgrade or rollback")
    if current:
        amiss += _strange(site, current)
    amiss += [f"{book['book']}: {book['fault']}" for book in found if book["fault"]]
    amiss += [
        f"{book['book']} runs {book['runs']}, not what is current"
        for book in found
        if current and book["runs"] not in (None, current.name)
    ]
    return {
        "current": current.name if current else None,
        "previous": previous.name if previous else None,
        "releases": [
            {"name": r.name, "version": r.version, "python": r.python, "schema": r.schema}
            for r in release.installed(layout)
        ],
        "systemd": site.services.there,
        "books": found,
        "amiss": amiss,
    }


def _strange(site: Site, current: release.Release) -> list[str]:
    """Return what is not as the current release wants it."""
    found = [] if current.sound(site.machine) else [f"{current.name}: its Python is gone: install"]
    for unit in current.units:
        there = site.layout.units / unit.name
        if not there.is_file() or there.read_bytes() != unit.read_bytes():
            found.append(f"{there}: is not what {current.name} has: install")
    return found


def _book(
    site: Site, book: books.Book, running: tuple[str, ...], enabled: tuple[str, ...]
) -> dict[str, Any]:
    """Return how a book stands."""
    fault, schema = None, None
    current = site.current
    try:
        schema = books.schema(site.layout.journal(book.name))
        if current is not None:
            faults = books.judge(site.machine, current, book.config).faults
            fault = f"{len(faults)} faults in {book.config}" if faults else None
    except (RebalancerError, Failed) as e:
        fault = str(e)
    up = book.name in running
    return {
        "book": book.name,
        "mode": book.mode,
        "unit": site.services.unit(book.name).active if site.services.there else None,
        "enabled": TEMPLATE.format(book.name) in enabled,
        "runs": site.services.runs(book.name) if up else None,
        "schema": schema,
        "fault": fault,
    }


def _print(site: Site, told: dict[str, Any]) -> None:
    say = site.machine.say
    say(f"current   {told['current'] or '-'}")
    say(f"previous  {told['previous'] or '-'}")
    for each in told["releases"]:
        say(f"release   {each['name']}  Python {each['python']}  schema {each['schema']}")
    say(f"systemd   {'runs' if told['systemd'] else 'does not run here'}")
    for each in told["books"]:
        unit = each["unit"] or "-"
        schema = "no journal yet" if each["schema"] is None else f"schema {each['schema']}"
        runs = f"  on {each['runs']}" if each["runs"] else ""
        say(f"book      {each['book']}  {each['mode'] or '?'}  {unit}{runs}  {schema}")
    for each in told["amiss"]:
        say(f"amiss     {each}")
