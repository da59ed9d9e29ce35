# A mail server that others wrote, aiosmtpd, as a Python of its own; each test starts one. OpenSSL
# makes its certificate.
# shellcheck shell=bash disable=SC2034,SC2154

mail_variable=RECONCILE_TEST_MAIL_PYTHON

mail_missing() {
    command -v openssl >/dev/null || echo apt:openssl
    python_missing mail aiosmtpd
}
mail_install() { python_install mail; }
mail_start() { address=$(python_folder mail)/bin/python; }
