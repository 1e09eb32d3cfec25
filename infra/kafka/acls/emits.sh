#!/bin/sh
# Grants a service the right to look up the topics that it emits to: emits.sh User:stock stock.reserved
# It checks at its start that they exist; its relay writes them. KAFKA_ACLS as in relay.sh.
set -euf
principal=$1
shift
for topic; do
  ${KAFKA_ACLS:-kafka-acls.sh --bootstrap-server "$KAFKA_BROKERS"} --add --allow-principal "$principal" --topic "$topic" \
    --operation Describe --operation DescribeConfigs
done
