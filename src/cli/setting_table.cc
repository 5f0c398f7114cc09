// Every setting, once: flag, key, environment names, default and help. A command names the ones
// it takes (its own file); --help, `datastorm config`, the completion and the reference are made
// from this table.
#include "cli/settings.h"

namespace ds::cli {
namespace {

using enum Kind;

constexpr Setting kSettings[] = {
    // For all commands.
    {"json", kSwitch, "", "", "",
     "one JSON object on standard output at the end; text on standard error"},
    {"config", kText, "FILE", "", "", "read settings from FILE instead of datastorm.toml"},
    {"data-dir", kText, "DIR", "DATASTORM_DATA_DIR", "datastorm-data",
     "where DataStorm keeps its own files"},
    {"quiet", kSwitch, "", "", "", "no screen and no progress lines"},
    {"log-level", kText, "LEVEL", "DATASTORM_LOG_LEVEL", "info", "debug, info, warn or error"},

    // Reaching Kafka.
    {"brokers", kText, "LIST", "KAFKA_BROKERS", "127.0.0.1:9092",
     "Kafka brokers, HOST:PORT with commas"},
    {"command-config", kText, "FILE", "", "",
     "client properties as Kafka's own tools take them (TLS, SASL)"},
    {"property", kList, "NAME=VALUE", "", "", "any librdkafka property; repeatable"},
    {"topic", kText, "T", "KAFKA_TOPIC TOPIC", "tweets", "the topic"},

    // The storm.
    {"total", kCount, "N", "", "50000000", "how many records; 0 is no end"},
    {"duration", kDuration, "D", "", "0", "stop after this time; 0 is never"},
    {"rate", kText, "N|max", "", "max", "records a second, or max: as fast as it goes"},
    {"schedule", kText, "S", "", "",
     "a rate over time: \"10s@100k, ramp 30s 100k..2M, spike 1s@5M every 10s\"; also sine, walk, "
     "trace:FILE and poisson"},
    {"replay", kText, "FIELD", "", "",
     "send the lines of --payload file:PATH at their recorded times: \"timestamp\", \"timestamp ms "
     "x2\" (twice as fast), \"first-word x0.5\" (stretched)"},
    {"workers", kCount, "N", "WORKERS", "0",
     "worker threads; 0 is max(4, cores) on at most as many threads as cores, for consume "
     "min(cores, 4)"},
    {"batch-size", kCount, "N", "BATCH_SIZE", "0",
     "records in a generator batch; 0 is 8000, or 20 ms of the rate if that is less"},
    {"batch-interval-ms", kCount, "N", "BATCH_INTERVAL_MS", "0",
     "one batch a worker every N ms; 0 is by --rate"},
    {"streams", kCount, "N", "", "0",
     "streams of the run; 0 is the smallest multiple of the partitions that is at least 64"},
    {"partitions", kCount, "N", "", "32", "partitions of a topic that is created"},
    {"replication", kCount, "N", "", "1", "replicas of a topic that is created"},
    {"acks", kText, "0|1|all", "", "1", "whose word counts as delivered"},
    {"idempotence", kSwitch, "", "", "", "no duplicates by retries (needs acks all)"},
    {"compression", kText, "C", "", "none", "none, gzip, snappy, lz4 or zstd"},
    {"engine", kText, "E", "", "direct", "direct (DataStorm's own) or librdkafka"},
    {"payload", kText, "P", "", "tweet",
     "what the records are: tweet, reading, template:PATH, schema:PATH.avsc, schema:PATH.json, "
     "protobuf:PATH:MESSAGE, file:PATH or random:N"},
    {"encoding", kText, "E", "", "", "avro, json or protobuf; empty is the payload's own"},
    {"pool", kCount, "N", "", "1024",
     "pre-serialised variants of each kind a worker; 0 makes each record afresh"},
    {"schema-id", kCount, "N", "", "0",
     "frame each value as Confluent's serialisers do, with this schema id; 0 is no frame"},
    {"registry", kText, "URL", "SCHEMA_REGISTRY_URL", "",
     "a schema registry: it is told the payload's schema, and values get Confluent's frame"},
    {"registry-user", kText, "USER", "SCHEMA_REGISTRY_USER", "", "for basic authentication"},
    {"registry-password", kText, "PASSWORD", "SCHEMA_REGISTRY_PASSWORD", "",
     "only from the environment or a file: arguments are seen by everybody"},
    {"registry-ca", kText, "FILE", "", "", "PEM of who signed the registry's certificate"},
    {"schema-look-up", kSwitch, "", "", "",
     "the registry must know the schema already: nothing is registered"},
    {"subject", kText, "S", "", "",
     "what the registry files the schema under; empty is TOPIC-value"},
    {"schema", kText, "FILE", "", "",
     "the JSON Schema that the registry is told of template: and file: with --encoding json"},
    {"reference", kList, "TYPE=FILE", "", "",
     "an Avro schema that the payload's refers to by its type's name; repeatable"},
    {"mode", kText, "M", "MODE", "fixed",
     "fixed: exact shares; volatile: each batch draws its own"},
    {"positive", kText, "P", "SENTIMENT_POSITIVE", "50", "percent of positive tweets"},
    {"negative", kText, "P", "SENTIMENT_NEGATIVE", "30", "percent of negative tweets"},
    {"neutral", kText, "P", "SENTIMENT_NEUTRAL", "20", "percent of neutral tweets"},
    {"volatility", kText, "F", "VOLATILITY_FACTOR", "0.8", "how far volatile mixes swing, 0 to 1"},
    {"brands", kText, "LIST", "", "SuperCoffee", "brands with weights: SuperCoffee:3,MegaTea:1"},
    {"seed", kCount, "N", "", "1", "the data are a pure function of it"},
    {"timestamps", kText, "T", "", "batch",
     "batch: its records share one; each: every record has the time at which it was made"},
    {"keys", kText, "K", "", "none",
     "none, uniform, zipf, zipf:1.2, one, brand or field:NAME (of a tweet or a JSON object); "
     "sensors: none or sensor, its number"},
    {"key-cardinality", kCount, "N", "", "1000", "how many keys uniform and zipf draw from"},
    {"partitioner", kText, "P", "", "",
     "stream, key (murmur2, as Kafka's clients), round-robin or sticky; empty is key with keys, "
     "else stream"},
    {"header", kList, "NAME=VALUE", "", "",
     "a header for each record; NAME=random:16 is so many hex digits of its own; repeatable"},
    {"tombstones", kText, "SHARE", "", "0", "records without a value: 5%, or 0.05"},
    {"transaction-records", kCount, "N", "", "0",
     "transactions of so many records, through librdkafka; 0 is none"},
    {"abort-rate", kText, "SHARE", "", "0", "transactions that are aborted: 5%, or 0.05"},
    {"shard", kText, "i/n", "", "0/1", "be one of n processes that make one run together"},
    {"run", kText, "ID", "", "",
     "the run's id: 12 hex digits; empty draws one (verify: empty is latest)"},
    {"warmup", kDuration, "D", "", "0", "left out of rates and latencies"},
    {"fault", kList, "F", "", "",
     "a fault that is played on the run, \"freeze-sink 30s for 5s\"; repeatable, a table "
     "[faults] in scenarios (docs/scenarios.md)"},
    {"limit", kList, "L", "", "",
     "fail (exit 1) unless it holds: \"p99<20ms\", lost=0; repeatable"},
    {"junit", kText, "FILE", "", "", "write the goal and the limits there, as JUnit's XML"},
    {"dry-run", kCount, "N", "", "0", "print N records readably and stop"},
    {"linger", kDuration, "D", "", "0",
     "a small batch waits this long for others of its partition"},
    {"batch-bytes", kSize, "SIZE", "", "1048576", "a Kafka record batch's size limit"},
    {"buffer-memory", kSize, "SIZE", "", "64MiB",
     "memory for batches on their way, all workers together"},
    {"in-flight", kCount, "N", "", "5",
     "requests under way on a connection (at most 5 with --idempotence)"},
    {"connections", kCount, "N", "", "4", "connections to each broker"},
    {"one-by-one", kSwitch, "", "", "", "send each record alone, after the last one's answer"},
    {"preset", kText, "NAME", "", "",
     "a rung of the ladder, v0 to v5: its settings are the defaults of this run"},
    {"delivery-timeout", kDuration, "D", "", "2m", "give a batch up after this time"},

    // The embedded broker.
    {"listen", kText, "HOST:PORT", "", "127.0.0.1:9092",
     "where to listen; port 0 takes a free one. broker: several with commas, each perhaps with "
     "PLAINTEXT://, SSL://, SASL_PLAINTEXT:// or SASL_SSL:// before it, or unix:PATH"},
    {"durability", kText, "MODE", "", "cache", "sync, interval:MS, cache or memory"},
    {"retention-bytes", kSize, "SIZE", "", "0",
     "keep at most this much in the whole broker; 0 is all (up with --durability memory: 192MiB "
     "unless given)"},
    {"retention-time", kDuration, "D", "", "0", "keep records at most this long; 0 is for ever"},
    {"keep-unread", kSwitch, "", "", "",
     "never drop what a live group has not read: slow the producers instead"},
    {"repair", kSwitch, "", "", "",
     "cut damaged partitions at the damage instead of refusing them"},
    {"group-lives", kDuration, "D", "", "10m",
     "how long --keep-unread counts a group without members after its last commit"},
    {"idle-timeout", kDuration, "D", "", "10m", "end connections that have been silent this long"},
    {"tls-certificate", kText, "FILE", "", "", "PEM, the chain after it: listen with TLS"},
    {"tls-key", kText, "FILE", "", "", "the certificate's private key, PEM"},
    {"tls-client-ca", kText, "FILE", "", "",
     "clients must show a certificate of this authority, PEM"},
    {"users", kText, "FILE", "", "",
     "ask for a login by one of these users (see `datastorm user`); also from the variable "
     "DATASTORM_BROKER_USERS, NAME:PASSWORD with commas"},
    {"password-file", kText, "FILE", "", "",
     "the password's first line; else DATASTORM_PASSWORD, else standard input"},
    {"acl", kText, "FILE", "", "",
     "who may do what, a line each: WHO read,write,... topic NAME|group NAME|cluster|*"},
    {"advertise", kText, "HOST", "", "", "the host that clients beyond loopback are told"},
    {"allow-anonymous", kSwitch, "", "", "", "listen beyond loopback without users or TLS"},

    // The pipeline.
    {"group", kText, "G", "", "brandpulse-consumer-group", "the consumer group"},
    {"instance", kText, "ID", "", "",
     "static member id; empty is this host's, for the group, the sink and the first free slot"},
    {"assignor", kText, "LIST", "", "cooperative-sticky",
     "cooperative-sticky, range, roundrobin, sticky; with commas, the preferred first"},
    {"session-timeout", kDuration, "D", "", "30s",
     "the group gives a silent member's partitions to others after this"},
    {"heartbeat-interval", kDuration, "D", "", "3s", "how often the member says that it is alive"},
    {"partition-bytes", kSize, "SIZE", "", "1MiB", "at most this of one partition in one answer"},
    {"isolation", kText, "LEVEL", "", "read_committed",
     "read_committed leaves out what transactions aborted; or read_uncommitted"},
    {"reset-offsets", kSwitch, "", "", "", "start at the log's start whatever was committed"},
    {"sink", kList, "SINK", "", "",
     "sqlite:PATH, influx:URL, influx1:URL, mongo:URL, none or stdout; repeatable; empty is SQLite "
     "in the data folder"},
    {"store", kText, "WAY", "", "raw", "raw: a row a record; rollup: counts a batch; both"},
    {"raw-rows-for", kDuration, "D", "", "5m", "raw rows older than this are retired; 0 keeps all"},
    {"raw-bytes", kSize, "SIZE", "", "1GiB", "raw rows beyond this are retired; 0 keeps all"},
    {"synchronous", kText, "MODE", "", "normal", "SQLite's: off, normal or full"},
    {"decode", kText, "D", "", "auto", "avro, confluent, json or auto"},
    {"influx-url", kText, "URL", "INFLUX_URL", "", "for --sink influx: or influx1: without one"},
    {"influx-org", kText, "ORG", "INFLUX_ORG", "", "InfluxDB 2.x's organisation"},
    {"influx-user", kText, "USER", "INFLUX_USER", "",
     "InfluxDB 1.x's user; the token is the password"},
    {"influx-token", kText, "TOKEN", "INFLUX_TOKEN", "",
     "only from the environment or a file: arguments are seen by everybody"},
    {"influx-bucket", kText, "BUCKET", "INFLUX_BUCKET", "brandpulse",
     "the bucket, or 1.x's database"},
    {"influx-source-tag", kSwitch, "", "", "",
     "tag points source=kafkaConsumer, as the old system"},
    {"influx-gzip", kSwitch, "", "", "", "compress what is sent: for slow networks"},
    {"influx-connections", kCount, "N", "", "4", "connections to InfluxDB"},
    {"mongo-url", kText, "URL", "MONGO_URL", "", "for --sink mongo: without one"},
    {"from-dlq", kSwitch, "", "", "",
     "store what lies in TOPIC.dlq, each letter once, up to its end"},
    {"until-end", kSwitch, "", "", "",
     "stop where the topic ended at the start; a topic that is not there is refused then (exit "
     "2), and waited for otherwise"},
    {"flush-ms", kCount, "N", "", "100", "store at the latest this long after a record came"},

    // up, serve, monitor.
    {"scenario", kText, "NAME|FILE", "", "",
     "a whole run from a file, or one of those that `--scenario list` lists"},
    {"source", kText, "S", "", "tweets", "what makes the records: tweets (the storm) or sensors"},
    {"event", kList, "E", "", "",
     "what happens while it runs: \"30s crisis\", opportunity, start, stop or \"rate 50k\"; "
     "repeatable"},
    {"dashboard", kText, "HOST:PORT", "PORT", "127.0.0.1:3000", "where the dashboard listens"},
    {"control", kText, "HOST:PORT", "", "127.0.0.1:3001", "where the control API listens"},
    {"token", kText, "TOKEN", "DATASTORM_TOKEN", "",
     "what dashboard and control ask for; needed beyond loopback, 16 characters or more"},
    {"allow-host", kList, "NAME", "", "",
     "another name of the dashboard, e.g. a proxy's; repeatable"},
    {"broker-listen", kText, "HOST:PORT", "", "127.0.0.1:9092",
     "where the embedded broker listens; as broker's --listen"},
    {"no-open", kSwitch, "", "", "", "do not open a browser (the default)"},
    {"url", kText, "URL", "", "http://127.0.0.1:3000", "a running dashboard"},

    // gateway, and the webhook inside up.
    {"port", kText, "PORT", "PORT", "", "the gateway's port, when --listen is not given"},
    {"path", kText, "PATH", "", "/hook", "where the webhook is mounted"},
    {"hook-secret", kText, "S", "HOOK_SECRET", "",
     "the webhook's secret; only from HOOK_SECRET, .env or a file, never from a flag"},
    {"hook-secret-file", kText, "FILE", "HOOK_SECRET_FILE", "",
     "the webhook's secrets, one a line; read again when it changes"},
    {"allow-topic", kList, "T", "", "",
     "a topic that the webhook may write to; repeatable; empty is --topic alone"},
    {"hook-rate", kQuantity, "N", "", "0", "events a second for each secret; 0 is no limit"},
    {"hook-tolerance", kDuration, "D", "", "5m", "how far a sender's clock may be off"},
    {"replay-window", kDuration, "D", "", "5m",
     "a copy of a message is not stored again for so long; 0 stores it"},
    {"replay-messages", kCount, "N", "", "1048576", "how many messages are remembered for that"},
    {"body-bytes", kSize, "SIZE", "", "1MiB", "the largest body of a request"},
    {"in-flight-bytes", kSize, "SIZE", "", "64MiB", "what may wait for the broker; more is 503"},

    // sensors.
    {"producers", kCount, "N", "", "100", "how many sensors there are"},
    {"interval-ms", kQuantity, "N", "", "100",
     "each sensor sends every N ms, unless --rate is given"},
    {"via", kText, "URL|kafka", "", "http://127.0.0.1:3000/hook",
     "through a webhook (signed with the hook's secret), or straight into kafka"},
    {"distribution", kText, "D", "", "normal:20,5",
     "normal:MEAN,SD, uniform:MIN,MAX, sine:MEAN,AMPLITUDE,PERIOD, drift:START,STEP,SD, "
     "stuck:MEAN,SD,AFTER or failing:MEAN,SD,SHARE"},
    {"first-producer", kCount, "N", "", "1", "the first sensor's number"},
    {"lines", kCount, "N", "", "1", "readings in a request; above 1 they go as NDJSON"},

    // report.
    {"from", kText, "STORE", "", "",
     "the store: sqlite:PATH or mongo:URL; empty is SQLite in the data folder"},
    {"compare", kList, "A B", "", "",
     "two side by side: report takes folders that --out wrote, report.json files or stores; bench "
     "two bench.json, the older first"},
    {"interval", kDuration, "D", "", "1s", "how long the intervals are in which rates are counted"},

    // bench.
    {"runs", kCount, "N", "", "3", "how often each row is measured"},
    {"check", kText, "FILE", "", "",
     "hold a scenario against what `up` takes, and say what is wrong"},
    {"scenario-schema", kSwitch, "", "", "",
     "print a JSON Schema of scenarios, for editors (schemas/scenario.schema.json)"},
    {"list", kSwitch, "", "", "", "list the suites"},
    {"results", kText, "FILE", "", "", "take this bench.json instead of measuring"},
    {"tables", kText, "FILE", "", "", "write the tables into a document, between its markers"},
    {"throttle", kList, "STAGE=RATE", "", "",
     "slow a stage of the knee on purpose (generator, client, broker, sink); repeatable"},
    {"kafka-script", kText, "FILE", "DATASTORM_KAFKA_SH", "tests/servers/kafka/kafka.sh",
     "starts Apache Kafka for the suite peers when --brokers names none"},
    {"out", kText, "FOLDER", "", "", "write the results there"},
};

/// The headings of --help: each begins with a setting, and goes on to where the next one begins.
constexpr struct {
  std::string_view first, title;
} kSections[] = {
    {"json", "For every command"},
    {"brokers", "Kafka"},
    {"total", "How much, how fast, how safely"},
    {"payload", "What the records are"},
    {"shard", "The run and its goals"},
    {"linger", "Batches and connections"},
    {"listen", "The embedded broker"},
    {"group", "The pipeline and its stores"},
    {"scenario", "Dashboard and scenario"},
    {"port", "The webhook"},
    {"producers", "Sensors"},
    {"from", "Reports and benches"},
};

}  // namespace

std::span<const Setting> all_settings() {
  return kSettings;
}

std::string_view section_of(std::string_view name) {
  std::string_view title;
  for (const Setting& each : kSettings) {
    for (const auto& section : kSections)
      if (section.first == each.name) title = section.title;
    if (each.name == name) return title;
  }
  return {};
}

}  // namespace ds::cli
