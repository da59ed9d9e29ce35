# The Python of examples/djangocms: a virtual environment with the versions its requirements.txt names.
# shellcheck shell=bash disable=SC2034,SC2154

djangocms_variable=RECONCILE_TEST_DJANGOCMS_PYTHON

djangocms_missing() { python_missing djangocms django-cms; }
djangocms_install() { python_install djangocms; }
djangocms_start() { address=$(python_folder djangocms)/bin/python; }
