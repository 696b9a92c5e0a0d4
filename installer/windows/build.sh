#!/bin/bash
# Builds the MSI from the programs of a folder, beside which are their licences and
# lists of modules. It is run at the repository's root.
#
#   installer/windows/build.sh VERSION PROGRAMS OUTPUT
#
# wixl writes most of it. It knows neither recovery actions nor access lists nor
# conditions of components, and puts some actions where they must not be; the
# statements below add and mend that.
set -euo pipefail

version=$1 output=$3
programs=$(realpath --relative-to=. "$2") # wixl takes no absolute path
# Windows Installer compares three numbers and knows no pre-releases.
numbers=${version%%[-+~]*}
[[ $numbers =~ ^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,5}$ ]] || {
  echo "build.sh: $version does not begin with three numbers that Windows Installer can compare" >&2
  exit 1
}

mkdir -p "$(dirname "$output")"
database=$(mktemp -p "$(dirname "$output")" .msi.XXXXXX)
trap 'rm -f "$database"' EXIT
wixl --arch x64 -D Version="$numbers" -D Programs="$programs" -I installer/windows -o "$database" installer/windows/Cardea.wxs

queries=()
sql() { queries+=("-q" "$1"); }

# What an upgrade takes away it brings back when it fails: the old version goes
# within the transaction.
sql "UPDATE \`InstallExecuteSequence\` SET \`Sequence\`=1501 WHERE \`Action\`='RemoveExistingProducts'"

# An administrator may have an ordinary user start the installation.
secure=WIX_DOWNGRADE_DETECTED\;WIX_UPGRADE_DETECTED
while read -r property; do
  secure+=";$property;${property}_KEPT"
  # 16: in the registry's part for 64-bit programs.
  sql "UPDATE \`RegLocator\` SET \`Type\`=18 WHERE \`Signature_\`='Search_$property'"
done < <(sed -n 's/.*<Property Id="\(.*\)_KEPT".*/\1/p' installer/windows/settings.wxi)
sql "UPDATE \`Property\` SET \`Value\`='$secure' WHERE \`Property\`='SecureCustomProperties'"

# 513: this very version is an older one too. Builds between two releases have
# the numbers of the next one.
upgrade_code=$(sed -n 's/.*UpgradeCode="\([^"]*\)".*/\1/p' installer/windows/Cardea.wxs)
sql "DELETE FROM \`Upgrade\` WHERE \`ActionProperty\`='WIX_UPGRADE_DETECTED'"
sql "INSERT INTO \`Upgrade\` (\`UpgradeCode\`, \`VersionMax\`, \`Attributes\`, \`ActionProperty\`) VALUES ('$upgrade_code', '$numbers', 513, 'WIX_UPGRADE_DETECTED')"

# A service that ends by itself is started again, after 1, 5 and 30 seconds; a
# day without an end begins anew. 1 and 2: at installation and again at a repair.
sql "CREATE TABLE \`MsiServiceConfigFailureActions\` (\`MsiServiceConfigFailureActions\` CHAR(72) NOT NULL, \`Name\` CHAR(255) NOT NULL, \`Event\` SHORT NOT NULL, \`ResetPeriod\` LONG, \`RebootMessage\` CHAR(255), \`Command\` CHAR(255), \`Actions\` CHAR(255), \`DelayActions\` CHAR(255), \`Component_\` CHAR(72) NOT NULL PRIMARY KEY \`MsiServiceConfigFailureActions\`)"
for service in Broker Supervisor; do
  sql "INSERT INTO \`MsiServiceConfigFailureActions\` (\`MsiServiceConfigFailureActions\`, \`Name\`, \`Event\`, \`ResetPeriod\`, \`Actions\`, \`DelayActions\`, \`Component_\`) VALUES ('Cardea$service', 'Cardea$service', 3, 86400, '1[~]1[~]1', '1000[~]5000[~]30000', '$service')"
done
sql "INSERT INTO \`InstallExecuteSequence\` (\`Action\`, \`Condition\`, \`Sequence\`) VALUES ('MsiConfigureServices', 'VersionMsi >= \"5.00\"', 5850)"

# Below ProgramData all users may make files. What is in these folders decides
# for everybody, so they are the administrators' alone: full access for the
# system and the Administrators, reading for all who are signed in.
sql "CREATE TABLE \`MsiLockPermissionsEx\` (\`MsiLockPermissionsEx\` CHAR(72) NOT NULL, \`LockObject\` CHAR(72) NOT NULL, \`Table\` CHAR(32) NOT NULL, \`SDDLText\` CHAR(0) NOT NULL, \`Condition\` CHAR(255) PRIMARY KEY \`MsiLockPermissionsEx\`)"
for folder in DATA POLICYFOLDER; do
  sql "INSERT INTO \`MsiLockPermissionsEx\` (\`MsiLockPermissionsEx\`, \`LockObject\`, \`Table\`, \`SDDLText\`) VALUES ('$folder', '$folder', 'CreateFolder', 'O:BAG:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;AU)')"
done

msibuild "$database" "${queries[@]}"
mv "$database" "$output"
