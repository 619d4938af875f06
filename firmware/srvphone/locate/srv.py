"""The order in which SRV records are tried (RFC 2782, rule G8).

    order(records, RFC2782, core.randbelow)    # -> a new list of the same tuples

A record is (priority, weight, port, target) with numbers from 0 to 65535. Time grows with the
square of the number of records; up to 16,000 the sums stay small integers of a 32-bit board.
The exact chances of every order are in `srvphone_host.chances`. The policies, by
their numbers in the settings:

    RFC2782         as the RFC says: draw from 0 to the sum, so small weights come off unequally
    PROPORTIONAL    weight / sum exactly
    HIGHEST_FIRST   what some phones do: no draw at all; equals in the order of the answer

RFC 2782 leaves open how records are arranged before a draw from 0 to the sum. Arranged at random
within the zero weights, which come first, and within the others, a draw of 0 takes the first: any
of the zeros, if there are any, else any record, each as likely. Another draw takes a record with
the chance weight / sum, however they are arranged. So nothing needs to be arranged here.
"""

from micropython import const

RFC2782 = const(0)
PROPORTIONAL = const(1)
HIGHEST_FIRST = const(2)


def order(records, policy, below):
    """The list `records` in trying order: ascending priority, inside one priority by `policy`.

    below(n): a uniform draw from 0 to n - 1; not called where there is no choice.
    """
    if policy == HIGHEST_FIRST:
        rows = []
        for one in records:  # MicroPython's sort is not stable: equals go by their place
            rows.append((one[0], -one[1], len(rows), one))
        records = []
        for row in sorted(rows):
            records.append(row[3])
        return records
    records = records.copy()
    records.sort()  # by priority, then weight: the zeros of a priority come first
    left = len(records)  # each is taken out once and put at the end
    end = 0  # records[:end] are what is left of one priority, `total` is the sum of their weights
    while left:
        if not end:
            total = 0
            while end < left and records[end][0] == records[0][0]:
                total += records[end][1]
                end += 1
        i = 0
        if end > 1:
            draw = below(total + 1) if policy != PROPORTIONAL else total and below(total) + 1
            i = end
            while draw > 0:  # the running sum from the greatest weight on, which is soon enough
                i -= 1
                draw -= records[i][1]
            if i == end:  # 0 was drawn: any of the zeros, if there are any, else any
                while records[i - 1][1] > records[0][1] == 0:
                    i -= 1
                i = below(i)
        end -= 1
        left -= 1
        taken = records.pop(i)
        total -= taken[1]
        records.append(taken)
    return records
