"""The datagrams of the stories, as others see them: tshark and dnspython read every one."""

import subprocess

import dns.message
import pytest

from sim.story import NAMES, tell
from srvphone_host.pcap import UNSENT, ethernet, pcap

ERROR = 0x800000  # tshark's severity


@pytest.fixture(scope="module", params=NAMES)
def frames(request):
    return tell(request.param).frames


def tshark(need, path, *options):
    checked = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"]
    command = [need("tshark"), "-n", "-r", str(path), *checked, *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert done.returncode == 0
    return done.stdout.splitlines()


def test_sim_pcap_tshark_reads_without_complaint(frames, need, tmp_path):
    path = tmp_path / "story.pcap"
    path.write_bytes(pcap(frames))
    bad = "_ws.malformed || _ws.expert.severity >= %d" % ERROR
    bad += " || ip.checksum.status == 0 || udp.checksum.status == 0"
    assert tshark(need, path, "-Y", bad) == []
    fields = ("frame.time_epoch", "ip.src", "udp.srcport", "ip.dst", "udp.dstport", "udp.length")
    seen = tshark(need, path, "-T", "fields", *[word for f in fields for word in ("-e", f)])
    sent = [f for f in frames if f.kind != "TCP" and f.fate not in UNSENT]
    assert len(seen) == len(sent) > 20
    for line, frame in zip(seen, sent):
        time, *rest = line.split("\t")
        assert round((float(time) - 1473206400) * 1000) == frame.t
        assert rest == [str(word) for word in (*frame.source, *frame.to, len(frame.data) + 8)]
    kinds = tshark(need, path, "-T", "fields", "-e", "_ws.col.Protocol")
    assert kinds == [frame.kind for frame in sent]


def test_sim_pcap_dnspython_parses_each_dns_message(frames):
    messages = [f.data for f in frames if f.kind == "DNS"]
    assert len(messages) > 5
    for data in messages:
        message = dns.message.from_wire(data)
        assert len(message.question) == 1 and not message.errors


def test_sim_pcap_has_the_lengths_of_the_guides_captures():
    frames = tell("failover").frames[:6]
    sizes = [len(ethernet(0, f.source, f.to, f.data)) for f in frames]
    assert sizes == [90, 241, 81, 122, 81, 122]


def test_sim_pcap_of_nothing_is_a_header():
    assert pcap([])[:4] == b"\xd4\xc3\xb2\xa1" and len(pcap([])) == 24
