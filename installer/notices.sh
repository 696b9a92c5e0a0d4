#!/bin/bash
# Prints the licences of all modules that are in programs, as their authors ask
# for. Fails on a module that has none.
#
#   notices.sh PROGRAM...
set -euo pipefail

modules=$(for program in "$@"; do go version -m "$program"; done |
  awk '$1 == "dep" || $1 == "=>" { print $2 "@" $3 }' | sort -u)
[ -n "$modules" ] || { echo "notices: no module is in $*" >&2; exit 1; }

echo "Cardea contains these modules of other authors, each under its own licence."
paths=()
for module in $modules; do paths+=("${module%@*}"); done
folders=$(go list -m -f '{{.Path}} {{.Dir}}' "${paths[@]}")
for module in $modules; do
  folder=$(awk -v path="${module%@*}" '$1 == path { print $2 }' <<<"$folders")
  [ -n "$folder" ] || { echo "notices: $module is not on this computer" >&2; exit 1; }
  found=$(find "$folder" -maxdepth 1 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' \) | sort)
  [ -n "$found" ] || { echo "notices: $module has no licence" >&2; exit 1; }
  while read -r file; do
    printf '\n%s\n== %s, %s\n\n' "$(printf '=%.0s' {1..78})" "$module" "${file##*/}"
    cat "$file"
  done <<<"$found"
done

# The programs hold Go's own library too.
printf '\n%s\n== Go, LICENSE\n\n' "$(printf '=%.0s' {1..78})"
cat "$(go env GOROOT)/LICENSE"
