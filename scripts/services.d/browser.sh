# Chromium, driven through the WebDriver protocol; each test begins a session of its own.
# shellcheck shell=bash disable=SC2034,SC2154

browser_variable=RECONCILE_TEST_BROWSER
browser_signal=TERM

browser_missing() {
    command -v chromium >/dev/null || echo apt:chromium
    command -v chromedriver >/dev/null || echo apt:chromium-driver
}

browser_start() { # DIR
    local dir=$1 port try
    [[ $EUID -ne 0 ]] || chown -R "$(service_user)" "$dir"
    for try in 1 2 3 4 5; do
        port=$(free_port)
        HOME=$dir TMPDIR=$dir spawn "$dir" "$(command -v chromedriver)" "--port=$port" --allowed-ips=127.0.0.1
        if wait_until 30 browser_answers "$port"; then
            address=http://127.0.0.1:$port
            return 0
        fi
    done
    return 1
}

# It keeps the connection, so only the first line is waited for.
browser_answers() { # PORT
    local line
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
    printf 'GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n' >&3
    read -r -t 5 line <&3 && [[ $line == *" 200 "* ]]
}
