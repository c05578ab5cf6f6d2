"""Control: who may ask a running book what, through its socket."""

from typing import Annotated

from pydantic import BeforeValidator

from rebalancer.settings import values
from rebalancer.settings.guarding import Table
from rebalancer.settings.values import text, wrong

GROUP = "group:"
NOBODY = ("nobody", "65534", "group:nogroup", "group:nobody", "group:65534")  # anybody, in truth
_NAME = r"[a-z_][a-z0-9_-]{0,31}|[0-9]{1,10}"
_USER = text(rf"({GROUP})?({_NAME})", "a user or group:NAME, each by its name or number")


def as_people(value: object) -> tuple[str, ...]:
    """Return a list of users and groups, or raise."""
    names = values.as_names(value)
    for name in names:
        _USER.func(name)  # type: ignore[call-arg]
        if name in NOBODY:
            must = "must name somebody: what has no user of its own is that of others too"
            raise wrong(must, f"{values.shown(name)} in it")
    return names


People = Annotated[tuple[str, ...], BeforeValidator(as_people)]


class Control(Table):
    """Rights on the socket, each with those before it; root and the daemon's user have all."""

    group: Annotated[str, text(_NAME, "a group, by its name or number")] | None = (
        None  # that the socket is open to; None: to the daemon's user and root alone
    )
    read: People = ()  # status, positions, orders, guards, band, stress, why, top
    pause: People = ()  # pause
    kill: People = ()  # kill
    operate: People = ()  # resume, reduce, reconcile
    all: People = ()  # arm, adopt, set

    @property
    def named(self) -> bool:
        """Whether anybody but root and the daemon's user has a right."""
        return any((self.read, self.pause, self.kill, self.operate, self.all))
