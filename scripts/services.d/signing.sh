# What signs commits and checks them: GnuPG and OpenSSH. Nothing runs; each test has keys of its own.
# shellcheck shell=bash disable=SC2034

signing_variable=RECONCILE_TEST_SIGNING

signing_missing() {
    command -v gpg >/dev/null && command -v gpgconf >/dev/null || echo apt:gnupg
    command -v ssh-keygen >/dev/null || echo apt:openssh-client
}

signing_start() { address=$(dirname "$(command -v gpg)"); }
