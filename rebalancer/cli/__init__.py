"""The command line: one module a group of commands, no logic of its own.

    running   status positions orders why · pause resume reduce kill arm
    book      demo run
    panicking panic
    checking  check
    replaying replay
    pricing   greeks
    size, overlaying    size, overlay
    ratios    ratio
    output    tables, JSON and exit codes, the same for all

Exit codes: 0 ok, 1 a check found a difference, 64 usage, 65 bad data, 70 bug,
75 nobody answers, 77 not permitted, 78 configuration.
"""

from rebalancer.cli.app import main

__all__ = ["main"]
