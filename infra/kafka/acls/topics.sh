#!/bin/sh
# Grants a person or a pipeline the right to create topics and check them: topics.sh User:topics-admin orders stock.failures
# KAFKA_ACLS as in relay.sh.
set -euf
principal=$1
shift
for topic; do
  # `converge topics create` and `converge topics check` read what is there.
  ${KAFKA_ACLS:-kafka-acls.sh --bootstrap-server "$KAFKA_BROKERS"} --add --allow-principal "$principal" --topic "$topic" \
    --operation Create --operation Describe --operation DescribeConfigs
done
