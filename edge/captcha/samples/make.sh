#!/bin/sh
# Speaks the ten digits with two voices: 8 kHz, mono, 8 bits, silence cut off, as loud as can be.
# Needs espeak-ng and sox. See README.md.
set -eu
cd "$(dirname "$0")"

for digit in 0:zero 1:one 2:two 3:three 4:four 5:five 6:six 7:seven 8:eight 9:nine; do
    for voice in a:en-us+f2 b:en-gb+m3; do
        name="${voice%%:*}${digit%%:*}"
        espeak-ng -v "${voice#*:}" -s 140 -g 0 -w "$name.raw.wav" "${digit#*:}"
        sox -R "$name.raw.wav" -c 1 -r 8000 -b 8 "$name.wav" highpass 120 \
            silence 1 0.005 0.5% reverse silence 1 0.005 0.5% fade t 0.01 reverse fade t 0.005 norm -1
        rm "$name.raw.wav"
    done
done
