#!/bin/sh
# Has the agent started in every user's session from now on. An upgrade leaves
# that as the administrator set it.
set -e

# dpkg: "configure" and, for an upgrade, the old version. rpm: how many
# versions are installed now.
case "$1" in
  configure) [ -z "$2" ] || exit 0 ;;
  1) ;;
  *) exit 0 ;;
esac

if command -v systemctl >/dev/null 2>&1; then
  systemctl --global enable cardea-agent.service
fi
if [ -d /run/systemd/system ]; then
  echo "Cardea starts at the next sign-in to this computer. To start it now:"
  echo "  systemctl --user daemon-reload && systemctl --user start cardea-agent"
else
  echo "This system runs no systemd. Have each user's session start:"
  echo "  cardea-agent run"
fi
