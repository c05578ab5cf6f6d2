"""An API key of a loopback venue: who holds it, and what it may do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """One API key."""

    client_id: str
    secret: str
    account: str  # name in the exchange model
    uid: int = 1
    trades: bool = True
    withdraws: bool = False
    transfers: bool = False  # between accounts of its owner, where the venue tells that apart
    passphrase: str = ""  # where the venue asks for one too
