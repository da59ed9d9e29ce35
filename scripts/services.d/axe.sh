# axe-core, which finds what people with screen readers or other eyes stumble over, as one script that
# tests run inside of pages.
# shellcheck shell=bash disable=SC2034,SC2154

axe_variable=RECONCILE_TEST_AXE
axe_version=4.14.1

axe_script() { echo "${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/reconcile/axe-core-$axe_version.js"; }

axe_missing() {
    [[ -f $(axe_script) ]] && return
    command -v npm >/dev/null || echo apt:npm
    echo "axe-core $axe_version from the npm registry, into $(axe_script)"
}

axe_install() {
    local folder script
    script=$(axe_script)
    mkdir -p "$(dirname "$script")"
    folder=$(mktemp -d)
    (
        cd "$folder"
        npm pack --silent "axe-core@$axe_version" >/dev/null
        tar xzf axe-core-*.tgz package/axe.min.js
    )
    # The cache may lie on another file system: it is only there under its name once it is whole.
    cp "$folder/package/axe.min.js" "$script.$$"
    mv "$script.$$" "$script"
    rm -r "$folder"
}

axe_start() { address=$(axe_script); }
