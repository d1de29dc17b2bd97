#!/bin/sh
# Brings Temporal's own two databases to the schema of this server version, which the tool holds. Safe to repeat.
set -eu

SQL_PASSWORD="$(cat "$SECRETS/temporal_password")"
export SQL_PASSWORD

migrate() {
    temporal-sql-tool --database "$1" setup-schema --version 0.0
    temporal-sql-tool --database "$1" update-schema --schema-name "postgresql/v12/$2"
}

migrate temporal temporal
migrate temporal_visibility visibility
