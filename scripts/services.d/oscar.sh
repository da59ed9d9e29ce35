# The Python of examples/oscar: a virtual environment with the versions its requirements.txt names.
# It is kept in the cache folder under the hash of that file, so later runs find it ready.
# shellcheck shell=bash disable=SC2034,SC2154

oscar_variable=RECONCILE_TEST_OSCAR_PYTHON
oscar_requirements=$root/examples/oscar/requirements.txt

oscar_folder() {
    local hash
    hash=$(cksum <"$oscar_requirements")
    echo "${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/reconcile/oscar-${hash%% *}"
}

# Debian's Python comes without `venv` unless asked for; any other complete Python will do as well.
oscar_base_python() {
    local python
    for python in python3 /usr/bin/python3; do
        "$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 10))' \
            2>/dev/null && echo "$python" && return
    done
    return 1
}

# A Python that was replaced since leaves an environment that doesn't start.
oscar_ready() {
    [[ -f $(oscar_folder)/ready && -x $(oscar_folder)/bin/python ]]
}

oscar_missing() {
    oscar_ready && return
    oscar_base_python >/dev/null || echo apt:python3-venv
    echo "django-oscar from PyPI, into $(oscar_folder)"
}

oscar_install() {
    local folder
    folder=$(oscar_folder)
    mkdir -p "$folder"
    (
        # Two checkouts share the cache: the second waits, then finds the work done.
        flock 8
        oscar_ready && exit
        "$(oscar_base_python)" -m venv --clear "$folder"
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
            --requirement "$oscar_requirements"
        touch "$folder/ready"
    ) 8>"$folder.lock"
}

oscar_start() {
    address=$(oscar_folder)/bin/python
}
