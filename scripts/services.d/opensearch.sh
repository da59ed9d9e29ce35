# OpenSearch for tests: its distribution for integration tests on Maven Central, as that of Elasticsearch.
# shellcheck shell=bash disable=SC2034,SC2154

# shellcheck source=/dev/null
source "$root/scripts/services.d/java.bash"

opensearch_variable=RECONCILE_TEST_OPENSEARCH
opensearch_signal=TERM
opensearch_artifact=org.opensearch.distribution.integ-test-zip:opensearch:3.4.0:zip

opensearch_missing() { java_server_missing opensearch "$opensearch_artifact"; }
opensearch_install() { java_server_install opensearch "$opensearch_artifact"; }

opensearch_start() { # DIR
    OPENSEARCH_JAVA_HOME=$(java_home) OPENSEARCH_JAVA_OPTS='-Xms512m -Xmx512m -XX:-UsePerfData' \
        java_server_start opensearch "$1" "$opensearch_artifact" OPENSEARCH
}
