// The checks of ../clients_test.py by franz-go: kgo for records and groups, kadm for administration.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

const limit = 60 * time.Second

var where struct{ Plain, Secure, Ca, User, Password string }
var admin *kadm.Client

// A check that does not hold ends with a panic, which main turns into its line.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func same[T comparable](expected, found T, what string) {
	if expected != found {
		panic(fmt.Errorf("%s: expected %v, found %v", what, expected, found))
	}
}

func refused(as *kerr.Error, err error) {
	if !errors.Is(err, as) {
		panic(fmt.Errorf("expected %v, told %v", as, err))
	}
}

func within() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	time.AfterFunc(limit, cancel)
	return ctx
}

func until(what string, ready func() bool) {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ready() {
			return
		}
	}
	panic(fmt.Errorf("not within %v: %s", limit, what))
}

func client(opts ...kgo.Opt) *kgo.Client {
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(where.Plain)}, opts...)...)
	must(err)
	return cl
}

func topic(name string, partitions int32, configs ...string) string {
	set := map[string]*string{}
	for i := 0; i < len(configs); i += 2 {
		set[configs[i]] = &configs[i+1]
	}
	_, err := admin.CreateTopic(within(), partitions, 1, set, name)
	must(err)
	return name
}

func numbers(name string, count int) (records []*kgo.Record) {
	for i := 0; i < count; i++ {
		records = append(records, &kgo.Record{Topic: name, Value: fmt.Appendf(nil, "%d", i)})
	}
	return records
}

func produce(records []*kgo.Record, opts ...kgo.Opt) error {
	cl := client(opts...)
	defer cl.Close()
	return cl.ProduceSync(within(), records...).FirstErr()
}

func wrote(name string, count int) { fmt.Println("wrote", name, count) }

func take(cl *kgo.Client, count int) (taken []*kgo.Record) {
	for ctx := within(); len(taken) < count; {
		fetches := cl.PollFetches(ctx)
		must(fetches.Err())
		taken = append(taken, fetches.Records()...)
	}
	return taken
}

func read(name string, from kgo.Offset, count int) []*kgo.Record {
	cl := client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{name: {0: from}}), kgo.FetchMaxPartitionBytes(16<<20))
	defer cl.Close()
	return take(cl, count)
}

func sameValues(name string, count int) {
	for i, each := range read(name, kgo.NewOffset().AtStart(), count)[:count] {
		same(fmt.Sprint(i), string(each.Value), name)
	}
}

func metadata() {
	topic("metadata", 3)
	told, err := admin.Metadata(within(), "metadata")
	must(err)
	same(1, len(told.Brokers), "brokers")
	same(where.Plain, fmt.Sprintf("%s:%d", told.Brokers[0].Host, told.Brokers[0].Port), "address")
	same(3, len(told.Topics["metadata"].Partitions), "partitions")
	for _, each := range told.Topics["metadata"].Partitions {
		same(told.Brokers[0].NodeID, each.Leader, "leader")
	}
}

func topics() {
	topic("topics", 2)
	_, err := admin.CreateTopic(within(), 2, 1, nil, "topics")
	refused(kerr.TopicAlreadyExists, err)
	_, err = admin.CreateTopic(within(), 1, 3, nil, "three")
	refused(kerr.InvalidReplicationFactor, err)
	_, err = admin.CreateTopic(within(), 1, 1, nil, "no/name")
	refused(kerr.InvalidTopicException, err)
	grown, err := admin.CreatePartitions(within(), 3, "topics")
	must(err)
	must(grown.Error())
	listed, err := admin.ListTopics(within())
	must(err)
	same(5, len(listed["topics"].Partitions), "partitions")
	_, err = admin.DeleteTopic(within(), "topics")
	must(err)
	until("it is no longer listed", func() bool { // kgo remembers for some seconds
		listed, err = admin.ListTopics(within())
		must(err)
		return !listed.Has("topics")
	})
	_, err = admin.DeleteTopic(within(), "topics")
	refused(kerr.UnknownTopicOrPartition, err)
}

func acks() {
	for name, how := range map[string]kgo.Acks{"acks-none": kgo.NoAck(), "acks-leader": kgo.LeaderAck(), "acks-all": kgo.AllISRAcks()} {
		topic(name, 1)
		must(produce(numbers(name, 500), kgo.RequiredAcks(how), kgo.DisableIdempotentWrite()))
		sameValues(name, 500)
		wrote(name, 500)
	}
}

func idempotent() {
	topic("idempotent", 1)
	records := numbers("idempotent", 20000)
	must(produce(records, kgo.ProducerBatchMaxBytes(4000)))
	for i, each := range records {
		same(int64(i), each.Offset, "offset")
	}
	sameValues("idempotent", 20000)
	wrote("idempotent", 20000)
}

func codecs() {
	for name, codec := range map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()} {
		topic(name, 1)
		must(produce(numbers(name, 5000), kgo.ProducerBatchCompression(codec)))
		sameValues(name, 5000)
		wrote(name, 5000)
	}
}

func parts() {
	topic("parts", 1)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	sent := []*kgo.Record{
		{},
		{Key: []byte{}, Value: []byte{}, Headers: []kgo.RecordHeader{{Key: "empty", Value: []byte{}}}},
		{Key: []byte("k"), Value: all, Headers: []kgo.RecordHeader{{Key: "twice", Value: []byte("1")}, {Key: "twice", Value: []byte("2")}, {Key: "null"}}},
	}
	for i, each := range sent {
		each.Topic, each.Timestamp = "parts", time.UnixMilli(1_700_000_000_000+int64(i))
	}
	must(produce(sent))
	for i, got := range read("parts", kgo.NewOffset().AtStart(), 3) {
		want := sent[i]
		same(true, bytes.Equal(want.Key, got.Key) && (want.Key == nil) == (got.Key == nil), "key")
		same(true, bytes.Equal(want.Value, got.Value) && (want.Value == nil) == (got.Value == nil), "value")
		same(fmt.Sprint(want.Headers), fmt.Sprint(got.Headers), "headers")
		same(want.Timestamp.UnixMilli(), got.Timestamp.UnixMilli(), "time")
	}
	wrote("parts", 3)
}

func positions() {
	topic("positions", 1)
	must(produce(numbers("positions", 100)))
	same(int64(0), read("positions", kgo.NewOffset().AtStart(), 1)[0].Offset, "earliest")
	same(int64(57), read("positions", kgo.NewOffset().At(57), 1)[0].Offset, "named")
	same(int64(90), read("positions", kgo.NewOffset().AtEnd().Relative(-10), 1)[0].Offset, "from the latest")
	start, err := admin.ListStartOffsets(within(), "positions")
	must(err)
	end, err := admin.ListEndOffsets(within(), "positions")
	must(err)
	first, _ := start.Lookup("positions", 0)
	last, _ := end.Lookup("positions", 0)
	same(int64(0), first.Offset, "start")
	same(int64(100), last.Offset, "end")
	beyond := client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"positions": {0: kgo.NewOffset().At(5000)}}), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	defer beyond.Close()
	refused(kerr.OffsetOutOfRange, beyond.PollFetches(within()).Err())
	wrote("positions", 100)
}

func times() {
	topic("times", 1)
	records := numbers("times", 50)
	for i, each := range records {
		each.Timestamp = time.UnixMilli(1_700_000_000_000 + 1000*int64(i))
	}
	must(produce(records))
	for when, offset := range map[int64]int64{1_700_000_010_000: 10, 1_700_000_010_001: 11, 1: 0, 1_800_000_000_000: 50} {
		told, err := admin.ListOffsetsAfterMilli(within(), when, "times")
		must(err)
		found, _ := told.Lookup("times", 0)
		same(offset, found.Offset, fmt.Sprint(when))
	}
	wrote("times", 50)
}

func group() {
	topic("group", 1)
	must(produce(numbers("group", 100)))
	of := []kgo.Opt{kgo.ConsumerGroup("committing"), kgo.ConsumeTopics("group"), kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}
	first := client(of...)
	taken := take(first, 60)
	must(first.CommitRecords(within(), taken[59]))
	first.Close()
	kept, err := admin.FetchOffsets(within(), "committing")
	must(err)
	at, _ := kept.Lookup("group", 0)
	same(int64(60), at.At, "committed")
	second := client(of...)
	defer second.Close()
	for i, each := range take(second, 40) {
		same(fmt.Sprint(60+i), string(each.Value), "resumed")
	}
	wrote("group", 100)
}

func members(group string) []kadm.DescribedGroupMember {
	told, err := admin.DescribeGroups(within(), group)
	must(err)
	must(told[group].Err)
	return told[group].Members
}

func static() {
	topic("static", 2)
	assigned := make(chan int, 10)
	of := []kgo.Opt{kgo.ConsumerGroup("static"), kgo.ConsumeTopics("static"), kgo.InstanceID("one"), kgo.OnPartitionsAssigned(
		func(_ context.Context, _ *kgo.Client, share map[string][]int32) { assigned <- len(share["static"]) })}
	first := client(of...)
	same(2, <-assigned, "assigned")
	first.Close() // a static one does not leave
	same(1, len(members("static")), "members")
	same("one", *members("static")[0].InstanceID, "instance")
	began := time.Now()
	second := client(of...)
	same(2, <-assigned, "assigned again")
	same(true, time.Since(began) < 30*time.Second, "long before its session ends")
	second.Close()
	_, err := admin.LeaveGroup(within(), kadm.LeaveGroup("static").InstanceIDs("one"))
	must(err)
	same(0, len(members("static")), "members that an administrator has removed")
}

func rebalance() {
	topic("rebalance", 4)
	of := []kgo.Opt{kgo.ConsumerGroup("rebalance"), kgo.ConsumeTopics("rebalance")}
	share := func() string {
		shares := ""
		for _, each := range members("rebalance") {
			assigned, _ := each.Assigned.AsConsumer()
			count := 0
			if assigned != nil {
				for _, topic := range assigned.Topics {
					count += len(topic.Partitions)
				}
			}
			shares += fmt.Sprint(count)
		}
		return shares
	}
	first := client(of...)
	until("all for one", func() bool { return share() == "4" })
	second := client(of...)
	until("two each", func() bool { return share() == "22" })
	first.Close()
	until("all for the other", func() bool { return share() == "4" })
	second.Close()
}

func groups() {
	topic("groups", 1)
	reader := client(kgo.ConsumerGroup("described"), kgo.ConsumeTopics("groups"), kgo.ClientID("the-client"), kgo.DisableAutoCommit())
	until("stable", func() bool {
		told, err := admin.DescribeGroups(within(), "described")
		must(err)
		return told["described"].State == "Stable"
	})
	listed, err := admin.ListGroups(within())
	must(err)
	_, there := listed["described"]
	same(true, there, "listed")
	same("the-client", members("described")[0].ClientID, "client")
	must(commit(reader, "groups", 0))
	_, err = admin.DeleteGroup(within(), "described")
	refused(kerr.NonEmptyGroup, err)
	reader.Close()
	_, err = admin.DeleteGroup(within(), "described")
	must(err)
	_, err = admin.DeleteGroup(within(), "described")
	refused(kerr.GroupIDNotFound, err)
}

func deleteRecords() {
	topic("deleted", 1)
	must(produce(numbers("deleted", 100)))
	offsets := kadm.Offsets{}
	offsets.AddOffset("deleted", 0, 40, -1)
	told, err := admin.DeleteRecords(within(), offsets)
	must(err)
	low, _ := told.Lookup("deleted", 0)
	same(int64(40), low.LowWatermark, "low watermark")
	same(int64(40), read("deleted", kgo.NewOffset().AtStart(), 1)[0].Offset, "earliest")
	wrote("deleted", 60)
}

func configs() {
	topic("configs", 1, "retention.ms", "1000000")
	described := func(name string) string {
		told, err := admin.DescribeTopicConfigs(within(), "configs")
		must(err)
		for _, each := range told[0].Configs {
			if each.Key == name {
				return each.MaybeValue()
			}
		}
		return "(none)"
	}
	alter := func(call func(context.Context, []kadm.AlterConfig, ...string) (kadm.AlterConfigsResponses, error), name, value string) error {
		told, err := call(within(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: name, Value: &value}}, "configs")
		must(err)
		return told[0].Err
	}
	same("1000000", described("retention.ms"), "retention.ms")
	must(alter(admin.AlterTopicConfigs, "retention.ms", "2000000"))
	same("2000000", described("retention.ms"), "retention.ms")
	refused(kerr.InvalidConfig, alter(admin.AlterTopicConfigs, "no.such.setting", "1"))
	must(alter(admin.AlterTopicConfigsState, "cleanup.policy", "compact"))
	same("compact", described("cleanup.policy"), "cleanup.policy")
	same(false, described("retention.ms") == "2000000", "what is not named goes back to its default")
	told, err := admin.DescribeBrokerConfigs(within(), 1)
	must(err)
	same(true, len(told[0].Configs) > 5, "the broker's own")
}

func large() {
	topic("large", 1)
	value := bytes.Repeat([]byte("large "), 1_000_000)
	must(produce([]*kgo.Record{{Topic: "large", Value: value}, {Topic: "large", Value: []byte("small")}},
		kgo.ProducerBatchMaxBytes(20_000_000), kgo.ProducerBatchCompression(kgo.NoCompression())))
	got := read("large", kgo.NewOffset().AtStart(), 2)
	same(true, bytes.Equal(value, got[0].Value), "the large one")
	same("small", string(got[1].Value), "the small one")
	wrote("large", 2)
}

func tooLarge() {
	topic("too-large", 1, "max.message.bytes", "10000")
	refused(kerr.MessageTooLarge, produce([]*kgo.Record{{Topic: "too-large", Value: make([]byte, 50_000)}}, kgo.ProducerBatchCompression(kgo.NoCompression())))
	must(produce([]*kgo.Record{{Topic: "too-large", Value: make([]byte, 5_000)}}))
	wrote("too-large", 1)
}

func unknown() {
	told, err := admin.ListTopics(within(), "not-there")
	must(err)
	refused(kerr.UnknownTopicOrPartition, told["not-there"].Err)
	refused(kerr.UnknownTopicOrPartition, produce(numbers("not-there", 1), kgo.UnknownTopicRetries(1)))
	topic("one-partition", 1)
	fetch := kmsg.NewListOffsetsRequest()
	fetch.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: "one-partition", Partitions: []kmsg.ListOffsetsRequestTopicPartition{{Partition: 7, Timestamp: -1}}}}
	fetch.ReplicaID = -1
	cl := client()
	defer cl.Close()
	answer, err := fetch.RequestWith(within(), cl)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode)
	}
	refused(kerr.UnknownTopicOrPartition, err)
}

func login() {
	pem, err := os.ReadFile(where.Ca)
	must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	ways := func(password string) map[string]sasl.Mechanism {
		return map[string]sasl.Mechanism{
			"SCRAM-SHA-256": scram.Auth{User: where.User, Pass: password}.AsSha256Mechanism(),
			"SCRAM-SHA-512": scram.Auth{User: where.User, Pass: password}.AsSha512Mechanism(),
			"PLAIN":         plain.Auth{User: where.User, Pass: password}.AsMechanism(),
		}
	}
	enter := func(way sasl.Mechanism) error {
		cl, err := kgo.NewClient(kgo.SeedBrokers(where.Secure), kgo.SASL(way), kgo.DialTLSConfig(&tls.Config{RootCAs: roots}), kgo.RetryTimeout(5*time.Second))
		must(err)
		defer cl.Close()
		return cl.Ping(within())
	}
	for name, way := range ways(where.Password) {
		if err := enter(way); err != nil {
			panic(fmt.Errorf("%s: %w", name, err))
		}
	}
	for _, way := range ways("wrong") {
		refused(kerr.SaslAuthenticationFailed, enter(way))
	}
}

func transactions() {
	cl := client(kgo.TransactionalID("t"))
	defer cl.Close()
	_, _, err := cl.ProducerID(within())
	refused(kerr.TransactionalIDAuthorizationFailed, err)
	fmt.Println("# transactions:", err)
}

func run(name string, check func()) (ok bool) {
	defer func() {
		if why := recover(); why != nil {
			fmt.Printf("FAILED %s: %v\n", name, strings.ReplaceAll(fmt.Sprint(why), "\n", " "))
		}
	}()
	check()
	fmt.Println("ok", name)
	return true
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	must(err)
	must(json.Unmarshal(text, &where))
	admin = kadm.NewClient(client())
	admin.SetTimeoutMillis(60_000)
	failed := 0
	for _, each := range []struct {
		name  string
		check func()
	}{
		{"metadata", metadata}, {"topics", topics}, {"acks", acks}, {"idempotent", idempotent}, {"codecs", codecs}, {"parts", parts},
		{"positions", positions}, {"times", times}, {"group", group}, {"static", static}, {"rebalance", rebalance}, {"groups", groups},
		{"delete-records", deleteRecords}, {"configs", configs}, {"large", large}, {"too-large", tooLarge}, {"unknown", unknown},
		{"login", login}, {"transactions", transactions},
	} {
		if !run(each.name, each.check) {
			failed++
		}
	}
	if failed > 0 {
		os.Exit(1)
	}
}

func commit(cl *kgo.Client, topic string, offset int64) (failed error) {
	cl.CommitOffsetsSync(within(), map[string]map[int32]kgo.EpochOffset{topic: {0: {Epoch: -1, Offset: offset}}},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, _ *kmsg.OffsetCommitResponse, err error) {
			failed = err
		})
	return failed
}
