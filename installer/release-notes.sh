#!/bin/bash
# Prints what CHANGELOG.md says about a version. Fails where it says nothing: what
# was not written down is not released.
#
#   release-notes.sh VERSION
set -euo pipefail

version=$1
notes=$(awk -v heading="## [$version]" '
  index($0, heading) == 1 { found = 1; next }
  found && /^(## |\[)/ { exit }
  found { print }
' CHANGELOG.md | sed -e '/./,$!d')
[ -n "$notes" ] || { echo "release-notes: CHANGELOG.md has no chapter [$version]" >&2; exit 1; }
echo "$notes"
