#!/bin/sh
# Starts the server with its password from a file: the server itself reads it from its environment only.
set -eu

POSTGRES_PWD="$(cat /run/secrets/temporal_password)"
export POSTGRES_PWD

exec /etc/temporal/entrypoint.sh
