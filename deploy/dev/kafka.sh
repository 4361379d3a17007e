#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs one of Kafka's own tools, from the jars that up.sh uses. The names are those of Kafka's
# bin/kafka-NAME.sh.
#
#   deploy/dev/kafka.sh topics --bootstrap-server 127.0.0.1:9092 --list
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

declare -A tools=(
    [broker-api-versions]=org.apache.kafka.tools.BrokerApiVersionsCommand
    [configs]=kafka.admin.ConfigCommand
    [console-consumer]=org.apache.kafka.tools.consumer.ConsoleConsumer
    [console-producer]=org.apache.kafka.tools.ConsoleProducer
    [consumer-groups]=org.apache.kafka.tools.consumer.group.ConsumerGroupCommand
    [delete-records]=org.apache.kafka.tools.DeleteRecordsCommand
    [dump-log]=kafka.tools.DumpLogSegments
    [get-offsets]=org.apache.kafka.tools.GetOffsetShell
    [groups]=org.apache.kafka.tools.GroupsCommand
    [log-dirs]=org.apache.kafka.tools.LogDirsCommand
    [metadata-quorum]=org.apache.kafka.tools.MetadataQuorumCommand
    [producer-perf-test]=org.apache.kafka.tools.ProducerPerformance
    [topics]=org.apache.kafka.tools.TopicCommand
    [transactions]=org.apache.kafka.tools.TransactionsCommand
)

tool=${tools[${1:-none}]:-}
if [[ -z $tool ]]; then
    die "usage: kafka.sh TOOL ARGS…, where TOOL is one of:" \
        "$(printf '%s\n' "${!tools[@]}" | sort | paste -sd ' ')"
fi
shift
kafka_prepare
exec java -Xmx256m -XX:TieredStopAtLevel=1 -Dhearback.log.target=SYSTEM_ERR \
    -Dlog4j2.configurationFile="$DEV/log4j2.properties" -cp "$(jars_dir)/*" "$tool" "$@"
