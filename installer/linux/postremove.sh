#!/bin/sh
# Leaves nothing of the package: no unit that systemd remembers, no socket, and
# after a purge no user and no policy. rpm has no purge; it keeps changed files
# of configuration by itself.
set -e

case "$1" in
  remove | purge | 0) ;;
  *) exit 0 ;;
esac

[ ! -d /run/systemd/system ] || systemctl daemon-reload
rm -rf /run/cardea
[ "$1" != remove ] || exit 0
if getent passwd cardea-broker >/dev/null; then
  userdel cardea-broker
fi
[ "$1" != purge ] || rm -rf /etc/cardea
