# SPDX-License-Identifier: Apache-2.0
"""Words of Kafka's protocol that none of the tools here can say in milliseconds.

A worker that was killed stays in its group until its session ends, at least six seconds later.
evict() says the good-bye it could not say; seek() sets the offsets of a group without members.
"""
import socket
import struct

DESCRIBE_GROUPS, LEAVE_GROUP, OFFSET_COMMIT, OFFSET_FETCH = 15, 13, 8, 9
GONE = (0, 25)  # done, or not a member any more


def text(value):
    value = value.encode()
    return struct.pack(">h", len(value)) + value


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, form):
        (value,) = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def bytes(self, length):
        length = max(length, 0)
        self.at += length
        return self.data[self.at - length:self.at]

    def text(self):
        return self.bytes(self.number("h")).decode()


def receive(connection, count):
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise ConnectionError("Kafka closed the connection")
        data += piece
    return data


def call(address, api, version, body):
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        request = struct.pack(">hhi", api, version, 1) + text("e2e") + body
        connection.sendall(struct.pack(">i", len(request)) + request)
        (length,) = struct.unpack(">i", receive(connection, 4))
        answer = Reader(receive(connection, length))
    answer.number("i")
    return answer


def members(address, group):
    answer = call(address, DESCRIBE_GROUPS, 0, struct.pack(">i", 1) + text(group))
    found = []
    for _ in range(answer.number("i")):
        answer.number("h")
        for _ in range(4):  # group, state, kind of protocol, protocol
            answer.text()
        for _ in range(answer.number("i")):
            found.append(answer.text())
            answer.text(), answer.text()
            answer.bytes(answer.number("i")), answer.bytes(answer.number("i"))
    return found


def evict(address, group):
    """All members of the group leave it."""
    for member in members(address, group):
        error = call(address, LEAVE_GROUP, 0, text(group) + text(member)).number("h")
        if error not in GONE:
            raise AssertionError(f"LeaveGroup: {error}")


def seek(address, group, topic, offsets):
    """The group goes on at offsets[partition]."""
    body = text(group) + struct.pack(">i", -1) + text("") + struct.pack(">qi", -1, 1) + text(topic)
    body += struct.pack(">i", len(offsets))
    for partition, offset in enumerate(offsets):
        body += struct.pack(">iq", partition, offset) + text("")
    answer = call(address, OFFSET_COMMIT, 2, body)
    answer.number("i"), answer.text()
    for _ in range(answer.number("i")):
        answer.number("i")
        error = answer.number("h")
        if error != 0:
            raise AssertionError(f"OffsetCommit: {error}")


def committed(address, group, topic, partitions):
    """Where the group goes on, partition by partition; -1: nothing was committed."""
    body = text(group) + struct.pack(">i", 1) + text(topic) + struct.pack(">i", partitions)
    body += b"".join(struct.pack(">i", partition) for partition in range(partitions))
    answer = call(address, OFFSET_FETCH, 1, body)
    answer.number("i"), answer.text()
    found = {}
    for _ in range(answer.number("i")):
        partition, offset = answer.number("i"), answer.number("q")
        answer.text()
        error = answer.number("h")
        found[partition] = offset
        if error != 0:  # the coordinator is still loading
            raise ConnectionError(f"OffsetFetch: {error}")
    return [found[partition] for partition in range(partitions)]


LIST_OFFSETS, LATEST = 2, -1


def ends(address, topic, partitions):
    """The offset of the next record of each partition."""
    body = struct.pack(">ii", -1, 1) + text(topic) + struct.pack(">i", partitions)
    for partition in range(partitions):
        body += struct.pack(">iq", partition, LATEST)
    answer = call(address, LIST_OFFSETS, 1, body)
    answer.number("i"), answer.text()
    found = {}
    for _ in range(answer.number("i")):
        partition, error = answer.number("i"), answer.number("h")
        answer.number("q")
        found[partition] = answer.number("q")
        if error != 0:  # a topic that was just made has no leader yet
            raise ConnectionError(f"ListOffsets: {error}")
    return [found[partition] for partition in range(partitions)]


DELETE_RECORDS = 21


def delete_records(address, topic, ends):
    """What stands before ends[partition] is gone, as when its retention has passed."""
    body = struct.pack(">i", 1) + text(topic) + struct.pack(">i", len(ends))
    for partition, end in enumerate(ends):
        body += struct.pack(">iq", partition, end)
    answer = call(address, DELETE_RECORDS, 0, body + struct.pack(">i", 20000))
    answer.number("i"), answer.number("i"), answer.text()
    for _ in range(answer.number("i")):
        answer.number("i"), answer.number("q")
        error = answer.number("h")
        if error != 0:
            raise AssertionError(f"DeleteRecords: {error}")


INCREMENTAL_ALTER_CONFIGS, TOPIC, SET = 44, 2, 0


def alter_topic(address, topic, name, value):
    """Changes one setting of a topic."""
    body = struct.pack(">ib", 1, TOPIC) + text(topic) + struct.pack(">i", 1) + text(name)
    body += struct.pack(">b", SET) + text(value) + struct.pack(">b", 0)
    answer = call(address, INCREMENTAL_ALTER_CONFIGS, 0, body)
    answer.number("i")
    for _ in range(answer.number("i")):
        error = answer.number("h")
        if error != 0:
            raise AssertionError(f"IncrementalAlterConfigs: {error}")
        answer.text(), answer.number("b"), answer.text()


CREATE_PARTITIONS, CHOOSE_BROKERS = 37, -1


def add_partitions(address, topic, count):
    """The topic has `count` partitions from now on."""
    body = struct.pack(">i", 1) + text(topic) + struct.pack(">ii", count, CHOOSE_BROKERS)
    answer = call(address, CREATE_PARTITIONS, 0, body + struct.pack(">ib", 20000, 0))
    answer.number("i")
    for _ in range(answer.number("i")):
        answer.text()
        error, why = answer.number("h"), answer.text()
        if error != 0:
            raise AssertionError(f"CreatePartitions: {error} {why}")
