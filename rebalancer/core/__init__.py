"""The decision: pure functions over frozen records; numpy and scipy, nothing else.

An `Event` (events) enters `hedger.step`, which lets `State.apply` write it
down, weighs the `Exposure` of each touched underlying against its band,
sizes an `Intent`, lets every guard cap it, and returns `Command`s beside one
`Decision`. Nothing here awaits, logs, reads a clock, a file or a random
number: time is a field of the event. Only `errors` lies below.
"""
