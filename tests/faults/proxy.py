# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that can be made to misbehave. It runs in a thread of its own."""
import asyncio
import threading


class Proxy:
    """Listens on a port of loopback and passes on to `target`, another port there, which may change at any time."""

    def __init__(self, target, port=0):
        self.target = target
        self.delay_s = 0
        self.refusing = False
        self.transports = set()
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(port, ready), daemon=True)
        self.thread.start()
        ready.wait()

    def _run(self, port, ready):
        asyncio.set_event_loop(self.loop)
        self.flowing = asyncio.Event()
        self.flowing.set()
        server = self.loop.run_until_complete(asyncio.start_server(self._accept, '127.0.0.1', port))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self.loop.run_forever()

    async def _accept(self, reader, writer):
        if self.refusing:
            writer.transport.abort()
            return
        try:
            other_reader, other_writer = await asyncio.open_connection('127.0.0.1', self.target)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer.transport, other_writer.transport}
        self.transports |= pair
        try:
            await asyncio.gather(self._pump(reader, other_writer), self._pump(other_reader, writer))
        finally:
            self.transports -= pair

    async def _pump(self, reader, writer):
        try:
            while data := await reader.read(1 << 17):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self.flowing.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    def _call(self, function):
        """Runs it in the loop and waits until it has."""
        done = threading.Event()

        def run():
            function()
            done.set()
        self.loop.call_soon_threadsafe(run)
        done.wait()

    def _abort_all(self):
        for transport in list(self.transports):
            transport.abort()

    def cut(self):
        """Ends all connections; new ones are accepted."""
        self._call(self._abort_all)

    def refuse(self, refusing):
        """Also refuses new connections, until told otherwise."""
        self.refusing = refusing
        if refusing:
            self.cut()

    def delay(self, seconds):
        self.delay_s = seconds

    def stall(self, stalled):
        """Bytes stay where they are; connections are kept."""
        self._call(self.flowing.clear if stalled else self.flowing.set)

    def aim(self, target):
        """From now on at another port; connections to the former one end."""
        self.target = target
        self.cut()

    def heal(self):
        self.refusing = False
        self.delay_s = 0
        self.stall(False)

    async def _end(self):
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.loop.stop()

    def close(self):
        self._call(self._abort_all)
        asyncio.run_coroutine_threadsafe(self._end(), self.loop)
        self.thread.join(5)
