"""The installer: puts releases on a machine beside one another and changes from one to the next.

    app        the verbs, and what a fault ends with
    installing, upgrading, returning, removing, telling     one verb each, or two
    switching  from one release to another, and books restarted one by one
    release    one release: an environment of its own that nothing is added to later
    source     the tree that a release is made from
    books      what is configured, and which tables its journal has
    systemd    units, and which books run
    machine    every change to the machine, made and said in one place
    layout     where everything lies

Standard library only, and of the program itself nothing but `rebalancer.errors`:
it runs before anything is installed. What a release knows (is this configuration
right, which tables does it read) that release is asked, in a process of its own.

Every verb can be ended at any moment and run again. A change is one system call
that is made or not; what takes many of them (a release) has its name from the
start and counts for nothing until its last file, `release.json`, is there.
"""
