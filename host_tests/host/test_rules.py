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


def test_the_list_is_whole():
    numbers = {"13a", "16a", "22a", *map(str, range(1, 28))}
    assert set(RULES) == {"G" + n for n in numbers} | {"W%d" % n for n in range(1, 15)}
    assert len(RULES) == 44


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
