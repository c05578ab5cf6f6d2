"""What a book remembers over a restart: the journal and how records are spelled in it.

`codec` turns events, commands and decisions into JSON values and back, exactly.
`sqlite` keeps entries on disk and `memory` keeps them for one run; both are
`ports.Journal`. `database` says what of a database they use, so that a layer can be
put between. `schema` knows the tables, their versions and the pragmas that make a
commit durable, and `aside` keeps a journal before it is migrated; `chain` links
each entry to the one before it, `audit` follows the chain from end to end, and
`retention` leaves gaps that it can be followed over; `backup` copies a journal and
puts a copy back; `caretaker` has copies made and the journal looked at while a
daemon runs, each an `errand` of its own process; `damage` leaves a mark that a
start finds; `room` measures the disk and holds a reserve on it; `killfile` is how a
shell stops a book, and `startmark` how a start knows that the one before did not end
in order; `folder` knows who may own the state folder and that one daemon at a time
writes in it; `ownership` knows whose journal it is; `flight` records every
event beside the journal, so that a day can be stepped again. Only `ports`, `core`
and `errors` lie below; nothing here knows what an entry means.
"""
