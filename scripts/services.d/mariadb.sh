# MariaDB for tests: a server of its own, in UTC, whose account `reconcile` needs no password on the
# loopback interface. Durability is off: a test database that dies with its machine is no loss.
# shellcheck shell=bash disable=SC2034,SC2154

mariadb_variable=RECONCILE_TEST_MARIADB
# It pays no heed to INT.
mariadb_signal=TERM

# Debian keeps the server out of an ordinary user's PATH.
mariadb_program() { # NAME
    PATH=$PATH:/usr/sbin:/sbin command -v "$1"
}

mariadb_missing() {
    { mariadb_program mariadbd && mariadb_program mariadb-install-db; } >/dev/null || echo apt:mariadb-server
}

mariadb_start() { # DIR
    local dir=$1 port try server
    server=$(mariadb_program mariadbd)
    (cd "$dir" && as_service_user "$(mariadb_program mariadb-install-db)" --no-defaults --datadir="$dir/data" \
        --auth-root-authentication-method=normal --skip-test-db) >>"$dir/log" 2>&1 || return 1
    cat >"$dir/init.sql" <<'SQL'
CREATE USER IF NOT EXISTS reconcile@'127.0.0.1';
GRANT ALL ON *.* TO reconcile@'127.0.0.1' WITH GRANT OPTION;
SQL
    # `sysdate()` heeds a session's own time, so that a test can have a clock that is wrong.
    # What is asked of the information schema goes through temporary tables in files.
    # Without a strict mode, as some servers still run: the sessions under test must insist on theirs.
    for try in 1 2 3 4 5; do
        port=$(free_port)
        spawn "$dir" "$server" --no-defaults --datadir="$dir/data" --socket="$dir/socket" --pid-file="$dir/pid" \
            --tmpdir="$dir" \
            --bind-address=127.0.0.1 --port="$port" --skip-name-resolve --init-file="$dir/init.sql" \
            --default-time-zone=+00:00 --character-set-server=utf8mb4 --max-connections=200 \
            --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --innodb-flush-method=nosync \
            --innodb-buffer-pool-size=128M --innodb-log-file-size=64M --sync-binlog=0 --skip-log-bin \
            --local-infile=0 --sysdate-is-now --sql-mode=
        # Written when the server answers, by itself; asking the port could reach somebody else's.
        if wait_until 60 test -s "$dir/pid" && wait_until 30 grep -q 'ready for connections' "$dir/log"; then
            address=mysql://reconcile@127.0.0.1:$port/mysql
            return 0
        fi
    done
    return 1
}
