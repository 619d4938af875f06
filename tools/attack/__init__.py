"""A hostile network around the whole phone, in virtual time, on every interpreter.

draws      every random choice, from a seed
reader     what the phone sends, read by nothing of the phone's
dns_kinds  wrong answers to its DNS questions; `right` is the honest one
sip_kinds  wrong answers to its SIP requests, and requests to it; and the honest ones
world      the two around a phone: storms, and calm in which servers behave
watch      what must never happen, and figures
campaign   rounds of a storm and a calm

tools/hostile_core.py runs a campaign on one interpreter, tools/hostile.py (`make hostile`) on all.
"""
