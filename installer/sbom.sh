#!/bin/bash
# Writes a list of all modules in a program, in the CycloneDX format. It reads the
# program itself, so the list is of what was linked and not of what might be.
#
#   sbom.sh CYCLONEDX-GOMOD VERSION FOLDER PROGRAM...
set -euo pipefail

tool=$1 version=$2 folder=$3
shift 3
mkdir -p "$folder"
for program in "$@"; do
  # Without a serial number and a time two builds give the same list.
  "$tool" bin -json -std -noserial -notimestamp -version "v$version" \
    -output "$folder/$(basename "$program" .exe).cdx.json" "$program" 2>"$folder/.log" ||
    { cat "$folder/.log" >&2; exit 1; }
done
rm -f "$folder/.log"
