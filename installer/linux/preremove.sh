#!/bin/sh
# Undoes what postinstall.sh did, when the package goes and not when it is
# replaced by another version.
set -e

case "$1" in
  remove | 0) ;;
  *) exit 0 ;;
esac

if command -v systemctl >/dev/null 2>&1; then
  systemctl --global disable cardea-agent.service
fi
