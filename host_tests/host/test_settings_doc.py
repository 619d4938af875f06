"""The README's table of settings comes from the firmware's (W8)."""

import json

import pytest

from srvphone.account import Account, Network, Settings, load
from srvphone_host import settings_doc


def test_w8_every_field_has_a_meaning_and_every_meaning_a_field():
    fields = [*Settings.fields, *Network.fields, *Account.fields]
    assert sorted(fields) == sorted(settings_doc.MEANINGS)
    assert all(meaning for meaning, _ in settings_doc.MEANINGS.values())


def test_w8_every_field_has_a_row_of_five_cells():
    rows = [r for r in settings_doc.table().split("\n") if r.startswith("| `")]
    assert len(rows) == len(settings_doc.MEANINGS)
    for row in rows:
        assert row.replace("\\|", "").count("|") == 6, row
    assert "| `dns_mode` | A Record | one of A Record, SRV, NAPTR/SRV, Use Configured IP |" in (
        settings_doc.table()
    )


def test_the_part_between_the_marks_is_rewritten_and_checked(tmp_path, capsys):
    path = tmp_path / "README.md"
    path.write_text(
        "before\n<!-- settings -->\nold\n<!-- /settings -->\nafter\n", encoding="utf-8"
    )
    assert settings_doc.main(["--check", str(path)]) == 1
    assert "settings_doc" in capsys.readouterr().out
    assert settings_doc.main([str(path)]) == 0
    assert settings_doc.main(["--check", str(path)]) == 0
    text = path.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    path.write_text("no marks\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no lines"):
        settings_doc.main([str(path)])


def test_w8_an_unknown_field_is_told_with_the_nearest_one():
    text = json.dumps({"acounts": [], "xyzzy": 1, "accounts": [{"sip_sever": "a"}]})
    faults = load(text)[1]
    assert settings_doc.with_hints(faults, text.encode()) == settings_doc.with_hints(faults, text)
    told = settings_doc.with_hints(faults, "\ufeff" + text)
    assert "accounts[0].sip_sever: unknown field; sip_server is one" in told
    assert "acounts: unknown field; accounts is one" in told
    assert "xyzzy: unknown field" in told
    assert "accounts[0].sip_server: must be set" in told
    told = settings_doc.with_hints(faults)  # without the file there is only the number
    assert "accounts[0]: field 1 is unknown" in told and "settings: field 2 is unknown" in told
    for other in ("", "{", "[]", "{}", '{"accounts": 5, "a": 1}', b"\xff", "[" * 200000, "5"):
        assert "accounts[0]: field 1 is unknown" in settings_doc.with_hints(faults, other)


def test_w8_an_unknown_name_that_may_be_a_value_is_not_shown():
    for text in (
        '{"TopSecret": "authenticate_password"}',  # in each other's place
        '{"authenticate_password": "TopSecret", "TopSecret": ""}',
        '{"networks": [{"ssid": "a", "password": "TopSecret"}], "TopSecret": 1}',
        '{"accounts": [{"account_active": "No", "name": ["TopSecret"], "TopSecret": {}}]}',
    ):
        told = "\n".join(settings_doc.with_hints(load(text)[1], text))
        assert " is unknown" in told and "TopSecret" not in told, told
    text = '{"a\\u001b[2J%s": "geheim-77"}' % ("x" * 99)
    (told,) = settings_doc.with_hints(load(text)[1], text)
    assert told == "a\\x1b[2J" + "x" * 35 + ": unknown field"


def test_w8_what_is_allowed_is_told_in_words():
    account = {
        "dns_mode": "srv",
        "sip_server": "sip:a",
        "sip_user_id": "a b",
        "reregister_before_expiration_s": -1,
        "failover_codes": [404],
        "secondary_sip_server": 5,
    }
    told = "\n".join(settings_doc.with_hints(load(json.dumps({"accounts": [account]}))[1]))
    for words in (
        ".dns_mode: is not one of A Record, SRV, NAPTR/SRV, Use Configured IP\n",
        ".sip_server: is not a host name or IPv4 address, alone or with :port (no sip:",
        ".reregister_before_expiration_s: is not a whole number in 0..64800 or auto\n",
        ".failover_codes[0]: is not a whole number in 300..400, 402, 405..406, 408..422, 424..699",
    ):
        assert words in told, (words, told)
    faults = load(json.dumps({"accounts": [{}] * 7}))[1]
    assert settings_doc.with_hints(faults) == [
        "accounts: is not a list of at most 6, each an object {...}"
    ]
    assert settings_doc.with_hints(load("[]")[1]) == ["settings: not JSON {...}, max 16384 bytes"]


def test_w8_every_kind_of_text_has_its_words():
    for thing in (Settings, Network, Account):
        for allowed in thing.fields.values():
            if "<" in allowed[:2] or "{" in allowed[:2]:
                kind = allowed[1:-3] if allowed[0] == "[" else allowed
                assert kind in settings_doc.KINDS, kind
    for path, _, said in (f.partition(": ") for f in load('{"accounts": [{}]}')[1]):
        assert path and said in settings_doc.FAULTS
