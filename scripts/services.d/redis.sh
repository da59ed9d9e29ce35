# Redis for tests: a server of its own, in memory alone, without a password on the loopback interface.
# Each test takes one of its numbered databases.
# shellcheck shell=bash disable=SC2034,SC2154

redis_variable=RECONCILE_TEST_REDIS
redis_signal=TERM

redis_missing() {
    command -v redis-server >/dev/null && command -v redis-cli >/dev/null || echo apt:redis-server
}

redis_start() { # DIR
    local dir=$1 port try
    for try in 1 2 3 4 5; do
        port=$(free_port)
        spawn "$dir" redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$dir" \
            --databases 1024 --daemonize no
        # Its own word for being ready; asking the port could reach somebody else's server.
        if wait_until 30 grep -q 'Ready to accept connections' "$dir/log"; then
            address=redis://127.0.0.1:$port
            return 0
        fi
    done
    return 1
}
