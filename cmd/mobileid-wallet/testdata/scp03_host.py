"""A GlobalPlatform host of its own: SCP03 (Amendment D) written in Python, against which our secure element is held.

Usage: scp03_host.py READER, through PC/SC (pyscard), with the published test keys. Prints one JSON document.
It shares no code and no vectors with the Go packages.
"""

import json
import os
import sys

from cryptography.hazmat.primitives import cmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from smartcard.CardConnection import CardConnection
from smartcard.System import readers

KEY = bytes(range(0x40, 0x50))
ISD = bytes.fromhex("A000000151000000")


def ecb(key, block):
    e = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return e.update(block) + e.finalize()


def mac(key, message):
    c = cmac.CMAC(algorithms.AES(key))
    c.update(message)
    return c.finalize()


def kdf(key, constant, bits, context):
    out = b""
    for n in (1, 2):
        out += mac(key, bytes(11) + bytes([constant, 0]) + bits.to_bytes(2, "big") + bytes([n]) + context)
    return out[: bits // 8]


def pad(data):
    data += b"\x80"
    return data + bytes(-len(data) % 16)


def unpad(data):
    data = data.rstrip(b"\x00")
    if data[-1:] != b"\x80":
        raise SystemExit("padding wrong")
    return data[:-1]


def tlvs(data):
    """BER-TLV objects with tags of one or two bytes."""
    while data:
        n = 2 if data[0] & 0x1F == 0x1F else 1
        tag, data = data[:n], data[n:]
        if data[0] == 0x81:
            size, data = data[1], data[2:]
        elif data[0] == 0x82:
            size, data = int.from_bytes(data[1:3], "big"), data[3:]
        else:
            size, data = data[0], data[1:]
        yield tag.hex(), data[:size]
        data = data[size:]


class Card:
    def __init__(self, connection):
        self.connection = connection

    def send(self, apdu):
        data, sw1, sw2 = self.connection.transmit(list(apdu))
        return bytes(data), sw1 << 8 | sw2

    def must(self, apdu):
        data, sw = self.send(apdu)
        if sw != 0x9000:
            raise SystemExit("%s answered %04X" % (apdu.hex(), sw))
        return data


class Session:
    """A secure channel at one level."""

    def __init__(self, card, level):
        self.card, self.level, self.counter = card, level, 0
        self.fci = card.must(b"\x00\xA4\x04\x00\x08" + ISD + b"\x00")
        host = os.urandom(8)
        answer = card.must(b"\x80\x50\x30\x00\x08" + host + b"\x00")
        if len(answer) != 32 or answer[10:13] != b"\x30\x03\x70":
            raise SystemExit("INITIALIZE UPDATE: " + answer.hex())
        self.kdd, challenge, cryptogram, self.sequence = answer[:10], answer[13:21], answer[21:29], answer[29:32]
        if kdf(KEY, 0x02, 64, self.sequence + ISD) != challenge:
            raise SystemExit("card challenge is not that of its counter")
        context = host + challenge
        self.enc, self.mac, self.rmac = (kdf(KEY, c, 128, context) for c in (4, 6, 7))
        if kdf(self.mac, 0x00, 64, context) != cryptogram:
            raise SystemExit("card cryptogram wrong")
        self.chain = bytes(16)
        card.must(self.protect(b"\x84\x82" + bytes([level, 0]), kdf(self.mac, 0x01, 64, context), False))

    def protect(self, header, data, encrypt):
        if encrypt and data:
            icv = ecb(self.enc, self.counter.to_bytes(16, "big"))
            e = Cipher(algorithms.AES(self.enc), modes.CBC(icv)).encryptor()
            data = e.update(pad(data)) + e.finalize()
        header = bytes([header[0] | 0x04]) + header[1:4] + bytes([len(data) + 8])
        self.chain = mac(self.mac, self.chain + header + data)
        return header + data + self.chain[:8]

    def exchange(self, header, data=b"", flip=None):
        self.counter += 1
        apdu = bytearray(self.protect(header, data, self.level & 0x02) + b"\x00")
        if flip is not None:
            apdu[flip // 8] ^= 1 << flip % 8
        answer, sw = self.card.send(bytes(apdu))
        if sw != 0x9000 and sw >> 8 not in (0x62, 0x63):
            if answer:
                raise SystemExit("%04X with data" % sw)
            return b"", sw
        if not self.level & 0x10:
            return answer, sw
        body, tag = answer[:-8], answer[-8:]
        if mac(self.rmac, self.chain + body + sw.to_bytes(2, "big"))[:8] != tag:
            raise SystemExit("R-MAC wrong")
        if self.level & 0x20 and body:
            icv = ecb(self.enc, b"\x80" + self.counter.to_bytes(15, "big"))
            d = Cipher(algorithms.AES(self.enc), modes.CBC(icv)).decryptor()
            body = unpad(d.update(body) + d.finalize())
        return body, sw

    def status(self, scope):
        out, p2 = b"", 2
        while True:
            data, sw = self.exchange(bytes([0x80, 0xF2, scope, p2]), b"\x4F\x00")
            if sw == 0x6A88:
                return []
            if sw not in (0x9000, 0x6310):
                raise SystemExit("GET STATUS answered %04X" % sw)
            out, p2 = out + data, 3
            if sw == 0x9000:
                return [{t: v.hex() for t, v in tlvs(entry)} for _, entry in tlvs(out)]


def main():
    reader = next(r for r in readers() if str(r) == sys.argv[1])
    connection = reader.createConnection()
    connection.connect(CardConnection.T1_protocol)
    card = Card(connection)
    result = {"atr": bytes(connection.getATR()).hex(), "levels": {}}
    for level in (0x01, 0x03, 0x11, 0x13, 0x33):
        session = Session(card, level)
        result["levels"]["%02x" % level] = {
            "isd": session.status(0x80),
            "applications": session.status(0x40),
            "files": session.status(0x10),
            "sequence": int.from_bytes(session.sequence, "big"),
        }
        result["fci"], result["kdd"] = session.fci.hex(), session.kdd.hex()
    # One bit of a command on its way: refused, and the session is dead for the whole command too.
    session = Session(card, 0x33)
    _, sw = session.exchange(b"\x80\xF2\x80\x02", b"\x4F\x00", flip=8 * 9)
    _, after = session.exchange(b"\x80\xF2\x80\x02", b"\x4F\x00")
    result["flipped"], result["after"] = "%04x" % sw, "%04x" % after
    json.dump(result, sys.stdout)


main()
