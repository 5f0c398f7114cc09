import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.Readable;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.utils.Utils;

/**
 * Apache Kafka's own classes as a judge of our bytes. One command a line, one line of answer each;
 * the answer to a command that fails begins with "error".
 *
 *   message CLASS VERSION HEX JSON  "ok" when Kafka's CLASS reads HEX whole, finds the values of
 *                                   JSON in it under those names, and writes the same bytes
 *   default CLASS VERSION           the bytes of a message of which nothing was set, in hex
 *   reads CLASS VERSION HEX         "ok" when Kafka's CLASS reads HEX whole
 *   errors                          code|NAME|retriable, separated by blanks
 *   records HEX                     the batches and their records as JSON, checksums verified
 *   batch CODEC JSON                the bytes of a batch of these records, in hex
 *   partition PARTITIONS xHEX       the murmur2 of a key, and where its record goes
 */
public class KafkaOracle {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HexFormat HEX = HexFormat.of();

    private record Converter(Class<?> type, Method toJson) {}
    private static final Map<String, Converter> CONVERTERS = new HashMap<>();

    private static Converter converter(String name) throws Exception {
        Converter known = CONVERTERS.get(name);
        if (known != null) return known;
        Class<?> type = Class.forName("org.apache.kafka.common.message." + name);
        Class<?> json = Class.forName("org.apache.kafka.common.message." + name + "JsonConverter");
        Method write = json.getMethod("write", type, short.class, boolean.class);
        Converter made = new Converter(type, write);
        CONVERTERS.put(name, made);
        return made;
    }

    private static String message(String name, short version, String hex, String json) throws Exception {
        Converter converter = converter(name);
        ByteBufferAccessor in = new ByteBufferAccessor(ByteBuffer.wrap(HEX.parseHex(hex)));
        Message message = (Message) converter.type
            .getConstructor(Readable.class, short.class).newInstance(in, version);
        if (in.remaining() != 0) return "error " + in.remaining() + " bytes left over";

        JsonNode theirs = JSON.readTree(JSON.writeValueAsString(
            converter.toJson.invoke(null, message, version, true)));
        JsonNode ours = JSON.readTree(json);
        if (!theirs.equals(ours)) return "error Kafka reads " + theirs + ", not " + ours;

        String again = hex(MessageUtil.toByteBufferAccessor(message, version).buffer());
        return again.equals(hex) ? "ok" : "error Kafka writes " + again + ", not " + hex;
    }

    private static String defaults(String name, short version) throws Exception {
        Message message = (Message) converter(name).type.getConstructor().newInstance();
        return hex(MessageUtil.toByteBufferAccessor(message, version).buffer());
    }

    private static String reads(String name, short version, String hex) throws Exception {
        ByteBufferAccessor in = new ByteBufferAccessor(ByteBuffer.wrap(HEX.parseHex(hex)));
        converter(name).type.getConstructor(Readable.class, short.class).newInstance(in, version);
        return in.remaining() == 0 ? "ok" : "error " + in.remaining() + " bytes left over";
    }

    private static String errors() {
        StringBuilder out = new StringBuilder();
        for (Errors e : Errors.values())
            out.append(e.code()).append('|').append(e.name()).append('|')
                .append(e.exception() instanceof RetriableException ? 1 : 0).append(' ');
        return out.toString().trim();
    }

    private static String records(String hex) throws Exception {
        ArrayNode all = JSON.createArrayNode();
        ByteBuffer bytes = ByteBuffer.wrap(HEX.parseHex(hex));
        for (RecordBatch batch : MemoryRecords.readableRecords(bytes).batches()) {
            batch.ensureValid();
            ObjectNode out = all.addObject()
                .put("base", batch.baseOffset()).put("last", batch.lastOffset())
                .put("codec", batch.compressionType().name).put("pid", batch.producerId())
                .put("epoch", batch.producerEpoch()).put("seq", batch.baseSequence())
                .put("maxTs", batch.maxTimestamp());
            ArrayNode records = out.putArray("records");
            for (Record record : batch) {
                record.ensureValid();
                ObjectNode one = records.addObject()
                    .put("o", record.offset()).put("t", record.timestamp())
                    .put("k", record.hasKey() ? hex(record.key()) : null)
                    .put("v", record.hasValue() ? hex(record.value()) : null);
                ArrayNode headers = one.putArray("h");
                for (Header header : record.headers())
                    headers.addArray().add(header.key())
                        .add(header.value() == null ? null : HEX.formatHex(header.value()));
            }
        }
        return JSON.writeValueAsString(all);
    }

    private static String batch(String codec, String json) throws Exception {
        List<SimpleRecord> records = new ArrayList<>();
        for (JsonNode one : JSON.readTree(json)) {
            List<Header> headers = new ArrayList<>();
            for (JsonNode h : one.get("h"))
                headers.add(new RecordHeader(h.get(0).asText(), bytes(h.get(1))));
            records.add(new SimpleRecord(one.get("t").asLong(), bytes(one.get("k")),
                bytes(one.get("v")), headers.toArray(new Header[0])));
        }
        Compression compression = Compression.of(CompressionType.forName(codec)).build();
        return hex(MemoryRecords.withRecords(compression, records.toArray(new SimpleRecord[0])).buffer());
    }

    private static byte[] bytes(JsonNode hex) {
        return hex == null || hex.isNull() ? null : HEX.parseHex(hex.asText());
    }

    private static String hex(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return HEX.formatHex(bytes);
    }

    private static String run(String line) throws Exception {
        String[] words = line.split(" ", 2);
        switch (words[0]) {
            case "message": {
                String[] a = line.split(" ", 5);
                return message(a[1], Short.parseShort(a[2]), a[3].substring(1), a[4]);
            }
            case "default": {
                String[] a = line.split(" ");
                return defaults(a[1], Short.parseShort(a[2]));
            }
            case "reads": {
                String[] a = line.split(" ");
                return reads(a[1], Short.parseShort(a[2]), a[3].substring(1));
            }
            case "errors": return errors();
            case "records": return records(words[1]);
            case "batch": {
                String[] a = line.split(" ", 3);
                return batch(a[1], a[2]);
            }
            case "partition": {
                String[] a = line.split(" ");
                byte[] key = HEX.parseHex(a[2].substring(1));
                return Utils.murmur2(key) + " "
                    + BuiltInPartitioner.partitionForKey(key, Integer.parseInt(a[1]));
            }
            default: return "error unknown command " + words[0];
        }
    }

    public static void main(String[] args) throws Exception {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new java.io.PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String answer;
            try {
                answer = run(line);
            } catch (Throwable failure) {
                Throwable cause = failure.getCause() != null ? failure.getCause() : failure;
                answer = "error " + String.valueOf(cause).replace('\n', ' ');
            }
            out.println(answer);
        }
        out.flush();
    }
}
