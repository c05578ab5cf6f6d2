"""Labels: our order ids as a venue takes them, there and back without loss.

Most take them as they are, some with letters of their own before them. One that
takes nothing but a number of 128 bits gets the fifteen characters that follow
our prefix, as bytes, behind one that says whose they are.
"""

from dataclasses import dataclass

from rebalancer.core.ids import DIGITS, LENGTH, PREFIX

PLAIN, HEX = "plain", "hex"
_OURS = 0x72  # r
_BYTES = 16


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a venue takes our ids."""

    form: str = PLAIN
    prefix: str = ""  # before a plain one

    def spelled(self, label: str) -> str:
        """Return what travels for a client order id.

        Raises:
            ValueError: It cannot be told in this form.

        >>> Spelling(HEX).spelled("rb0100020000e1v7v")
        '0x72303130303032303030306531763776'
        >>> Spelling(prefix="t-").spelled("rb0100020000e1v7v")
        't-rb0100020000e1v7v'
        """
        if self.form == PLAIN:
            return self.prefix + label
        body = label.removeprefix(PREFIX)
        if len(label) != LENGTH or body == label or not set(body) <= set(DIGITS):
            raise ValueError(f"must be one of our ids to travel as a number, was {label!r}")
        return "0x" + bytes([_OURS, *body.encode("ascii")]).hex()

    def read(self, told: str) -> str:
        """Return the client order id that a label stands for; the label itself where it is none.

        >>> Spelling(HEX).read("0x72303130303032303030306531763776")
        'rb0100020000e1v7v'
        >>> Spelling(HEX).read("0x00000000000000000000000000000001")
        '0x00000000000000000000000000000001'
        """
        if self.form == PLAIN:
            return told.removeprefix(self.prefix)
        try:
            raw = bytes.fromhex(told.removeprefix("0x"))
        except ValueError:
            return told
        body = raw[1:].decode("ascii", "replace")
        if len(raw) != _BYTES or raw[0] != _OURS or not set(body) <= set(DIGITS):
            return told
        return PREFIX + body


AS_IT_IS = Spelling()
