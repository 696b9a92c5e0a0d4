#!/bin/bash
# Removes Cardea from this Mac, and with --purge its policy and logs as well. What
# people have of it in their own folders stays.
#
#   sudo "/Library/Application Support/Cardea/uninstall.sh" [--purge]
set -euo pipefail

case "${1:-}" in
  "" | --purge) ;;
  *)
    echo "uninstall.sh: there is only --purge, and not $1" >&2
    exit 2
    ;;
esac
if [ "$(id -u)" != 0 ]; then
  echo "uninstall.sh: only root can remove Cardea: put sudo before it" >&2
  exit 1
fi

for uid in $(ps -axo uid=,comm= | awk '$1 > 0 && /\/loginwindow$/ { print $1 }' | sort -un); do
  for part in tray agent; do
    launchctl bootout "gui/$uid/io.github.cardea-agent.$part" 2>/dev/null || true
  done
done
launchctl bootout system/io.github.cardea-agent.broker 2>/dev/null || true

rm -rf /Applications/Cardea.app /var/run/cardea
rm -f /Library/LaunchDaemons/io.github.cardea-agent.broker.plist \
  /Library/LaunchAgents/io.github.cardea-agent.agent.plist \
  /Library/LaunchAgents/io.github.cardea-agent.tray.plist \
  /Library/PrivilegedHelperTools/cardea-broker /etc/paths.d/cardea
support="/Library/Application Support/Cardea"
rm -rf "$support/doc"
rm -f "$support/uninstall.sh"
if [ "${1:-}" = --purge ]; then
  rm -rf "$support" /Library/Logs/Cardea
fi
pkgutil --forget io.github.cardea-agent.pkg >/dev/null 2>&1 || true
echo "Cardea was removed. A configuration profile is taken back where it came from."
