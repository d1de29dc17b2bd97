#!/bin/sh
# Creates the namespace where it is missing. The server takes calls a little before it can create one, so it is asked
# again for a while; nothing announces the moment.
set -eu

tries=60
until temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ]
    sleep 1
done
