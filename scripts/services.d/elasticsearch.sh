# Elasticsearch for tests: the distribution that Elastic publishes for integration tests on Maven Central,
# which is the real server with few modules and no security. One node, in memory of 512 MB.
# shellcheck shell=bash disable=SC2034,SC2154

# shellcheck source=/dev/null
source "$root/scripts/services.d/java.bash"

elasticsearch_variable=RECONCILE_TEST_ELASTICSEARCH
elasticsearch_signal=TERM
elasticsearch_artifact=org.elasticsearch.distribution.integ-test-zip:elasticsearch:9.2.4:zip

elasticsearch_missing() { java_server_missing elasticsearch "$elasticsearch_artifact"; }
elasticsearch_install() { java_server_install elasticsearch "$elasticsearch_artifact"; }

elasticsearch_start() { # DIR
    local options='-Xms512m -Xmx512m -XX:-UsePerfData'
    # The first Java only starts the second one, and ends with it.
    ES_JAVA_HOME=$(java_home) ES_JAVA_OPTS=$options CLI_JAVA_OPTS='-Xmx64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1' \
        java_server_start elasticsearch "$1" "$elasticsearch_artifact" ES -E xpack.security.enabled=false
}
