"""The portable half of tools/hostile.py: a campaign on one interpreter.

    ... hostile_core.py SEED FIRST ROUNDS [MESSAGES [KIND [FREE [show]]]]

Prints lines: `round NUMBER`, for each fault `fault JSON`, in the end `done JSON`. show: every
message of the last round. FREE: so many bytes are free when the first phone has registered; 0: it
does not matter.
"""

import json
import sys

from attack.campaign import MESSAGES, Campaign

EVERY = 5  # rounds between two lines of progress


def shown(t, kind, how, source, data):
    print("show", t, kind or "honest", how, "%s:%d" % source, data.hex())


def result(campaign):
    watch = campaign.watch
    return {
        "messages": campaign.messages,
        "rounds": campaign.rounds,
        "calms": campaign.calms,
        "faults": len(watch.faults),
        "exceptions": len([1 for what, _ in watch.faults if what.startswith("exception")]),
        "most": {name: list(watch.most[name]) for name in watch.most},
        "fullest": watch.fullest,
        "plain_us": watch.plain_us / max(watch.plain_calls, 1),
        "kinds": {name: watch.kinds[name] for name in watch.kinds if watch.kinds[name]},
        "base": campaign.base,
    }


def main(seed, first, rounds, messages=MESSAGES, kinds="", free=0, show=""):
    campaign = Campaign(int(seed), int(first), int(rounds), int(messages), kinds, int(free))
    if show:
        campaign.show = shown
        campaign.show_from = int(first) + int(rounds) - 1
    told = {}
    for number in campaign.steps():
        if number is not None and number % EVERY == 0:
            print("round", number)
        for key in campaign.watch.faults:
            if key not in told:
                told[key] = True
                fault = campaign.watch.faults[key]
                print("fault", json.dumps(fault))
                fault[2] = fault[4] = ""  # a few KB, which would count as held
        yield
    print("done", json.dumps(result(campaign)))


def turn():
    """Go on to the next place where garbage is collected; False at the end."""
    return next(run, run) is not run


run = main(*sys.argv[1:])
while sys.platform != "webassembly" and turn():
    pass
