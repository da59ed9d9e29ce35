# RabbitMQ for tests: a broker of its own, whose account `guest` has the password `guest`. `rabbitmq-serve` beside
# this says how it runs, and how `rabbitmqctl` reaches it.
# shellcheck shell=bash disable=SC2034,SC2154

rabbitmq_variable=RECONCILE_TEST_RABBITMQ
rabbitmq_signal=TERM

# Debian keeps the server's programs out of an ordinary user's PATH.
rabbitmq_missing() {
    PATH=$PATH:/usr/sbin:/sbin command -v rabbitmq-server >/dev/null || echo apt:rabbitmq-server
}

rabbitmq_start() { # DIR
    local dir=$1 port try
    for try in 1 2 3 4 5; do
        port=$(free_port)
        spawn "$dir" "$root/scripts/services.d/rabbitmq-serve" "$dir" "$port"
        # Its own word for being ready; asking the port could reach somebody else's server.
        if wait_until 90 grep -q 'Server startup complete' "$dir/logs/broker.log"; then
            address=amqp://guest:guest@127.0.0.1:$port
            return 0
        fi
    done
    return 1
}
