"""The numbers of DNS by name, for tests: in the firmware they are constants that compile away."""

T_A = 1
T_NS = 2
T_CNAME = 5
T_SOA = 6
T_PTR = 12
T_TXT = 16
T_AAAA = 28
T_SRV = 33
T_NAPTR = 35
T_OPT = 41

IN = 1
CS = 2
CH = 3
HS = 4

# Flags of a message
RESPONSE = 0x8000  # QR
AA = 0x400
TC = 0x200
RD = 0x100
RA = 0x80

# What wire.check says, see there; the last two are of answer.read
OK = 0
E_SHORT = -1
E_COUNT = -2
E_LABEL = -3
E_POINTER = -4
E_NAME = -5
E_RDATA = -6
E_OPT = -7
E_TRAILING = -8
E_WORK = -9
E_RESPONSE = -10
E_QUESTION = -11

# The status of an Answer, see there
FOUND = 0
SERVFAIL = 2
NXDOMAIN = 3
NODATA = 16
TRUNCATED = 17
ALIAS = 18
