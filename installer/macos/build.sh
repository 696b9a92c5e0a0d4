#!/bin/bash
# Builds the package for macOS. It needs a Mac with Xcode's command line tools, and
# Go.
#
#   build.sh CYCLONEDX-GOMOD VERSION FOLDER
#
# FOLDER gets cardea-VERSION.pkg. LDFLAGS and GOFLAGS are the Makefile's. What is
# signed, and with what, is in the environment:
#
#   CARDEA_SIGN_APP       name of a "Developer ID Application" identity; without
#                         it programs get a signature that names nobody
#   CARDEA_SIGN_PKG       name of a "Developer ID Installer" identity; without it
#                         the package is not signed
#   CARDEA_NOTARY_PROFILE what "notarytool store-credentials" stored; without it
#                         Apple is not asked, and other Macs will not open it
set -euo pipefail

if [ "$(uname -s)" != Darwin ]; then
  echo "make pkg: the package for macOS is built on a Mac: its programs need Apple's SDK, and pkgbuild and codesign are Apple's. See docs/develop.md" >&2
  exit 1
fi
tool=$1 version=$2 folder=$3
here=installer/macos work=$folder/macos
# Apple wants three numbers.
number=$(sed -E 's/^([0-9]+(\.[0-9]+){0,2}).*/\1/' <<<"$version")
root=$work/root app=$work/root/Applications/Cardea.app
support="$root/Library/Application Support/Cardea"

# fill writes the version into a file.
fill() { sed -e "s/@VERSION@/$version/g" -e "s/@NUMBER@/$number/g" "$1" >"$2"; }

rm -rf "$work"
mkdir -p "$work/scripts" "$work/resources" "$app/Contents/MacOS" "$app/Contents/Resources" \
  "$support/doc" "$root/etc/paths.d" "$root/Library/LaunchAgents" \
  "$root/Library/LaunchDaemons" "$root/Library/PrivilegedHelperTools"

# build makes one program for both kinds of processor.
build() {
  local program=$1 package=$2 cgo=$3 arch
  for arch in amd64 arm64; do
    CGO_ENABLED=$cgo GOOS=darwin GOARCH=$arch MACOSX_DEPLOYMENT_TARGET=12.0 \
      go build -ldflags "${LDFLAGS:-}" -o "$work/$program.$arch" "$package"
  done
  lipo -create -output "$work/$program" "$work/$program.amd64" "$work/$program.arm64"
}
build cardea-agent ./agent 1
build cardea-tray ./ui 1
build cardea-broker ./agent/broker 0

install -m 755 "$work/cardea-agent" "$work/cardea-tray" "$app/Contents/MacOS/"
install -m 755 "$work/cardea-broker" "$root/Library/PrivilegedHelperTools/"
fill $here/Info.plist "$app/Contents/Info.plist"
mkdir -p "$work/Cardea.iconset"
for size in 16 32 128 256; do
  sips -z $size $size ui/tray/icons/app.png --out "$work/Cardea.iconset/icon_${size}x$size.png" >/dev/null
done
iconutil -c icns -o "$app/Contents/Resources/Cardea.icns" "$work/Cardea.iconset"

install -m 644 $here/io.github.cardea-agent.broker.plist "$root/Library/LaunchDaemons/"
install -m 644 $here/io.github.cardea-agent.agent.plist $here/io.github.cardea-agent.tray.plist "$root/Library/LaunchAgents/"
echo /Applications/Cardea.app/Contents/MacOS >"$root/etc/paths.d/cardea"
install -m 755 $here/uninstall.sh "$support/"
install -m 644 docs/user.md docs/admin.md docs/errors.md docs/checks.md CHANGELOG.md LICENSE \
  installer/linux/policy.sample.toml $here/cardea.mobileconfig "$support/doc/"
installer/notices.sh "$work"/cardea-{agent,broker,tray}.arm64 >"$support/doc/third-party.txt"
for program in cardea-agent cardea-broker cardea-tray; do
  mkdir -p "$work/one" && cp "$work/$program.arm64" "$work/one/$program"
  installer/sbom.sh "$tool" "$version" "$support/doc/sbom" "$work/one/$program"
done

# What is inside is signed before what holds it. The broker and the tray get no
# entitlement: neither reaches a card.
sign() { codesign --force --options runtime ${CARDEA_SIGN_APP:+--timestamp} --sign "${CARDEA_SIGN_APP:--}" "$@"; }
sign --identifier io.github.cardea-agent.broker "$root/Library/PrivilegedHelperTools/cardea-broker"
sign --identifier io.github.cardea-agent.agent --entitlements $here/agent.entitlements "$app/Contents/MacOS/cardea-agent"
sign --identifier io.github.cardea-agent "$app"
codesign --verify --deep --strict "$app"

cp LICENSE "$work/resources/"
for script in preinstall postinstall; do
  fill "$here/scripts/$script" "$work/scripts/$script"
  chmod 755 "$work/scripts/$script"
done
fill $here/distribution.xml "$work/distribution.xml"
pkgbuild --root "$root" --component-plist $here/components.plist --identifier io.github.cardea-agent.pkg \
  --version "$version" --install-location / --ownership recommended --scripts "$work/scripts" "$work/cardea.pkg"
package=$folder/cardea-$version.pkg
productbuild --distribution "$work/distribution.xml" --resources "$work/resources" --package-path "$work" \
  ${CARDEA_SIGN_PKG:+--sign "$CARDEA_SIGN_PKG" --timestamp} "$package"
if [ -z "${CARDEA_SIGN_PKG:-}" ]; then
  echo "$package is not signed: Macs refuse it unless an administrator insists" >&2
elif [ -n "${CARDEA_NOTARY_PROFILE:-}" ]; then
  xcrun notarytool submit "$package" --keychain-profile "$CARDEA_NOTARY_PROFILE" --wait
  xcrun stapler staple "$package"
fi
rm -rf "$work"
