#!/bin/bash
# Be the desktop of a session: fill the screen with the host's colour, then say that it is up.
set -euo pipefail

xsetroot -solid "$(cat /mnt/colour)"
printf '%s %s %s\n' "$(hostname)" "$(id -un)" "$(date --utc +%FT%TZ)" >"/mnt/desktops/$(id -un)"
exec xclock -geometry 160x160+20+20
