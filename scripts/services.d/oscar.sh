# The Python of examples/oscar: a virtual environment with the versions its requirements.txt names.
# shellcheck shell=bash disable=SC2034,SC2154

oscar_variable=RECONCILE_TEST_OSCAR_PYTHON

oscar_missing() { python_missing oscar django-oscar; }
oscar_install() { python_install oscar; }
oscar_start() { address=$(python_folder oscar)/bin/python; }
