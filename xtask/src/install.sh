# Installs the packages named as arguments and starts none of their services. Runs as root.
set -eu
export DEBIAN_FRONTEND=noninteractive

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
fi

install() {
    apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"
}

# The lists of a fresh machine are empty, those of an old one name files that are gone.
if ! apt-cache show "$@" > /dev/null 2>&1 || ! install "$@"; then
    apt-get update -o DPkg::Lock::Timeout=120
    install "$@"
fi
