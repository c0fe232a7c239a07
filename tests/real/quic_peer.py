"""An HTTP/3 client and server of their own kind, for tunnels: `client PORT AUTHORITY BYTES` and `server CERT KEY`."""

import asyncio
import hashlib
import os
import ssl
import sys

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import StreamReset

WINDOW = 1 << 20


class Client(QuicConnectionProtocol):
    """One CONNECT; what comes back is hashed."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic)
        self.status, self.hash, self.count = asyncio.get_event_loop().create_future(), hashlib.sha256(), 0
        self.ended = asyncio.get_event_loop().create_future()

    def quic_event_received(self, event):
        if isinstance(event, StreamReset) and not self.ended.done():
            self.ended.set_result(f"reset {event.error_code:#x}")
        for event in self.http.handle_event(event):
            if isinstance(event, HeadersReceived):
                self.status.set_result(dict(event.headers)[b":status"].decode())
            if isinstance(event, DataReceived):
                self.hash.update(event.data)
                self.count += len(event.data)
            if getattr(event, "stream_ended", False) and not self.ended.done():
                self.ended.set_result("clean")


async def client(port, authority, count):
    config = QuicConfiguration(alpn_protocols=H3_ALPN, is_client=True, verify_mode=ssl.CERT_NONE)
    async with connect("127.0.0.1", port, configuration=config, create_protocol=Client) as peer:
        stream = peer._quic.get_next_available_stream_id()
        peer.http.send_headers(stream, [(b":method", b"CONNECT"), (b":authority", authority.encode())])
        peer.transmit()
        print("status", await peer.status, flush=True)
        data, sent = os.urandom(count), 0
        while sent < count:
            # No further ahead of what came back than a window.
            while sent - peer.count > WINDOW:
                await asyncio.sleep(0.001)
            peer.http.send_data(stream, data[sent:sent + 65536], False)
            sent += 65536
            peer.transmit()
        peer.http.send_data(stream, b"", True)
        peer.transmit()
        ended = await peer.ended
        print(ended, peer.count, peer.hash.hexdigest() == hashlib.sha256(data).hexdigest())


class Server(QuicConnectionProtocol):
    """Answers every CONNECT with success and echoes."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic)

    def quic_event_received(self, event):
        for event in self.http.handle_event(event):
            if isinstance(event, HeadersReceived):
                names = [name for name, _ in event.headers]
                status = b"200" if b":scheme" not in names and b":path" not in names else b"400"
                self.http.send_headers(event.stream_id, [(b":status", status)], status == b"400")
            if isinstance(event, DataReceived):
                self.http.send_data(event.stream_id, event.data, event.stream_ended)
        self.transmit()


async def server(cert, key):
    config = QuicConfiguration(alpn_protocols=H3_ALPN, is_client=False)
    config.load_cert_chain(cert, key)
    running = await serve("127.0.0.1", 0, configuration=config, create_protocol=Server)
    print("port", running._transport.get_extra_info("sockname")[1], flush=True)
    await asyncio.Future()


if sys.argv[1] == "client":
    asyncio.run(client(int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
else:
    asyncio.run(server(sys.argv[2], sys.argv[3]))
