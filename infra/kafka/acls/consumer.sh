#!/bin/sh
# Grants a consumer its rights in Kafka: consumer.sh User:stock stock orders payments.failures
# After the principal and the consumer's name: each topic and failure topic that it subscribes to. KAFKA_ACLS as in relay.sh.
set -euf
principal=$1 consumer=$2
shift 2
acls() { ${KAFKA_ACLS:-kafka-acls.sh --bootstrap-server "$KAFKA_BROKERS"} --add --allow-principal "$principal" "$@"; }
# The consumer's group has the consumer's name.
acls --group "$consumer" --operation Read
# The consumer's own failure topic must exist when the consumer starts. The relay writes that topic, and the consumer
# does not read it.
acls --topic "$consumer.failures" --operation Describe --operation DescribeConfigs
for topic; do
  # READ includes DESCRIBE. The consumer reads a topic's configuration at its start.
  acls --topic "$topic" --operation Read --operation DescribeConfigs
done
