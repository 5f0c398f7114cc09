import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ConsumerGroupListing;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The checks of ../clients_test.py by Apache Kafka's own clients; for 3.9 and 4.x alike. */
public class Checks {
  static final int LIMIT = 60;
  static final Map<String, String> WHERE = new HashMap<>();
  static Admin admin;

  interface Check { void run() throws Exception; }

  static void same(Object expected, Object found, String what) {
    if (!Objects.equals(expected, found)) throw new AssertionError(what + ": expected " + expected + ", found " + found);
  }

  static <T> T get(Future<T> future) throws Exception {
    try {
      return future.get(LIMIT, TimeUnit.SECONDS);
    } catch (ExecutionException error) {
      throw error.getCause() instanceof Exception cause ? cause : error;
    }
  }

  static void refused(Class<? extends Exception> as, Check call) throws Exception {
    try {
      call.run();
    } catch (Exception error) {
      same(as, error.getClass(), error.toString());
      return;
    }
    throw new AssertionError("it was not refused");
  }

  static void until(String what, BooleanSupplier ready) {
    for (long end = System.nanoTime() + LIMIT * 1_000_000_000L; System.nanoTime() < end;) if (ready.getAsBoolean()) return;
    throw new AssertionError("not within " + LIMIT + " s: " + what);
  }

  static Properties settings(String... more) {
    Properties all = new Properties();
    all.put("bootstrap.servers", WHERE.get("plain"));
    for (int i = 0; i < more.length; i += 2) all.put(more[i], more[i + 1]);
    return all;
  }

  static String topic(String name, int partitions, String... configs) throws Exception {
    Map<String, String> set = new HashMap<>();
    for (int i = 0; i < configs.length; i += 2) set.put(configs[i], configs[i + 1]);
    get(admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1).configs(set))).all());
    return name;
  }

  static byte[] number(int i) { return Integer.toString(i).getBytes(); }

  static List<ProducerRecord<byte[], byte[]>> numbers(String topic, int count) {
    List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
    for (int i = 0; i < count; ++i) records.add(new ProducerRecord<>(topic, number(i)));
    return records;
  }

  static List<RecordMetadata> produce(List<ProducerRecord<byte[], byte[]>> records, String... how) throws Exception {
    List<RecordMetadata> places = new ArrayList<>();
    try (var producer = new KafkaProducer<>(settings(how), new ByteArraySerializer(), new ByteArraySerializer())) {
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      for (var each : records) sent.add(producer.send(each));
      for (var each : sent) places.add(get(each));
    }
    return places;
  }

  static void wrote(String topic, int count) { System.out.println("wrote " + topic + " " + count); }

  static KafkaConsumer<byte[], byte[]> consumer(String group, String... more) {
    Properties all = settings("group.id", group, "auto.offset.reset", "earliest", "enable.auto.commit", "false");
    for (int i = 0; i < more.length; i += 2) all.put(more[i], more[i + 1]);
    return new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  static final Duration SHORT = Duration.ofMillis(100);

  static List<ConsumerRecord<byte[], byte[]>> take(KafkaConsumer<byte[], byte[]> reader, int count) {
    List<ConsumerRecord<byte[], byte[]>> taken = new ArrayList<>();
    until(count + " records", () -> {
      reader.poll(SHORT).forEach(taken::add);
      return taken.size() >= count;
    });
    return taken;
  }

  static List<ConsumerRecord<byte[], byte[]>> read(String topic, long from, int count, String... how) {
    try (var reader = consumer("nobody", how)) {
      TopicPartition at = new TopicPartition(topic, 0);
      reader.assign(List.of(at));
      reader.seek(at, from);
      return take(reader, count);
    }
  }

  static void sameValues(String topic, int count) {
    var got = read(topic, 0, count);
    for (int i = 0; i < count; ++i) same(Integer.toString(i), new String(got.get(i).value()), topic);
  }

  static void metadata() throws Exception {
    topic("metadata", 3);
    DescribeClusterResult cluster = admin.describeCluster();
    var nodes = get(cluster.nodes());
    same(1, nodes.size(), "brokers");
    var node = nodes.iterator().next();
    same(WHERE.get("plain"), node.host() + ":" + node.port(), "address");
    TopicDescription told = get(admin.describeTopics(List.of("metadata")).allTopicNames()).get("metadata");
    same(3, told.partitions().size(), "partitions");
    for (var each : told.partitions()) same(node.id(), each.leader().id(), "leader");
    try (var producer = new KafkaProducer<>(settings(), new ByteArraySerializer(), new ByteArraySerializer())) {
      same(3, producer.partitionsFor("metadata").size(), "a producer's partitions");
    }
  }

  static void topics() throws Exception {
    topic("topics", 2);
    refused(TopicExistsException.class, () -> topic("topics", 2));
    refused(InvalidReplicationFactorException.class, () -> get(admin.createTopics(List.of(new NewTopic("three", 1, (short) 3))).all()));
    refused(InvalidTopicException.class, () -> topic("no/name", 1));
    get(admin.createPartitions(Map.of("topics", NewPartitions.increaseTo(5))).all());
    same(5, get(admin.describeTopics(List.of("topics")).allTopicNames()).get("topics").partitions().size(), "partitions");
    get(admin.deleteTopics(List.of("topics")).all());
    same(false, get(admin.listTopics().names()).contains("topics"), "deleted");
    refused(UnknownTopicOrPartitionException.class, () -> get(admin.deleteTopics(List.of("topics")).all()));
  }

  static void acks() throws Exception {
    for (String acks : List.of("0", "1", "all")) {
      String name = topic("acks-" + acks, 1);
      produce(numbers(name, 500), "acks", acks, "enable.idempotence", "false");
      sameValues(name, 500);
      wrote(name, 500);
    }
  }

  static void idempotent() throws Exception {
    topic("idempotent", 1);
    var places = produce(numbers("idempotent", 20000), "enable.idempotence", "true", "batch.size", "2000");
    for (int i = 0; i < 20000; ++i) same((long) i, places.get(i).offset(), "offset");
    sameValues("idempotent", 20000);
    wrote("idempotent", 20000);
  }

  static void codecs() throws Exception {
    for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
      topic(codec, 1);
      produce(numbers(codec, 5000), "compression.type", codec, "linger.ms", "20");
      sameValues(codec, 5000);
      wrote(codec, 5000);
    }
  }

  static void parts() throws Exception {
    topic("parts", 1);
    byte[] all = new byte[256];
    for (int i = 0; i < 256; ++i) all[i] = (byte) i;
    List<Header> twice = List.of(new RecordHeader("twice", number(1)), new RecordHeader("twice", number(2)), new RecordHeader("null", null));
    long time = 1_700_000_000_000L;
    var sent = List.of(new ProducerRecord<byte[], byte[]>("parts", 0, time, null, null),
                       new ProducerRecord<>("parts", 0, time + 1, new byte[0], new byte[0], List.of((Header) new RecordHeader("empty", new byte[0]))),
                       new ProducerRecord<>("parts", 0, time + 2, "k".getBytes(), all, twice));
    produce(sent);
    var got = read("parts", 0, 3);
    for (int i = 0; i < 3; ++i) {
      same(true, Arrays.equals(sent.get(i).key(), got.get(i).key()), "key");
      same(true, Arrays.equals(sent.get(i).value(), got.get(i).value()), "value");
      same(sent.get(i).headers(), got.get(i).headers(), "headers");
      same(time + i, got.get(i).timestamp(), "time");
    }
    wrote("parts", 3);
  }

  static void positions() throws Exception {
    topic("positions", 1);
    produce(numbers("positions", 100));
    TopicPartition at = new TopicPartition("positions", 0);
    same(57L, read("positions", 57, 1).get(0).offset(), "named");
    try (var reader = consumer("nobody")) {
      reader.assign(List.of(at));
      reader.seekToBeginning(List.of(at));
      same(0L, take(reader, 1).get(0).offset(), "earliest");
      reader.seekToEnd(List.of(at));
      same(100L, reader.position(at, Duration.ofSeconds(LIMIT)), "latest");
      same(Map.of(at, 0L), reader.beginningOffsets(List.of(at)), "beginning");
      same(Map.of(at, 100L), reader.endOffsets(List.of(at)), "end");
    }
    refused(OffsetOutOfRangeException.class, () -> read("positions", 5000, 1, "auto.offset.reset", "none"));
    wrote("positions", 100);
  }

  static void times() throws Exception {
    topic("times", 1);
    List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
    for (int i = 0; i < 50; ++i) records.add(new ProducerRecord<>("times", 0, 1_700_000_000_000L + 1000 * i, null, number(i)));
    produce(records);
    TopicPartition at = new TopicPartition("times", 0);
    Map<Long, Long> asked = Map.of(1_700_000_010_000L, 10L, 1_700_000_010_001L, 11L, 1L, 0L, 1_800_000_000_000L, -1L);
    try (var reader = consumer("nobody")) {
      for (var each : asked.entrySet()) {
        OffsetAndTimestamp found = reader.offsetsForTimes(Map.of(at, each.getKey())).get(at);
        same(each.getValue(), found == null ? -1L : found.offset(), "the consumer's offset of " + each.getKey());
        same(each.getValue(), get(admin.listOffsets(Map.of(at, OffsetSpec.forTimestamp(each.getKey()))).all()).get(at).offset(), "the admin's");
      }
    }
    wrote("times", 50);
  }

  static void group() throws Exception {
    topic("group", 1);
    produce(numbers("group", 100));
    TopicPartition at = new TopicPartition("group", 0);
    try (var first = consumer("committing", "max.poll.records", "60")) {
      first.subscribe(List.of("group"));
      same("0", new String(take(first, 60).get(0).value()), "the first");
      first.commitSync(Map.of(at, new OffsetAndMetadata(60, Optional.empty(), "of mine")));
    }
    OffsetAndMetadata kept = get(admin.listConsumerGroupOffsets("committing").partitionsToOffsetAndMetadata()).get(at);
    same("60 of mine", kept.offset() + " " + kept.metadata(), "kept");
    try (var second = consumer("committing")) {
      second.subscribe(List.of("group"));
      var rest = take(second, 40);
      for (int i = 0; i < 40; ++i) same(Integer.toString(60 + i), new String(rest.get(i).value()), "resumed");
    }
    get(admin.alterConsumerGroupOffsets("committing", Map.of(at, new OffsetAndMetadata(7))).all());
    same(7L, get(admin.listConsumerGroupOffsets("committing").partitionsToOffsetAndMetadata()).get(at).offset(), "reset by the admin");
    wrote("group", 100);
  }

  static ConsumerGroupDescription describe(String group) {
    try {
      return get(admin.describeConsumerGroups(List.of(group)).all()).get(group);
    } catch (Exception error) {
      throw new AssertionError(error);
    }
  }

  static void staticMember() throws Exception {
    topic("static", 2);
    String[] how = {"group.instance.id", "one", "session.timeout.ms", "45000"};
    try (var first = consumer("static", how)) {
      first.subscribe(List.of("static"));
      until("an assignment", () -> { first.poll(SHORT); return first.assignment().size() == 2; });
    }  // a static one does not leave
    same(Optional.of("one"), describe("static").members().iterator().next().groupInstanceId(), "instance");
    long began = System.nanoTime();
    try (var second = consumer("static", how)) {
      second.subscribe(List.of("static"));
      until("an assignment", () -> { second.poll(SHORT); return second.assignment().size() == 2; });
      same(true, System.nanoTime() - began < 30_000_000_000L, "long before its session ends");
    }
    get(admin.removeMembersFromConsumerGroup("static", new RemoveMembersFromConsumerGroupOptions(Set.of(new MemberToRemove("one")))).all());
    same(0, describe("static").members().size(), "members that an administrator has removed");
  }

  static void rebalance() throws Exception {
    topic("rebalance", 4);
    for (String assignor : List.of("CooperativeSticky", "Range")) {
      String[] how = {"partition.assignment.strategy", "org.apache.kafka.clients.consumer." + assignor + "Assignor", "heartbeat.interval.ms", "300"};
      try (var second = consumer("rebalance-" + assignor, how)) {
        try (var first = consumer("rebalance-" + assignor, how)) {
          first.subscribe(List.of("rebalance"));
          until("all for one", () -> { first.poll(SHORT); return first.assignment().size() == 4; });
          second.subscribe(List.of("rebalance"));
          // Each polls in a thread of its own: an eager one waits in poll() for the other.
          boolean[] enough = {false};
          Thread other = new Thread(() -> { while (!enough[0] && second.assignment().size() != 2) second.poll(SHORT); });
          other.start();
          until("half for the first", () -> { first.poll(SHORT); return first.assignment().size() == 2 && !other.isAlive(); });
          enough[0] = true;
        }
        until("all for the other", () -> { second.poll(SHORT); return second.assignment().size() == 4; });
      }
    }
  }

  static void groups() throws Exception {
    topic("groups", 1);
    TopicPartition at = new TopicPartition("groups", 0);
    try (var reader = consumer("described", "client.id", "the-client")) {
      reader.subscribe(List.of("groups"));
      until("an assignment", () -> { reader.poll(SHORT); return reader.assignment().size() == 1; });
      @SuppressWarnings("deprecation")
      boolean listed = get(admin.listConsumerGroups().all()).stream().map(ConsumerGroupListing::groupId).anyMatch("described"::equals);
      same(true, listed, "listed");
      var member = describe("described").members().iterator().next();
      same("the-client " + Set.of(at), member.clientId() + " " + member.assignment().topicPartitions(), "member");
      reader.commitSync(Map.of(at, new OffsetAndMetadata(0)));
      refused(GroupNotEmptyException.class, () -> get(admin.deleteConsumerGroups(List.of("described")).all()));
    }
    get(admin.deleteConsumerGroups(List.of("described")).all());
    refused(GroupIdNotFoundException.class, () -> get(admin.deleteConsumerGroups(List.of("described")).all()));
  }

  static void deleteRecords() throws Exception {
    topic("deleted", 1);
    produce(numbers("deleted", 100));
    TopicPartition at = new TopicPartition("deleted", 0);
    same(40L, get(admin.deleteRecords(Map.of(at, RecordsToDelete.beforeOffset(40))).lowWatermarks().get(at)).lowWatermark(), "low watermark");
    same(40L, get(admin.listOffsets(Map.of(at, OffsetSpec.earliest())).all()).get(at).offset(), "earliest");
    same(40L, read("deleted", 40, 1).get(0).offset(), "first");
    wrote("deleted", 60);
  }

  static void configs() throws Exception {
    topic("configs", 1, "retention.ms", "1000000");
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, "configs");
    same("1000000", get(admin.describeConfigs(List.of(resource)).all()).get(resource).get("retention.ms").value(), "retention.ms");
    alter(resource, "retention.ms", "2000000");
    alter(resource, "cleanup.policy", "compact");
    var now = get(admin.describeConfigs(List.of(resource)).all()).get(resource);
    same("2000000 compact", now.get("retention.ms").value() + " " + now.get("cleanup.policy").value(), "settings");
    same(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, now.get("retention.ms").source(), "source");
    same(true, now.get("segment.bytes").isDefault(), "others are defaults");
    refused(InvalidConfigurationException.class, () -> alter(resource, "no.such.setting", "1"));
    ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
    same("32", get(admin.describeConfigs(List.of(broker)).all()).get(broker).get("num.partitions").value(), "num.partitions");
  }

  static void alter(ConfigResource resource, String name, String value) throws Exception {
    Collection<AlterConfigOp> set = List.of(new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET));
    get(admin.incrementalAlterConfigs(Map.of(resource, set)).all());
  }

  static void large() throws Exception {
    topic("large", 1);
    byte[] value = "large ".repeat(1_000_000).getBytes();
    produce(List.of(new ProducerRecord<>("large", value), new ProducerRecord<>("large", number(1))), "max.request.size", "20000000");
    var got = read("large", 0, 2);  // larger than a fetch: a consumer must be able to go on
    same(true, Arrays.equals(value, got.get(0).value()), "the large one");
    same("1", new String(got.get(1).value()), "the small one");
    wrote("large", 2);
  }

  static void tooLarge() throws Exception {
    topic("too-large", 1, "max.message.bytes", "10000");
    refused(RecordTooLargeException.class, () -> produce(List.of(new ProducerRecord<>("too-large", new byte[50_000]))));
    produce(List.of(new ProducerRecord<>("too-large", new byte[5_000])));
    wrote("too-large", 1);
  }

  static void unknown() throws Exception {
    refused(UnknownTopicOrPartitionException.class, () -> get(admin.describeTopics(List.of("not-there")).allTopicNames()));
    topic("one-partition", 1);
    refused(TimeoutException.class, () -> produce(List.of(new ProducerRecord<>("one-partition", 7, null, number(1))), "max.block.ms", "1000"));
    try (var reader = consumer("nobody", "allow.auto.create.topics", "false")) {
      same(List.of(), Objects.requireNonNullElse(reader.partitionsFor("not-there"), List.of()), "partitions of nothing");
    }
  }

  static void login() throws Exception {
    for (String mechanism : List.of("SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN")) {
      String module = mechanism.equals("PLAIN") ? "plain.Plain" : "scram.Scram";
      for (String password : List.of(WHERE.get("password"), "wrong")) {
        Properties how = settings("bootstrap.servers", WHERE.get("secure"), "security.protocol", "SASL_SSL", "sasl.mechanism", mechanism,
            "ssl.truststore.type", "PEM", "ssl.truststore.location", WHERE.get("ca"), "sasl.jaas.config",
            "org.apache.kafka.common.security." + module + "LoginModule required username=\"" + WHERE.get("user") + "\" password=\"" + password + "\";");
        try (Admin secure = Admin.create(how)) {
          if (password.equals("wrong"))
            refused(SaslAuthenticationException.class, () -> get(secure.listTopics().names()));
          else
            same(1, get(secure.describeCluster().nodes()).size(), mechanism);
        }
      }
    }
  }

  static void transactions() throws Exception {
    try (var producer = new KafkaProducer<>(settings("transactional.id", "t", "max.block.ms", "30000"), new ByteArraySerializer(), new ByteArraySerializer())) {
      producer.initTransactions();
    } catch (KafkaException error) {
      same(false, error instanceof TimeoutException, "it was left to try on: " + error);
      System.out.println("# transactions: " + error);
      return;
    }
    throw new AssertionError("they were not refused");
  }

  public static void main(String[] arguments) throws Exception {
    Matcher pair = Pattern.compile("\"(\\w+)\": \"([^\"]*)\"").matcher(Files.readString(Path.of(arguments[0])));
    while (pair.find()) WHERE.put(pair.group(1), pair.group(2));
    admin = Admin.create(settings());
    Map<String, Check> checks = new LinkedHashMap<>();
    checks.put("metadata", Checks::metadata);
    checks.put("topics", Checks::topics);
    checks.put("acks", Checks::acks);
    checks.put("idempotent", Checks::idempotent);
    checks.put("codecs", Checks::codecs);
    checks.put("parts", Checks::parts);
    checks.put("positions", Checks::positions);
    checks.put("times", Checks::times);
    checks.put("group", Checks::group);
    checks.put("static", Checks::staticMember);
    checks.put("rebalance", Checks::rebalance);
    checks.put("groups", Checks::groups);
    checks.put("delete-records", Checks::deleteRecords);
    checks.put("configs", Checks::configs);
    checks.put("large", Checks::large);
    checks.put("too-large", Checks::tooLarge);
    checks.put("unknown", Checks::unknown);
    checks.put("login", Checks::login);
    checks.put("transactions", Checks::transactions);
    int failed = 0;
    for (var each : checks.entrySet()) {
      try {
        each.getValue().run();
        System.out.println("ok " + each.getKey());
      } catch (Exception | AssertionError error) {
        ++failed;
        System.out.println("FAILED " + each.getKey() + ": " + String.valueOf(error).replace('\n', ' '));
        error.printStackTrace();
      }
    }
    System.exit(failed > 0 ? 1 : 0);
  }
}
