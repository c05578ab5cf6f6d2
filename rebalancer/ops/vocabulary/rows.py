"""What a line of the vocabulary says: name, severity, meaning, action."""

from rebalancer.core.commands import Severity

Row = tuple[str, Severity, str, str]  # in the order of `LogEvent`

INFO, WARNING, ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR
NONE = "none"  # the action of what is history
