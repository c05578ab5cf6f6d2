"""The flight recorder: every event that a book took, so that its day can be stepped again.

    rows       one line: a step's number, what came in, and a sum over both and the line before
    snapshot   what a book knew, as bytes and back; of the core's classes only
    recorder   writes files beside the journal: in blocks, rotating, compressed, capped
    reader     reads them back, up to a tear, and says which lines are not what was written

Files are `flight/EPOCH-STEP.jsonl.gz`, named for the start of the daemon and
for the steps taken before their first line, so that names sort as time does.
Each is a plain gzip file of JSON lines and begins with all that is needed to go
on from there: format, book, release, fingerprint of the settings, and the
snapshot of the state. So it does not matter how many older ones were deleted:
whoever verifies begins with the oldest file of a start that is left, and steps
through those that follow it without a gap. A start begins a new file; one that
ended in order closes its last with a line that says so.

A snapshot is as good as the release that made it: another release decides
otherwise, and is told to be another. An event is noted before its step is taken
and spelled after it, off the way to the order. Blocks reach the system every
few seconds; a killed daemon loses the last one, and the file can be read up to
there. Nothing is synced but what the system writes by itself: the journal alone
has to outlive a power cut. Whatever goes wrong here, trading goes on.
"""
