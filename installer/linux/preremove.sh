#!/bin/sh
# Undoes what postinstall.sh did, when the package goes and not when it is
# replaced by another version, and takes back what was written for browsers.
set -e

case "$1" in
  remove | 0) ;;
  *) exit 0 ;;
esac

/usr/bin/cardea-agent browser-policy --remove >/dev/null || true

if [ -d /run/systemd/system ]; then
  for session in /run/user/*; do
    [ -S "$session/systemd/private" ] || continue
    user=$(id -nu "${session##*/}") || continue
    runuser -u "$user" -- env XDG_RUNTIME_DIR="$session" systemctl --user stop cardea-agent.service || true
  done
  systemctl stop cardea-broker.socket cardea-broker.service
fi
if command -v systemctl >/dev/null 2>&1; then
  systemctl --global disable cardea-agent.service
  systemctl disable cardea-broker.socket cardea-broker.service
fi
