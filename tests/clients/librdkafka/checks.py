#!/usr/bin/env python3
"""The checks of ../clients_test.py by librdkafka's Python client."""
import json
import sys
import time
import traceback

import confluent_kafka as ck
from confluent_kafka import admin as ca

WHERE = json.load(open(sys.argv[1], encoding="utf-8"))
LIMIT = 60
CHECKS = {}


def check(name):
    def take(function):
        CHECKS[name] = function
        return function
    return take


def same(expected, found, what=""):
    if expected != found:
        raise AssertionError(f"{what} expected {expected!r}, found {found!r}")


def wait(what, ready):
    until = time.monotonic() + LIMIT
    while time.monotonic() < until:
        if found := ready():
            return found
    raise AssertionError(f"not within {LIMIT} s: {what}")


def refused(code, call):
    """Calls, and sees it refused with Kafka's code."""
    try:
        call()
    except ck.KafkaException as error:
        return same(code, error.args[0].code(), str(error))
    raise AssertionError("it was not refused")


def plain(**more):
    return {"bootstrap.servers": WHERE["plain"]} | {key.replace("_", "."): value for key, value in more.items()}


def done(futures):
    return {key: future.result(LIMIT) for key, future in futures.items()}


ADMIN = ca.AdminClient(plain())


def topic(name, partitions=1, **config):
    done(ADMIN.create_topics([ca.NewTopic(name, partitions, 1, config={k.replace("_", "."): v for k, v in config.items()})]))
    return name


def produce(name, values, count=True, **how):
    """Sends and has confirmed; offsets in order of sending."""
    places = []

    def told(error, message):
        if error:
            raise ck.KafkaException(error)
        places.append((message.partition(), message.offset()))
    producer = ck.Producer(plain(**{"linger_ms": 5, **how}))
    for value in values:
        producer.produce(name, **({"value": value} | {"on_delivery": told} if not isinstance(value, dict)
                                  else value | {"on_delivery": told}))
    same(0, producer.flush(LIMIT), "not sent")
    if count:
        print(f"wrote {name} {len(values)}")
    return places


def consumer(group="nobody", **more):
    return ck.Consumer(plain(**({"group_id": group, "auto_offset_reset": "earliest", "enable_auto_commit": False} | more)))


def take(reader, count):
    taken = []

    def poll():
        message = reader.poll(0.5)
        if message is not None:
            if message.error():
                raise ck.KafkaException(message.error())
            taken.append(message)
        return len(taken) >= count
    wait(f"{count} records", poll)
    return taken


def read(name, offset, count):
    reader = consumer()
    reader.assign([ck.TopicPartition(name, 0, offset)])
    taken = take(reader, count)
    reader.close()
    return taken


@check("metadata")
def metadata():
    topic("metadata", 3)
    told = ADMIN.list_topics(timeout=LIMIT)
    same([WHERE["plain"]], [f"{each.host}:{each.port}" for each in told.brokers.values()])
    same([0, 1, 2], sorted(told.topics["metadata"].partitions))
    same(set(told.brokers), {each.leader for each in told.topics["metadata"].partitions.values()})
    cluster = ADMIN.describe_cluster(request_timeout=LIMIT).result()
    same(told.cluster_id, cluster.cluster_id)


@check("topics")
def topics():
    topic("topics", 2)
    refused(ck.KafkaError.TOPIC_ALREADY_EXISTS, lambda: topic("topics", 2))
    refused(ck.KafkaError.INVALID_REPLICATION_FACTOR, lambda: done(ADMIN.create_topics([ca.NewTopic("three", 1, 3)])))
    refused(ck.KafkaError.TOPIC_EXCEPTION, lambda: topic("no/name", 1))
    done(ADMIN.create_partitions([ca.NewPartitions("topics", 5)]))
    same(5, len(ADMIN.list_topics("topics", timeout=LIMIT).topics["topics"].partitions))
    done(ADMIN.delete_topics(["topics"]))
    same(False, "topics" in ADMIN.list_topics(timeout=LIMIT).topics)
    refused(ck.KafkaError.UNKNOWN_TOPIC_OR_PART, lambda: done(ADMIN.delete_topics(["topics"])))


@check("acks")
def acks():
    for how in (0, 1, -1):
        produce(topic(f"acks{how}"), [b"%d" % i for i in range(500)], acks=how)
        same([b"%d" % i for i in range(500)], [each.value() for each in read(f"acks{how}", 0, 500)])


@check("idempotent")
def idempotent():
    places = produce(topic("idempotent"), [b"%d" % i for i in range(5000)], enable_idempotence=True, batch_num_messages=50)
    same([(0, i) for i in range(5000)], places)
    same([b"%d" % i for i in range(5000)], [each.value() for each in read("idempotent", 0, 5000)])


@check("codecs")
def codecs():
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        values = [b"%s says the same again and again %d" % (codec.encode(), i) for i in range(1000)]
        produce(topic(codec), values, compression_type=codec)
        same(values, [each.value() for each in read(codec, 0, 1000)], codec)


@check("parts")
def parts():
    sent = [{"key": None, "value": None, "headers": []}, {"key": b"", "value": b"", "headers": [("empty", b"")]},
            {"key": "k".encode(), "value": bytes(range(256)), "headers": [("twice", b"1"), ("twice", b"2"), ("null", None)]}]
    produce(topic("parts"), [each | {"timestamp": 1_700_000_000_000 + i} for i, each in enumerate(sent)])
    for i, (want, got) in enumerate(zip(sent, read("parts", 0, 3))):
        same((want["key"], want["value"], want["headers"]), (got.key(), got.value(), got.headers() or []))
        same((ck.TIMESTAMP_CREATE_TIME, 1_700_000_000_000 + i), got.timestamp())


@check("positions")
def positions():
    produce(topic("positions"), [b"%d" % i for i in range(100)])
    same(0, read("positions", ck.OFFSET_BEGINNING, 1)[0].offset())
    same(57, read("positions", 57, 1)[0].offset())
    reader = consumer()
    same((0, 100), reader.get_watermark_offsets(ck.TopicPartition("positions", 0), LIMIT))
    reader.assign([ck.TopicPartition("positions", 0, ck.OFFSET_END)])
    wait("standing at the end", lambda: reader.poll(0.1) is None and reader.position([ck.TopicPartition("positions", 0)])[0].offset in (100, -1001))
    reader.close()
    beyond = consumer(auto_offset_reset="error")
    beyond.assign([ck.TopicPartition("positions", 0, 5000)])
    error = wait("an error", lambda: (lambda m: m.error() if m else None)(beyond.poll(0.5)))
    same(ck.KafkaError._AUTO_OFFSET_RESET, error.code())
    beyond.close()


@check("times")
def times():
    produce(topic("times"), [{"value": b"x", "timestamp": 1_700_000_000_000 + 1000 * i} for i in range(50)])
    reader = consumer()
    asked = [(1_700_000_010_000, 10), (1_700_000_010_001, 11), (1, 0), (1_800_000_000_000, -1)]
    for when, offset in asked:
        same(offset, reader.offsets_for_times([ck.TopicPartition("times", 0, when)], LIMIT)[0].offset, when)
    reader.close()


@check("group")
def group():
    produce(topic("group"), [b"%d" % i for i in range(100)])
    first = consumer("committing")
    first.subscribe(["group"])
    same(b"0", take(first, 60)[0].value())
    first.commit(offsets=[ck.TopicPartition("group", 0, 60, metadata="of mine")], asynchronous=False)
    first.close()
    second = consumer("committing")
    kept = second.committed([ck.TopicPartition("group", 0)], LIMIT)[0]
    same((60, "of mine"), (kept.offset, kept.metadata))
    second.subscribe(["group"])
    same([b"%d" % i for i in range(60, 100)], [each.value() for each in take(second, 40)])
    second.close()


@check("static")
def static():
    produce(topic("static", 2), [b"x"] * 10)
    assigned = []

    def member():
        reader = consumer("static", group_instance_id="one", session_timeout_ms=45000)
        reader.subscribe(["static"], on_assign=lambda _, share: assigned.append(len(share)))
        wait("an assignment", lambda: reader.poll(0.2) is not None or assigned)
        return reader
    first = member()
    members = ADMIN.describe_consumer_groups(["static"])["static"].result(LIMIT).members
    same(["one"], [each.group_instance_id for each in members])
    first.close()  # a static one does not leave
    same(1, len(ADMIN.describe_consumer_groups(["static"])["static"].result(LIMIT).members))
    began = time.monotonic()
    assigned.clear()
    member().close()
    same([2], assigned)
    if time.monotonic() - began > 30:
        raise AssertionError("it waited for its own session to end")


@check("rebalance")
def rebalance():
    topic("rebalance", 4)
    members = [consumer("rebalance", partition_assignment_strategy=how) for how in ("cooperative-sticky", "cooperative-sticky")]
    members[0].subscribe(["rebalance"])

    def shares(of):
        for each in of:
            each.poll(0.1)
        return [len(each.assignment()) for each in of]
    wait("all for one", lambda: shares(members[:1]) == [4])
    members[1].subscribe(["rebalance"])
    wait("two each", lambda: shares(members) == [2, 2])
    members[0].close()
    wait("all for the other", lambda: shares(members[1:]) == [4])
    members[1].close()


@check("groups")
def groups():
    topic("groups")
    reader = consumer("described", client_id="the-client")
    reader.subscribe(["groups"])
    wait("an assignment", lambda: reader.poll(0.1) is not None or reader.assignment())
    listed = ADMIN.list_consumer_groups(request_timeout=LIMIT).result().valid
    same(True, "described" in [each.group_id for each in listed])
    told = ADMIN.describe_consumer_groups(["described"])["described"].result(LIMIT)
    same((ck.ConsumerGroupState.STABLE, 1, "the-client"), (told.state, len(told.members), told.members[0].client_id))
    same([("groups", 0)], [(p.topic, p.partition) for p in told.members[0].assignment.topic_partitions])
    reader.commit(offsets=[ck.TopicPartition("groups", 0, 0)], asynchronous=False)
    refused(ck.KafkaError.NON_EMPTY_GROUP, lambda: done(ADMIN.delete_consumer_groups(["described"])))
    reader.close()
    done(ADMIN.delete_consumer_groups(["described"]))
    refused(ck.KafkaError.GROUP_ID_NOT_FOUND, lambda: done(ADMIN.delete_consumer_groups(["described"])))


@check("delete-records")
def delete_records():
    produce(topic("deleted"), [b"%d" % i for i in range(100)], count=False)
    told = done(ADMIN.delete_records([ck.TopicPartition("deleted", 0, 40)]))
    same([40], [each.low_watermark for each in told.values()])
    reader = consumer()
    same((40, 100), reader.get_watermark_offsets(ck.TopicPartition("deleted", 0), LIMIT))
    reader.close()
    same(b"40", read("deleted", ck.OFFSET_BEGINNING, 1)[0].value())
    print("wrote deleted 60")


@check("configs")
def configs():
    topic("configs", retention_ms="1000000")

    def described():
        return list(done(ADMIN.describe_configs([ca.ConfigResource(ca.RESOURCE_TOPIC, "configs")])).values())[0]
    same("1000000", described()["retention.ms"].value)
    entry = ca.ConfigEntry("retention.ms", "2000000", incremental_operation=ca.AlterConfigOpType.SET)
    done(ADMIN.incremental_alter_configs([ca.ConfigResource(ca.RESOURCE_TOPIC, "configs", incremental_configs=[entry])]))
    same("2000000", described()["retention.ms"].value)
    wrong = ca.ConfigEntry("no.such.setting", "1", incremental_operation=ca.AlterConfigOpType.SET)
    refused(ck.KafkaError.INVALID_CONFIG, lambda: done(ADMIN.incremental_alter_configs(
        [ca.ConfigResource(ca.RESOURCE_TOPIC, "configs", incremental_configs=[wrong])])))
    done(ADMIN.alter_configs([ca.ConfigResource(ca.RESOURCE_TOPIC, "configs", set_config={"cleanup.policy": "compact"})]))
    same("compact", described()["cleanup.policy"].value)
    same(True, described()["retention.ms"].is_default)
    broker = ca.ConfigResource(ca.RESOURCE_BROKER, str(next(iter(ADMIN.list_topics(timeout=LIMIT).brokers))))
    same("32", list(done(ADMIN.describe_configs([broker])).values())[0]["num.partitions"].value)


@check("large")
def large():
    value = bytes(range(256)) * (5 * 4096)
    produce(topic("large"), [value, b"small"], message_max_bytes=20_000_000)
    reader = consumer(fetch_message_max_bytes=20_000_000)
    reader.assign([ck.TopicPartition("large", 0, 0)])
    same([value, b"small"], [each.value() for each in take(reader, 2)])
    reader.close()


@check("too-large")
def too_large():
    topic("too-large", max_message_bytes="10000")
    refused(ck.KafkaError.MSG_SIZE_TOO_LARGE, lambda: produce("too-large", [b"x" * 50_000], count=False))
    produce("too-large", [b"x" * 5_000])


@check("unknown")
def unknown():
    refused(ck.KafkaError.UNKNOWN_TOPIC_OR_PART, lambda: done(ADMIN.create_partitions([ca.NewPartitions("not-there", 5)])))
    reader = consumer(allow_auto_create_topics=False)
    reader.subscribe(["not-there"])
    error = wait("an error", lambda: (lambda m: m.error() if m else None)(reader.poll(0.5)))
    same(ck.KafkaError.UNKNOWN_TOPIC_OR_PART, error.code())
    reader.close()
    topic("one-partition")
    refused(ck.KafkaError._UNKNOWN_PARTITION, lambda: produce("one-partition", [{"value": b"x", "partition": 7}], count=False))


@check("login")
def login():
    how = {"bootstrap.servers": WHERE["secure"], "security.protocol": "SASL_SSL", "ssl.ca.location": WHERE["ca"],
           "sasl.username": WHERE["user"]}
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"):
        with_it = ca.AdminClient(how | {"sasl.mechanism": mechanism, "sasl.password": WHERE["password"]})
        same(1, len(with_it.list_topics(timeout=LIMIT).brokers), mechanism)
        wrong = []
        without = ca.AdminClient(how | {"sasl.mechanism": mechanism, "sasl.password": "wrong",
                                        "error_cb": lambda error, wrong=wrong: wrong.append(error.code())})
        wait("a refusal", lambda without=without, wrong=wrong: without.poll(0.5) or ck.KafkaError._AUTHENTICATION in wrong)


@check("transactions")
def transactions():
    producer = ck.Producer(plain(transactional_id="t"))
    began = time.monotonic()
    try:
        producer.init_transactions(LIMIT)
    except ck.KafkaException as error:
        if error.args[0].retriable() or time.monotonic() - began > LIMIT - 5:
            raise AssertionError(f"it was left to try on: {error}") from error
        print(f"# transactions: {error}")
        return
    raise AssertionError("they were not refused")


def main():
    failed = 0
    for name, function in CHECKS.items():
        try:
            function()
            print("ok", name, flush=True)
        except Exception as error:  # noqa: BLE001 — each check is told by itself
            failed += 1
            print(f"FAILED {name}: {error!r}", flush=True)
            traceback.print_exc()
    print("librdkafka", ck.libversion()[0], file=sys.stderr)
    sys.exit(1 if failed else 0)


main()
