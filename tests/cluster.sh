#!/bin/sh
# A private PostgreSQL + PostGIS that tests may stop, kill, and copy; unlike that of postgres.sh it writes to the disk what
# it promises to have written.
#
#     tests/cluster.sh make FOLDER PORT            a cluster with the role and database atlas, PostGIS in it; it runs
#     tests/cluster.sh replica FOLDER PORT OF DELAY   one that follows the cluster in the folder OF, DELAY behind; it runs
#     tests/cluster.sh start FOLDER                starts it again
#     tests/cluster.sh stop FOLDER                 stops it at once, as a restart of the machine would
#     tests/cluster.sh kill FOLDER                 kill -9 of all its processes
#     tests/cluster.sh tls FOLDER                  encrypts from now on, with a certificate of its own: FOLDER/server.crt
#     tests/cluster.sh remove FOLDER               stops it and removes the folder
#
# The folder must be on the list of nothing else: it is made and removed here. It listens on the loopback interface only.
set -eu

action=$1
dir=$2
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
if [ -z "$bin" ] || [ ! -x "$bin/initdb" ]; then
    echo "cluster.sh: PostgreSQL is not installed (Debian: postgresql postgresql-15-postgis-3)" >&2
    exit 1
fi

# PostgreSQL refuses to run as root.
if [ "$(id -u)" = 0 ]; then
    as_server() { runuser -u postgres -- "$@"; }
else
    as_server() { "$@"; }
fi

folder() {
    mkdir "$dir"
    if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; fi
    cd "$dir"
}

start() {
    cd "$dir"
    as_server "$bin/pg_ctl" -D "$dir/data" -w -t 60 -l "$dir/server.log" start >/dev/null || {
        tail -n 20 "$dir/server.log" >&2
        exit 1
    }
}

settings() {
    as_server sh -c "cat >>'$dir/data/postgresql.auto.conf'" <<END
port = $1
listen_addresses = '127.0.0.1'
unix_socket_directories = '$dir'
fsync = on
full_page_writes = on
synchronous_commit = on
wal_level = replica
max_wal_senders = 4
max_connections = 100
hot_standby = on
END
}

# Kills the server and all that it has started.
slay() {
    pid=$(head -n 1 "$dir/data/postmaster.pid")
    children=$(ps -o pid= --ppid "$pid" || true)
    # shellcheck disable=SC2086
    kill -9 "$pid" $children 2>/dev/null || true
    while ps -p "$pid" >/dev/null; do sleep 0.05; done
}

case $action in
make)
    folder
    as_server "$bin/initdb" -D "$dir/data" -U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync \
        >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
    settings "$3"
    start
    admin() { as_server "$bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$dir" -p "$port" -U postgres "$@"; }
    port=$3
    admin -d postgres -c "CREATE ROLE atlas LOGIN CREATEROLE" -c "CREATE ROLE copier LOGIN REPLICATION" \
        -c "CREATE DATABASE atlas OWNER atlas"
    admin -d atlas -c "SET client_min_messages = warning" -c "CREATE EXTENSION postgis"
    ;;
replica)
    of=$(sed -n 's/^port = //p' "$4/data/postgresql.auto.conf" | tail -n 1)
    folder
    as_server "$bin/pg_basebackup" -D "$dir/data" -h 127.0.0.1 -p "$of" -U copier -X stream -c fast -R
    settings "$3"
    as_server sh -c "echo \"recovery_min_apply_delay = '$5'\" >>'$dir/data/postgresql.auto.conf'"
    start
    ;;
start) start ;;
stop) (cd "$dir" && as_server "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null) ;;
kill) slay ;;
tls)
    cd "$dir/data"
    as_server openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
        -addext basicConstraints=critical,CA:FALSE -keyout server.key -out server.crt 2>/dev/null
    as_server cp server.crt "$dir/server.crt"
    as_server sh -c "echo 'ssl = on' >>'$dir/data/postgresql.auto.conf'"
    as_server "$bin/pg_ctl" -D "$dir/data" reload >/dev/null
    ;;
remove)
    if [ -f "$dir/data/postmaster.pid" ]; then slay; fi
    rm -rf "$dir"
    ;;
*)
    echo "cluster.sh: '$action' is not understood" >&2
    exit 2
    ;;
esac
