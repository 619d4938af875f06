#!/bin/sh
# Debian packages of the servers and tools that some tests run, for `make servers`.
#
#     sh tools/servers.sh
#
# Installs those that are missing; wants root or sudo. None of them starts: not now (a policy-rc.d
# that says 101 stands in /usr/sbin for the time of the install; an existing one comes back), and
# not when the machine starts. A service that was here before is left as it is.
set -eu
PATH="$PATH:/usr/sbin:/sbin"

# the command that tests run, its package, its service
LIST="
knotd     knot          knot
dnsmasq   dnsmasq-base  -
named     bind9         named
unbound   unbound       unbound
kamailio  kamailio      kamailio
sipp      sip-tester    -
tshark    tshark        -
"

missing='' packages='' services=''
while read -r command package service; do
    if [ -z "$command" ] || command -v "$command" >/dev/null; then continue; fi
    missing="$missing $command" packages="$packages $package"
    [ "$service" = - ] || services="$services $service"
done <<END
$LIST
END
[ -n "$missing" ] || { echo "all here:" $(echo "$LIST" | cut -d ' ' -f 1); exit 0; }
echo "not here:$missing"
[ "$(id -u)" = 0 ] || exec sudo sh "$0"

policy=/usr/sbin/policy-rc.d
restore() {
    rm -f "$policy"
    if [ -e "$policy.before" ]; then mv "$policy.before" "$policy"; fi
}
trap restore EXIT
trap 'exit 1' HUP INT TERM
if [ -e "$policy" ] && [ ! -e "$policy.before" ]; then mv "$policy" "$policy.before"; fi
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

set -x
apt-get update -q
# shellcheck disable=SC2086 # these are words
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $packages
for service in $services; do
    update-rc.d "$service" disable
done
