#!/bin/sh
# Grants a relay its rights in Kafka: relay.sh User:orders-relay orders stock.failures
# The topics: each that its outbox emits to, and the failure topics of the service's consumers, whose events leave by the
# outbox too. KAFKA_ACLS is the command with its server and login, by default `kafka-acls.sh --bootstrap-server $KAFKA_BROKERS`.
set -euf
principal=$1
shift
for topic; do
  # READ compares the log with the database at each takeover, and includes DESCRIBE. DESCRIBE_CONFIGS reads max.message.bytes.
  ${KAFKA_ACLS:-kafka-acls.sh --bootstrap-server "$KAFKA_BROKERS"} --add --allow-principal "$principal" --topic "$topic" \
    --operation Read --operation Write --operation DescribeConfigs
done
