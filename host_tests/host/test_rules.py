"""firmware/RULES.md and all that speaks of it agree: no number is cited that the list does not
have, and every rule of the list has a test of its own name.
"""

import re

from mutants import ROOT, rules

RULES = rules()
# G14 or W3 as a word of its own, in a comment or a string, and g14 in the name of a test.
CITED = re.compile(r"\b[GW]\d{1,2}a?\b")
NAMED = re.compile(r"\bdef test_([gw]\d+a?)(?=[_(])")


def sources(*folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")


def named():
    """The rules that tests are named after, as the list writes them."""
    texts = [text for _, text in sources("host_tests")]
    return {rule[0].upper() + rule[1:] for text in texts for rule in NAMED.findall(text)}


def following(rule):
    """What may come after a rule: the next number, or the same one with the next letter."""
    kind, number, letter = re.fullmatch(r"([GW])(\d+)([a-z]?)", rule).groups()
    return "%s%d" % (kind, int(number) + 1), kind + number + chr(ord(letter or "`") + 1)


def test_the_list_is_whole():
    """Every row is a rule, G before W; none is there twice, left out, or out of its order."""
    text = (ROOT / "firmware/RULES.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]*?) *\|", text, re.M)
    assert [row for row in rows if row != "no."] == RULES
    assert RULES[0] == "G1" and "W1" in RULES
    for rule, after in zip(RULES, RULES[1:]):
        assert after in ("W1", *following(rule)), "%s after %s" % (after, rule)
    assert len(set(RULES)) == len(RULES)


def test_every_rule_that_is_cited_is_in_the_list():
    strange = [
        "%s: %s" % (path, rule)
        for path, text in sources("firmware", "tools", "host_tests", "boards")
        for rule in CITED.findall(text)
        if rule not in RULES
    ]
    assert strange == []
    assert named() - set(RULES) == set()


def test_every_rule_has_a_test():
    untested = " ".join(rule for rule in RULES if rule not in named())
    assert untested == ""
