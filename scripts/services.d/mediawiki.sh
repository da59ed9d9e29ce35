# The code of examples/mediawiki: Debian's package, unpacked into the cache folder rather than installed,
# since it would bring a web server along that nobody needs here; and the PHP that runs it.
# shellcheck shell=bash disable=SC2034,SC2154

mediawiki_variable=RECONCILE_TEST_MEDIAWIKI
mediawiki_php=(php-cli php-mysql php-intl php-mbstring php-xml)

mediawiki_folder() { cache_folder mediawiki "$root/examples/mediawiki/packages.txt"; }

mediawiki_ready() { [[ -f $(mediawiki_folder)/ready ]]; }

mediawiki_missing() {
    local package
    for package in "${mediawiki_php[@]}"; do
        dpkg-query --show --showformat '${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' ||
            echo "apt:$package"
    done
    mediawiki_ready || echo "mediawiki from Debian, into $(mediawiki_folder)"
}

mediawiki_install() {
    local folder
    folder=$(mediawiki_folder)
    mkdir -p "$folder"
    (
        flock 8
        mediawiki_ready && exit
        rm -rf "${folder:?}"/*
        cd "$folder" || exit
        # Lists of packages may be old, or not there at all.
        if ! mediawiki_download; then
            apt-get update -qq
            mediawiki_download
        fi
        for package in ./*.deb; do dpkg-deb --extract "$package" unpacked; done
        mv unpacked/usr/share/mediawiki code
        # Links to folders that an installed package has.
        find code -maxdepth 1 -type l -delete
        mkdir code/extensions code/images
        rm -rf unpacked ./*.deb
        touch ready
    ) 8>"$folder.lock"
}

# `apt-get download` drops its rights to a user who can't write here, and says so.
mediawiki_download() {
    mapfile -t names < <(grep -v '^#' "$root/examples/mediawiki/packages.txt")
    apt-get download -qq -o APT::Sandbox::User=root "${names[@]}"
}

mediawiki_start() { address=$(mediawiki_folder)/code; }
