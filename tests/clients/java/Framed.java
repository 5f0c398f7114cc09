import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.DynamicMessage;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads topics whose values have Confluent's frame, with Apache's and Google's own decoders and the
 * schemas that the registry holds, and prints `TOPIC ID` for each record's field `id`.
 *
 *   Framed BROKERS REGISTRY DESCRIPTORS TOPIC=avro|json|protobuf...
 *
 * The registry's .proto texts are not parsed: DESCRIPTORS is a file with the set they make, the
 * imported ones first.
 */
public final class Framed {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  private final String registry;
  private final FileDescriptor proto;
  private final Map<Integer, Schema> schemas = new HashMap<>();
  private final Map<Integer, String> types = new HashMap<>();

  private Framed(String registry, FileDescriptor proto) {
    this.registry = registry;
    this.proto = proto;
  }

  public static void main(String[] arguments) throws Exception {
    Framed framed = new Framed(arguments[1], protoFrom(Path.of(arguments[2])));
    for (int i = 3; i < arguments.length; ++i) {
      String[] asked = arguments[i].split("=");
      framed.read(arguments[0], asked[0], asked[1]);
    }
  }

  private void read(String brokers, String topic, String kind) throws Exception {
    Map<String, Object> settings = Map.of("bootstrap.servers", brokers);
    ByteArrayDeserializer bytes = new ByteArrayDeserializer();
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
      List<TopicPartition> all = new ArrayList<>();
      consumer.partitionsFor(topic).forEach(each -> all.add(new TopicPartition(topic, each.partition())));
      consumer.assign(all);
      consumer.seekToBeginning(all);
      Map<TopicPartition, Long> ends = consumer.endOffsets(all);
      StringBuilder told = new StringBuilder();
      while (all.stream().anyMatch(each -> consumer.position(each) < ends.get(each)))
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1)))
          told.append(topic).append(' ').append(idOf(record.value(), kind)).append('\n');
      System.out.print(told);
    }
  }

  private String idOf(byte[] value, String kind) throws Exception {
    ByteBuffer frame = ByteBuffer.wrap(value);
    check(frame.get() == 0, "the frame begins with 0");
    int number = frame.getInt();
    check(kind.equals(typeOf(number)), "the registry calls schema " + number + " " + types.get(number));
    InputStream body = new ByteArrayInputStream(value, frame.position(), frame.remaining());
    switch (kind) {
      case "avro":
        BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(body, null);
        GenericRecord record = new GenericDatumReader<GenericRecord>(schemas.get(number)).read(null, decoder);
        check(decoder.isEnd(), "nothing is left over");
        return record.get("id").toString();
      case "json":
        return JSON.readTree(body).get("id").asText();
      default:
        CodedInputStream input = CodedInputStream.newInstance(body);
        DynamicMessage message = DynamicMessage.parseFrom(messageAt(input), input);
        check(message.getUnknownFields().asMap().isEmpty(), "no field is unknown");
        return message.getField(message.getDescriptorForType().findFieldByName("id")).toString();
    }
  }

  /** Confluent's path to a message: how many steps, then each; a lone 0 is the first message. */
  private Descriptor messageAt(CodedInputStream input) throws Exception {
    int steps = input.readSInt32();
    Descriptor message = proto.getMessageTypes().get(steps == 0 ? 0 : input.readSInt32());
    for (int i = 1; i < steps; ++i) message = message.getNestedTypes().get(input.readSInt32());
    return message;
  }

  private String typeOf(int number) throws Exception {
    if (!types.containsKey(number)) {
      JsonNode shown = get("/schemas/ids/" + number);
      String type = shown.path("schemaType").asText("AVRO").toLowerCase();
      if (type.equals("avro")) schemas.put(number, parsed(shown, new Schema.Parser()));
      types.put(number, type);
    }
    return types.get(number);
  }

  private Schema parsed(JsonNode shown, Schema.Parser parser) throws Exception {
    for (JsonNode each : shown.path("references")) {
      String subject = URLEncoder.encode(each.get("subject").asText(), StandardCharsets.UTF_8);
      parsed(get("/subjects/" + subject + "/versions/" + each.get("version").asInt()), parser);
    }
    return parser.parse(shown.get("schema").asText());
  }

  private JsonNode get(String path) throws Exception {
    HttpResponse<String> answer = HTTP.send(HttpRequest.newBuilder(URI.create(registry + path)).build(),
                                            HttpResponse.BodyHandlers.ofString());
    check(answer.statusCode() == 200, path + " answered " + answer.statusCode());
    return JSON.readTree(answer.body());
  }

  private static FileDescriptor protoFrom(Path path) throws Exception {
    List<FileDescriptor> made = new ArrayList<>();
    for (FileDescriptorProto each : FileDescriptorSet.parseFrom(Files.readAllBytes(path)).getFileList())
      made.add(FileDescriptor.buildFrom(each, made.toArray(new FileDescriptor[0])));
    return made.get(made.size() - 1);
  }

  private static void check(boolean holds, String what) {
    if (!holds) throw new IllegalStateException("not so: " + what);
  }
}
