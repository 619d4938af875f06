"""Numbers of DNS that the firmware has no public name for: its own constants compile away."""

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
