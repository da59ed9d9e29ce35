# An AMQP client that others wrote, pika, as a Python of its own: what stands at the other end of our messages.
# shellcheck shell=bash disable=SC2034,SC2154

pika_variable=RECONCILE_TEST_PIKA_PYTHON

pika_missing() { python_missing pika pika; }
pika_install() { python_install pika; }
pika_start() { address=$(python_folder pika)/bin/python; }
