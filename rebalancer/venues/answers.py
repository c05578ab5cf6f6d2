"""Answers: what a venue says to one request, as far as one may go on listening."""

import asyncio

import aiohttp

LARGEST = 64 * 2**20  # bytes, unpacked; the longest list of instruments of today has some 15 MiB


class NotAnswered(asyncio.TimeoutError):
    """No answer came to its end; the request may have done its work."""


class Answer(aiohttp.ClientResponse):
    """An answer whose body is read to its end, or to `LARGEST` and no further."""

    async def read(self) -> bytes:
        """Return the body.

        Raises:
            NotAnswered: It goes on for longer than anybody has to say; nothing more of
                it is read, and the connection is closed.
        """
        if self._body is None:
            said = bytearray()
            async for part in self.content.iter_any():
                said += part
                if len(said) > LARGEST:
                    self.close()
                    raise NotAnswered(f"an answer must end within {LARGEST} bytes, and went on")
            self._body = bytes(said)
        return await super().read()
