import de.bwaldvogel.mongo.*;
import de.bwaldvogel.mongo.backend.*;
import de.bwaldvogel.mongo.backend.memory.*;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.bson.*;
import io.netty.buffer.*;
import io.netty.channel.Channel;
import io.netty.channel.embedded.EmbeddedChannel;
import java.io.*;
import java.nio.file.*;
import java.util.*;
import java.util.stream.*;

/** Server PORTFILE memory|JOURNAL [PORT]: listens on loopback, then writes its port to PORTFILE. */
public class Server {
  static byte[] encode(Document document) {
    ByteBuf bytes = Unpooled.buffer(512);
    BsonEncoder.encodeDocument(document, bytes);
    return Arrays.copyOf(bytes.array(), bytes.readableBytes());
  }

  static Document decode(byte[] bytes) {
    return BsonDecoder.decodeBson(Unpooled.wrappedBuffer(bytes));
  }

  /** Keeps documents as the bytes of their BSON, 0.4 KB a tweet instead of 3: ten million fit in 8 GB. */
  static class Lean extends MemoryBackend {
    public MemoryDatabase openOrCreateDatabase(String name) {
      return new MemoryDatabase(name, getCursorRegistry()) {
        protected MemoryCollection openOrCreateCollection(String name, CollectionOptions options) {
          return new LeanCollection(this, name, options, cursorRegistry);
        }
      };
    }
  }

  static class LeanCollection extends MemoryCollection {
    /** Null where a document was removed; its place is not used again. */
    private final List<byte[]> documents = new ArrayList<>();
    private int removed;

    LeanCollection(MongoDatabase database, String name, CollectionOptions options, CursorRegistry cursors) {
      super(database, name, options, cursors);
    }

    /** What was found, and by what it is sorted. */
    record Found(byte[] document, Object[] keys) {}

    protected QueryResult matchDocuments(Document query, Document order, int skip, int limit, int batch, Document fields) {
      boolean sorts = order != null && !order.isEmpty() && !order.containsKey("$natural");
      Stream<byte[]> all = documents.stream().filter(Objects::nonNull);
      if (!query.isEmpty()) all = all.filter(each -> documentMatchesQuery(decode(each), query));
      if (sorts) all = sorted(all, order);
      if (skip > 0) all = all.skip(skip);
      if (limit > 0) all = all.limit(limit);
      if (fields != null && !fields.isEmpty())
        return matchDocumentsFromStream(all.map(Server::decode), new Document(), null, 0, 0, batch, fields);
      byte[][] found = all.toArray(byte[][]::new);
      return createQueryResult(new AbstractList<>() {
        public int size() { return found.length; }
        public Document get(int index) { return decode(found[index]); }
      }, batch);
    }

    private static Stream<byte[]> sorted(Stream<byte[]> all, Document order) {
      String[] by = order.keySet().toArray(String[]::new);
      Map<Object, Object> same = new HashMap<>(); // a text that stands in every document is kept once
      Comparator<Object> compare = ValueComparator.asc();
      Comparator<Found> comparator = (one, other) -> {
        for (int i = 0; i < by.length; i++) {
          int way = compare.compare(one.keys[i], other.keys[i]);
          if (way != 0) return ((Number) order.get(by[i])).intValue() < 0 ? -way : way;
        }
        return 0;
      };
      return all.map(each -> {
        Document document = decode(each);
        Object[] keys = new Object[by.length];
        for (int i = 0; i < by.length; i++) {
          keys[i] = Utils.getSubdocumentValue(document, by[i]);
          if (keys[i] instanceof String) keys[i] = same.computeIfAbsent(keys[i], key -> key);
        }
        return new Found(each, keys);
      }).sorted(comparator).map(Found::document);
    }

    protected Integer addDocumentInternal(Document document) {
      documents.add(encode(document));
      return documents.size() - 1;
    }

    public synchronized int count() { return documents.size() - removed; }
    public synchronized boolean isEmpty() { return count() == 0; }

    protected Stream<DocumentWithPosition<Integer>> streamAllDocumentsWithPosition() {
      return IntStream.range(0, documents.size()).filter(place -> documents.get(place) != null)
          .mapToObj(place -> new DocumentWithPosition<>(getDocument(place), place));
    }

    protected Integer findDocumentPosition(Document document) {
      return streamAllDocumentsWithPosition().filter(each -> each.getDocument().equals(document))
          .map(DocumentWithPosition::getPosition).findFirst().orElse(null);
    }

    protected void removeDocument(Integer place) {
      documents.set(place, null);
      removed++;
    }

    protected Document getDocument(Integer place) { return decode(documents.get(place)); }

    protected void handleUpdate(Integer place, Document was, Document is) { documents.set(place, encode(is)); }
  }

  /** A record: bytes of BSON, {db, command, query}. What a kill has left of the last one was never answered. */
  static class Journalled extends Lean {
    static final Set<String> CHANGES = Set.of("insert", "update", "delete", "findandmodify", "create", "createindexes",
        "drop", "dropdatabase", "dropindexes", "renamecollection");
    final RandomAccessFile journal;

    Journalled(String file) throws IOException {
      journal = new RandomAccessFile(file, "rw");
      DataInputStream in = new DataInputStream(new BufferedInputStream(new FileInputStream(file), 1 << 20));
      Channel nobody = new EmbeddedChannel();
      long whole = 0;
      for (long left; (left = journal.length() - whole) >= 4;) {
        byte[] bytes = new byte[in.readInt()];
        if (left < 4 + bytes.length) break;
        in.readFully(bytes);
        Document each = decode(bytes);
        super.handleCommand(nobody, (String) each.get("db"), (String) each.get("command"), (Document) each.get("query"));
        whole += 4 + bytes.length;
      }
      journal.setLength(whole);
      journal.seek(whole);
    }

    public synchronized Document handleCommand(Channel c, String database, String command, Document query) {
      Document answer = super.handleCommand(c, database, command, query);
      if (!CHANGES.contains(command.toLowerCase())) return answer;
      byte[] bytes = encode(new Document("db", database).append("command", command).append("query", query));
      ByteBuf record = Unpooled.buffer(4 + bytes.length).writeInt(bytes.length).writeBytes(bytes);
      try {
        journal.write(record.array(), 0, record.readableBytes());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      return answer;
    }
  }

  public static void main(String[] a) throws Exception {
    MongoServer s = new MongoServer(a[1].equals("memory") ? new Lean() : new Journalled(a[1]));
    s.bind("127.0.0.1", a.length > 2 ? Integer.parseInt(a[2]) : 0);
    Runtime.getRuntime().addShutdownHook(new Thread(s::shutdown));
    Path tmp = Path.of(a[0] + ".tmp");
    Files.writeString(tmp, Integer.toString(s.getLocalAddress().getPort()));
    Files.move(tmp, Path.of(a[0]), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    Thread.currentThread().join();
  }
}
