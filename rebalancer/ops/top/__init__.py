"""Top: the picture of a running book in a terminal, asked from its control socket.

    picture   what was told, what is looked at, and what a key does to that; no clock, no terminal
    screen    a picture → lines of text
    tty       the terminal: keys in, lines out; left as it was found
    session   asks, draws and listens until the person leaves

It asks as any other client does: it needs the right to read, and the one to
pause or kill where that is asked of it.
"""
