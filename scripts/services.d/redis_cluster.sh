# A cluster of Redis for tests: three primaries with a replica each, in memory alone, without a password
# on the loopback interface. One process holds the six, and they end with it.
# shellcheck shell=bash disable=SC2034,SC2154

redis_cluster_variable=RECONCILE_TEST_REDIS_CLUSTER
redis_cluster_signal=TERM

redis_cluster_missing() { redis_missing; }

redis_cluster_start() { # DIR
    local dir=$1 port try ports
    for try in 1 2 3 4 5; do
        ports=()
        while ((${#ports[@]} < 6)); do
            port=$(free_port)
            [[ " ${ports[*]-} " == *" $port "* ]] || ports+=("$port")
        done
        spawn "$dir" bash -c '
            trap "kill -KILL \$(jobs -p); exit" TERM
            for port in "$@"; do
                mkdir -p "$port"
                setpriv --pdeathsig KILL redis-server --port "$port" --bind 127.0.0.1 --dir "$PWD/$port" \
                    --cluster-enabled yes --cluster-node-timeout 5000 --save "" --appendonly no &
            done
            # One that can not have its port takes the others along.
            wait -n
            kill -KILL $(jobs -p)' cluster "${ports[@]}"
        if wait_until 30 redis_cluster_answers "${ports[@]}" &&
            redis-cli --cluster create "${ports[@]/#/127.0.0.1:}" --cluster-replicas 1 --cluster-yes \
                >>"$dir/log" 2>&1 &&
            wait_until 30 redis_cluster_is_whole "${ports[@]}"; then
            address=redis://$(printf '127.0.0.1:%s,' "${ports[@]}")
            address=${address%,}
            return 0
        fi
        kill "$spawned" 2>/dev/null || true
    done
    return 1
}

redis_cluster_answers() { # PORT…
    local port
    for port in "$@"; do [[ $(redis-cli -p "$port" ping) == PONG ]] || return 1; done
}

# Every node has heard of all, and knows who serves what.
redis_cluster_is_whole() { # PORT…
    local port
    for port in "$@"; do
        redis-cli -p "$port" cluster info | grep -q 'cluster_state:ok' || return 1
        [[ $(redis-cli -p "$port" cluster nodes | grep -c ' connected') == 6 ]] || return 1
    done
}
