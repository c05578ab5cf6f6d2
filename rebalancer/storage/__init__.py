"""What a book remembers over a restart: the journal and how records are spelled in it.

`codec` turns events, commands and decisions into JSON values and back, exactly.
`sqlite` keeps entries on disk and `memory` keeps them for one run; both are
`ports.Journal`. `database` says what of a database they use, so that a layer can
be put between. `schema` knows the tables, their versions and the pragmas that make
a commit durable; `folder` knows who may own the state folder and that one
daemon at a time writes in it; `ownership` knows whose journal it is. Only
`ports`, `core` and `errors` lie below; nothing here knows what an entry means.
"""
