#!/bin/sh
# Starts Cardea at once: the broker for the machine, and the agent in every
# session that there is. An upgrade starts again what runs and changes nothing
# that an administrator set.
set -e

# dpkg: "configure" and, for an upgrade, the old version. rpm: how many
# versions are installed now.
case "$1" in
  configure) [ -z "$2" ] && first=yes || first= ;;
  1) first=yes ;;
  2) first= ;;
  *) exit 0 ;;
esac

if command -v systemd-sysusers >/dev/null 2>&1; then
  systemd-sysusers cardea.conf
elif ! getent passwd cardea-broker >/dev/null; then
  useradd --system --user-group --no-create-home --home-dir /nonexistent \
    --shell /usr/sbin/nologin --comment "Cardea broker" cardea-broker
fi

if command -v systemctl >/dev/null 2>&1 && [ -n "$first" ]; then
  systemctl --global enable cardea-agent.service
  systemctl enable cardea-broker.socket cardea-broker.service
fi
if [ ! -d /run/systemd/system ]; then
  echo "This system runs no systemd. Have it start, as the user cardea-broker:"
  echo "  cardea-broker --listen 127.0.0.1:24747 --socket /run/cardea/broker.sock"
  echo "with a folder /run/cardea of root's, and in each user's session:"
  echo "  cardea-agent run --broker /run/cardea/broker.sock"
  exit 0
fi

systemctl daemon-reload
if [ -n "$first" ]; then
  systemctl start cardea-broker.socket cardea-broker.service
else
  # Open connections are the agents' already, and the socket keeps the port.
  systemctl try-restart cardea-broker.service
fi
# Asked as the user and not through their bus, which not every system has.
for session in /run/user/*; do
  [ -S "$session/systemd/private" ] || continue
  user=$(id -nu "${session##*/}") || continue
  as_user="runuser -u $user -- env XDG_RUNTIME_DIR=$session systemctl --user"
  $as_user daemon-reload || continue
  if [ -n "$first" ]; then
    $as_user start cardea-agent.service || true
  else
    $as_user try-restart cardea-agent.service || true
  fi
done
