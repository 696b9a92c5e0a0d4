#!/bin/bash
# Makes what the Linux packages hold besides programs and units: manual pages,
# the list of changes, licences and lists of modules.
#
#   share.sh CYCLONEDX-GOMOD VERSION DATE FOLDER PROGRAM...
#
# DATE is the commit's, as in RFC 3339. Nothing here depends on the time of day,
# so two builds give the same files.
set -euo pipefail

tool=$1 version=$2 date=$3 folder=$4
shift 4
rm -rf "$folder"
mkdir -p "$folder/man"
for page in installer/manual/*.[18]; do
  gzip -9n <"$page" >"$folder/man/${page##*/}.gz"
done
# Both package managers order a version such as 1.0~rc1 before 1.0.
cat <<END | gzip -9n >"$folder/changelog.gz"
cardea (${version/-/\~}) unstable; urgency=medium

  * See CHANGELOG.md.gz in this folder.

 -- The Cardea authors <maintainers@cardea.invalid>  $(date -u -R -d "$date")
END
gzip -9n <CHANGELOG.md >"$folder/CHANGELOG.md.gz"
installer/notices.sh "$@" | gzip -9n >"$folder/third-party.txt.gz"
installer/sbom.sh "$tool" "$version" "$folder/sbom" "$@"
