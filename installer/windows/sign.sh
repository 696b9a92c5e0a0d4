#!/bin/bash
# Signs programs and packages for Windows, each into a folder.
#
#   installer/windows/sign.sh FOLDER FILE...
#
#   SIGN_PFX              the certificate and its key, as PKCS#12
#   SIGN_PASSWORD_FILE    the file with its password
#   SIGN_TIMESTAMP_URL    a time stamping service (RFC 3161); none without it
#
# Without SIGN_PFX a test certificate is made that nobody trusts, in
# build/signing.
set -euo pipefail

folder=$1
shift
mkdir -p "$folder"

if [ -n "${SIGN_PFX:-}" ]; then
  key=(-pkcs12 "$SIGN_PFX")
  [ -z "${SIGN_PASSWORD_FILE:-}" ] || key+=(-readpass "$SIGN_PASSWORD_FILE")
else
  test=build/signing
  if ! openssl x509 -in "$test/test.pem" -noout -checkend 86400 >/dev/null 2>&1; then
    mkdir -p "$test"
    (umask 077 && openssl req -x509 -newkey rsa:3072 -noenc -days 30 -subj "/CN=Cardea test, trusted by nobody" \
      -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature \
      -addext extendedKeyUsage=codeSigning -keyout "$test/test.key" -out "$test/test.pem" 2>/dev/null)
  fi
  key=(-certs "$test/test.pem" -key "$test/test.key")
fi
stamp=()
[ -z "${SIGN_TIMESTAMP_URL:-}" ] || stamp=(-ts "$SIGN_TIMESTAMP_URL")

for file in "$@"; do
  signed=$folder/$(basename "$file")
  rm -f "$signed"
  osslsigncode sign "${key[@]}" -h sha256 "${stamp[@]}" -n Cardea -i https://github.com/cardea-agent/cardea \
    -in "$file" -out "$signed" >/dev/null
done
