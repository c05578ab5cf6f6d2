"""The status page, and what machines ask beside it, over HTTP.

    server      the companion: listens, answers, hangs up
    routes      what is asked, whether it may be, and what is answered
    tokens      who asks: anybody, one who may look, one who may act
    names       by which names the page may be called, and from which pages
    gate        how many may come, how long they may take
    live        one open page: what changed since it last looked, as fast as it takes it
    picture     the book in sections, each with when it last changed
    document    the page itself, one file made of those below page/
    saying      what leaves, in JSON without secrets

A picture is made when somebody looks, and at most so often, so that an unwatched
book pays nothing. Nothing here waits for a client: what one has not taken is not
kept for it. Orders of an operator take the way of the control socket.
"""

from rebalancer.ops.web.routes import Answers
from rebalancer.ops.web.server import Place, WebServer
from rebalancer.ops.web.tokens import Tokens

__all__ = ["Answers", "Place", "Tokens", "WebServer"]
