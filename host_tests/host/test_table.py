"""The table of the demo: the guide's own rows, and tshark's words for the same datagrams."""

import re

import pytest

from cases import vector
from srvphone_host import ladder, phone_process, table, tshark

MESSAGES = vector("guide_dns.json")["messages"]

# Figures 5 and 7: the Info column, by frame.
INFO = {
    238: "Standard query 0x0008 SRV _sip._udp.test.grandstream.com",
    241: "Standard query response 0x0008 SRV 2 1 5060 test1.grandstream.com"
    " SRV 1 1 5060 test2.grandstream.com",
    242: "Standard query 0x0009 A test2.grandstream.com",
    243: "Standard query response 0x0009 A 192.168.10.13",
    254: "Standard query 0x0140 NAPTR test.grandstream.com",
    255: "Standard query response 0x0140 NAPTR 80 60 s",
    256: "Standard query 0x0141 SRV _sip._udp.test.grandstream.com",
}

CONTACT = "Contact: <sip:2002@192.168.10.11:5060>"
REGISTER = "REGISTER sip:grandstream.com SIP/2.0"


def sip(start, *headers):
    lines = [start, "Via: SIP/2.0/UDP 192.168.10.11:5060;branch=z9hG4bK1"]
    lines += ["From: <sip:2002@grandstream.com>;tag=1", "To: <sip:2002@grandstream.com>"]
    lines += ["Call-ID: 1@x", "CSeq: 1 REGISTER", *headers, "Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode()


SIP = [
    (sip(REGISTER, CONTACT, "Expires: 5"), "Request: REGISTER sip:grandstream.com  (1 binding)"),
    (sip("SIP/2.0 401 Unauthorized"), "Status: 401 Unauthorized"),
    (sip("SIP/2.0 200 OK", CONTACT + ";expires=5"), "Status: 200 OK  (1 binding)"),
    (
        sip("SIP/2.0 200 OK", CONTACT + ";expires=5", "Contact: <sip:x@1.2.3.4>"),
        "Status: 200 OK  (2 bindings)",
    ),
    (
        sip(REGISTER, CONTACT, "Expires: 0"),
        "Request: REGISTER sip:grandstream.com  (remove 1 binding)",
    ),
    (
        sip(REGISTER, CONTACT + ";expires=0"),
        "Request: REGISTER sip:grandstream.com  (remove 1 binding)",
    ),
    (
        sip(REGISTER, "Contact: *", "Expires: 0"),
        "Request: REGISTER sip:grandstream.com  (remove all bindings)",
    ),
    (sip(REGISTER), "Request: REGISTER sip:grandstream.com  (fetch bindings)"),
    (sip("SIP/2.0 200 OK"), "Status: 200 OK  (0 bindings)"),
    (sip("SIP/2.0 503 Service Unavailable", "Retry-After: 9"), "Status: 503 Service Unavailable"),
]


def test_g12_rows_of_figures_5_and_7():
    rows = table.Table(("192.168.10.11", 5060))
    for message in MESSAGES:
        data = bytes.fromhex(message["hex"])
        event = ">" if message["direction"] == "query" else "<"
        line = phone_process.Line(51.27, "dns", event, "", ("192.168.10.10", 53), len(data), data)
        row = rows.row(line)
        assert row.length == message["captured_frame_bytes"]
        assert row.info == INFO.get(message["frame"], row.info)
        ends = ("192.168.10.11", "192.168.10.10")
        assert (row.source, row.destination) == (ends if event == ">" else ends[::-1])
        assert row.protocol == "DNS"
    assert row.number == len(MESSAGES) == 14
    assert row.cells()[:2] == ["14", "51.270"]


@pytest.mark.parametrize("data, info", SIP)
def test_info_of_sip(data, info):
    assert table.words("sip", data) == info


def test_info_agrees_with_tshark(need, tmp_path):
    """Wireshark 4 says more than the Wireshark of the guide: it repeats the question, goes on to
    the other sections, and names the method that a status belongs to."""
    phone, dns, server = ("192.168.10.11", 40000), ("192.168.10.10", 5300), ("192.168.10.13", 5060)
    datagrams = [(0, phone, dns, bytes.fromhex(m["hex"])) for m in MESSAGES]
    datagrams += [(1, (phone[0], 5060), server, data) for data, _ in SIP]
    tshark.write(tmp_path / "x.pcap", datagrams)
    said = tshark.fields(
        need("tshark"), tmp_path / "x.pcap", "_ws.col.Info", "_ws.malformed", "_ws.expert"
    )
    assert len(said) == len(datagrams)
    for (_, _, target, data), (info, *wrong) in zip(datagrams, said):
        assert not any(wrong)
        ours = table.words("dns" if target == dns else "sip", data)
        if target == dns:
            assert re.sub(r"(response 0x....) \S+ \S+", r"\1", info).startswith(ours)
        else:
            assert ours == info.replace(" (REGISTER)", "").replace(" | ", "").rstrip()


def test_w1_w5_bad_bytes_are_a_row_too():
    for data in (b"", b"\x00", b"\xff" * 40, bytes(12)):
        assert table.words("dns", data) == "[Malformed Packet: DNS]"
    assert table.words("sip", b"\r\n\r\n") == "Continuation"
    assert table.words("sip", b"\x1b[2J hello") == "[Malformed Packet: SIP]"
    assert "\x1b" not in table.words("sip", sip("SIP/2.0 200 \x1b[2J"))
    denial = bytes.fromhex(MESSAGES[0]["hex"])
    denial = denial[:2] + b"\x85\x83" + denial[4:]
    assert table.words("dns", denial) == (
        "Standard query response 0x0008 No such name SRV _sip._udp.test.grandstream.com"
    )


def test_one_address_shows_ports():
    rows = table.Table(("127.0.0.1", 5060), ports=True)
    line = phone_process.parse("1.500 sip < 127.0.0.1:40013 3 x | 0d0a0d")
    row = rows.row(line)
    assert (row.source, row.destination) == ("127.0.0.1:40013", "127.0.0.1:5060")
    assert (row.time, row.length) == (1.5, 45)


def test_trace_lines_are_read():
    parse = phone_process.parse
    line = parse("12.345 sip > 127.0.0.13:5060 412 REGISTER sip:grandstream.com | 5245")
    assert line[:6] == (12.345, "sip", ">", "REGISTER sip:grandstream.com", line.peer, 412)
    assert line.peer == ("127.0.0.13", 5060) and line.data == b"RE" and line.is_datagram
    line = parse("0.001 dns < 127.0.0.53:5300 199 SRV x rcode 0 answers 2")
    assert line.peer == ("127.0.0.53", 5300) and line.data == b"" and line.length == 199
    note = parse("3.500 G14 silent 127.0.0.13:5060")
    assert note[:4] == (3.5, "G14", "silent", "127.0.0.13:5060") and not note.is_datagram
    assert parse("0.000 W6 no-answer") == (0.0, "W6", "no-answer", "", None, 0, b"")
    assert parse("Traceback (most recent call last):") is None
    assert table.Table(("127.0.0.1", 5060)).row(note) is None


def test_ladder():
    picture = ladder.Ladder(("phone", "primary", "backup"), ("127.0.0.11", "127.0.0.13", "x"))
    picture.arrow(0.004, "primary", "REGISTER")
    picture.arrow(0.006, "primary", "200", back=True, note="registered")
    picture.event("primary", "dies", dead=True)
    picture.arrow(3.5, "backup", "REGISTER", note="+ 2.000 s")
    assert (
        picture.text()
        == """\
           127.0.0.11              127.0.0.13              x
           phone                   primary                 backup
           |                       |                       |
    0.004  |------ REGISTER ------>|                       |
    0.006  |<-------- 200 ---------|                       |   registered
           |                       x dies                  |
    3.500  |------ REGISTER -------:---------------------->|   + 2.000 s"""
    )
