"""Exposing: what a status page must have before others than this machine may reach it."""

from collections.abc import Iterator

from rebalancer.settings.context import Context
from rebalancer.settings.faults import MISSING, Finding
from rebalancer.settings.serving import at_home, place_of
from rebalancer.settings.values import shown


def serving(context: Context) -> Iterator[Finding]:
    """Yield what is wrong with the status page: an open port without a guard."""
    web = context.settings.web
    if web is None:
        return
    host, _ = place_of(web.listen)
    if not at_home(host):
        needs = (("web", "listen"),)
        if not web.expose:
            must = "must be true where others than this machine reach the address"
            yield Finding(("web", "expose"), must, "false", "", needs)
        if web.reader is None:
            must = "must name a credential where others than this machine reach the address"
            yield Finding(("web", "reader"), must, MISSING, "", needs)
    if web.operator is not None and web.operator == web.reader:
        must = "must be another credential than reader: who looks must not act"
        yield Finding(("web", "operator"), must, shown(web.operator), "", (("web", "reader"),))
