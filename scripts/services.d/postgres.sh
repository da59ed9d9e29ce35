# PostgreSQL for tests: a server of its own, in UTC, whose superuser `reconcile` needs no password on
# the loopback interface. Durability is off: a test database that dies with its machine is no loss.
# shellcheck shell=bash disable=SC2034,SC2154

postgres_variable=RECONCILE_TEST_POSTGRES

# The newest server on the machine. Debian keeps its programs out of PATH.
postgres_programs() {
    local initdb
    initdb=$(find /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -n 1)
    [[ -n $initdb ]] || initdb=$(readlink -f "$(command -v initdb)" 2>/dev/null) || return 1
    [[ -n $initdb ]] && dirname "$initdb"
}

postgres_missing() {
    postgres_programs >/dev/null || echo apt:postgresql
}

postgres_start() { # DIR
    local dir=$1 bin port try
    bin=$(postgres_programs)
    (cd "$dir" && as_service_user "$bin/initdb" --pgdata "$dir/data" --username reconcile --auth trust \
        --encoding UTF8 --locale C.UTF-8 --no-sync --no-instructions) >>"$dir/log" 2>&1 || return 1
    cat >>"$dir/data/postgresql.conf" <<'CONF'
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
max_locks_per_transaction = 256
shared_buffers = '128MB'
fsync = off
synchronous_commit = off
full_page_writes = off
max_wal_size = '256MB'
timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'ISO, MDY'
CONF
    for try in 1 2 3 4 5; do
        port=$(free_port)
        spawn "$dir" "$bin/postgres" -D "$dir/data" -p "$port"
        # Its own word for being ready; asking the port could reach somebody else's server.
        if wait_until 30 grep -q '^ready' "$dir/data/postmaster.pid"; then
            address=postgres://reconcile@127.0.0.1:$port/postgres
            return 0
        fi
    done
    return 1
}
