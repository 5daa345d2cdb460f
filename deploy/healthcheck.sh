#!/bin/bash
# healthcheck PORT PATH: succeeds if a GET of PATH on this machine is answered with 200.
# Bash opens the connection itself, so that the image needs no HTTP client.
set -eu
exec 3<> "/dev/tcp/127.0.0.1/$1"
printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "$2" >&3
read -r -t 3 _ status _ <&3
[ "$status" = 200 ]
