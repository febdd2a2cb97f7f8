#!/bin/sh
# The short form of ./dev reload: 8 s at a rate that a busy machine keeps up with.
exec "$(dirname "$0")/reload_load.sh" "$1" "$2" 8 30000
