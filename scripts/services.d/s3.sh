# S3 for tests: versitygw over a folder, built from the Go module proxy. Its address holds the credentials
# of its root account; each test makes a bucket of its own.
# shellcheck shell=bash disable=SC2034,SC2154

s3_variable=RECONCILE_TEST_S3
s3_signal=TERM
s3_version=v1.8.0

s3_folder() { echo "${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/reconcile/versitygw-$s3_version"; }

# One that fetches the newer one that versitygw asks for, as none before 1.21 does.
s3_go() {
    local go minor
    for go in go /usr/local/go/bin/go; do
        minor=$("$go" version 2>/dev/null | sed -n 's/.* go1\.\([0-9]*\).*/\1/p')
        if ((${minor:-0} >= 21)); then
            command -v "$go"
            return
        fi
    done
    return 1
}

s3_missing() {
    [[ -x $(s3_folder)/versitygw ]] && return
    s3_go >/dev/null || echo apt:golang-go
    echo "versitygw $s3_version from proxy.golang.org, into $(s3_folder)"
}

s3_install() {
    local folder
    folder=$(s3_folder)
    mkdir -p "$folder"
    (
        # Two checkouts share the cache: the second waits, then finds the work done.
        flock 8
        [[ -x $folder/versitygw ]] && exit
        # What was built is only there under its name once it is whole.
        GOBIN=$folder/building "$(s3_go)" install "github.com/versity/versitygw/cmd/versitygw@$s3_version"
        mv "$folder/building/versitygw" "$folder/versitygw"
        rmdir "$folder/building"
    ) 8>"$folder.lock"
}

s3_start() { # DIR
    local dir=$1 port try program=$1/versitygw
    # The cache may lie where the account that runs it can't reach.
    cp "$(s3_folder)/versitygw" "$program"
    chmod 755 "$program"
    mkdir -p "$dir/buckets" "$dir/about"
    [[ $EUID -ne 0 ]] || chown -R "$(service_user)" "$dir"
    for try in 1 2 3 4 5; do
        port=$(free_port)
        ROOT_ACCESS_KEY=reconcile ROOT_SECRET_KEY=reconcile-secret spawn "$dir" \
            "$program" --port "127.0.0.1:$port" --keep-alive --quiet posix --sidecar "$dir/about" "$dir/buckets"
        if wait_until 30 s3_answers "$port"; then
            address=http://reconcile:reconcile-secret@127.0.0.1:$port
            return 0
        fi
    done
    return 1
}

# Without a signature it refuses, in its own words; another server at the port would have others.
s3_answers() { # PORT
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
    printf 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
    grep -q AccessDenied <&3
}
