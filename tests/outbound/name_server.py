"""A name server of our own on loopback, that answers what a test wants, the next time something else."""

import asyncio
import contextlib
import ipaddress
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from aiohttp.abc import AbstractResolver

from services.notifier.connecting import system_names

A, CNAME, AAAA = 1, 5, 28
TYPES = {A: "A", AAAA: "AAAA"}
Said = Callable[[int], list[str]]  # what is said the nth time a name is asked for, from 0


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """`names`: by name, or `*`, the addresses and aliases (`-> other.test`) that are said at each time of asking."""

    names: dict[str, Said] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    def says(self, name: str, *rounds: list[str]) -> None:
        """These addresses at the first time, those at the second, the last ones ever after."""
        self.names[name] = lambda n: rounds[min(n, len(rounds) - 1)]

    def resolver(self) -> AbstractResolver:
        """The product's own way to look names up, c-ares and all, that asks this server."""
        return system_names(nameservers=["127.0.0.1"], udp_port=self.port, tcp_port=self.port, timeout=1.0, tries=1)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self._transport.sendto(self._answer(data), address)  # type: ignore[attr-defined]

    def _answer(self, question: bytes) -> bytes:
        labels, at = [], 12
        while length := question[at]:
            labels.append(question[at + 1 : at + 1 + length].decode().lower())
            at += 1 + length
        kind = struct.unpack(">H", question[at + 1 : at + 3])[0]
        name = ".".join(labels)
        records = self._records(name, kind)
        code = 0x8180 if name in self.names or "*" in self.names else 0x8183
        head = question[:2] + struct.pack(">HHHHH", code, 1, len(records), 0, 0)
        return head + question[12 : at + 5] + b"".join(records)

    def _records(self, name: str, kind: int) -> list[bytes]:
        says = self.names.get(name) or self.names.get("*")
        if kind not in TYPES or says is None:
            return []
        times = self.asked.count((name, TYPES[kind]))
        self.asked.append((name, TYPES[kind]))
        records, owner = [], name
        for each in says(times):
            if each.startswith("->"):
                alias = each.removeprefix("->").strip()
                records.append(_record(owner, CNAME, _wire(alias)))
                owner = alias
            elif (ip := ipaddress.ip_address(each)) and kind == (A if ip.version == 4 else AAAA):
                records.append(_record(owner, kind, ip.packed))
        return records


def _wire(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def _record(owner: str, kind: int, data: bytes) -> bytes:
    return _wire(owner) + struct.pack(">HHIH", kind, 1, 0, len(data)) + data


@contextlib.asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    """On a free port."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    server.port = transport.get_extra_info("sockname")[1]
    try:
        yield server
    finally:
        transport.close()
