"""Sweeps: one recording replayed under many settings, and what each of them cost and left open.

    spec       the TOML file that says what to vary → its tables, every fault at once
    axes       one thing that is varied: where it stands and which values it takes
    points     a spec becomes points: settings with a name, each checked before any is played
    shelf      recordings, read once a process
    flights    the flight of a book that ran, as a recording of its markets
    measures   samples → cost, risk and its error bars, on the first part and on the rest
    frontier   which points no other beats, and which one a wish asks for
    running    points on all cores or on a cluster; each one's outcome is a line of a file
    page       the chart and its tables as one HTML file

A point is a replay like any other: the same decisions, the same digest. It
only leaves out what nobody asks of the two hundredth: rows, reasons, sources.
"""
