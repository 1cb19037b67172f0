#!/bin/bash
# Stops what up.sh started, by its own pid files. usage: down.sh FOLDER
for file in "$1"/slurmd.pid "$1"/slurmctld.pid "$1"/munge/munged.pid; do
    [ ! -f "$file" ] || kill "$(cat "$file")" || true
done
