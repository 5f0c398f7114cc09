#!/usr/bin/env bash
# Runs a program for make, so that Ctrl-C reaches it and a clean drain (exit 130) is no error of
# make's: make itself stays silent when it is interrupted and its recipe ended well.
exec 3<&0
trap : INT
trap 'kill -TERM "$program"' TERM
(trap - INT && exec "$@" <&3) &
program=$!
while :; do  # wait also returns when a signal came; the program may still be draining
  wait "$program"
  status=$?
  kill -0 "$program" 2>/dev/null || break
done
[ "$status" -eq 130 ] || exit "$status"
