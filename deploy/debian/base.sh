#!/bin/sh
# Makes the image `doorbuster-debian-base` with debootstrap: a small Debian that holds the stores.
# Runs as root and asks a Debian mirror alone. For tests where no image can be pulled.
#
#   DEBIAN_SUITE   `sid`, the only one that has MySQL; any other, such as `trixie`, brings MariaDB
#   DEBIAN_MIRROR  http://deb.debian.org/debian
set -eu

suite=${DEBIAN_SUITE:-sid}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
case $suite in
    sid | unstable) database=mysql-server-core,mysql-client ;;
    *) database=mariadb-server-core,mariadb-client ;;
esac

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM

debootstrap --force-check-gpg --variant=minbase \
    --include="redis-server,nats-server,$database" "$suite" "$folder/root" "$mirror" >&2
tar --directory "$folder/root" --create --file - \
    --exclude './var/cache/apt/*' --exclude './var/lib/apt/lists/*' --exclude './var/lib/mysql/*' \
    --exclude './usr/share/doc/*' --exclude './usr/share/man/*' --exclude './usr/share/locale/*' . \
    | docker import - doorbuster-debian-base
