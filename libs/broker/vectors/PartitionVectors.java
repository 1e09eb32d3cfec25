import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.utils.Utils;

/**
 * Writes partition-vectors.json: what the Java client's own code says of 2,000 keys.
 * Run: java -cp "<kafka jars>/*" PartitionVectors.java > partition-vectors.json, then prettier
 */
public class PartitionVectors {
  private static final int[] COUNTS = {1, 2, 3, 7, 12, 16, 50, 64, 200, 1000};

  public static void main(String[] args) {
    List<String> keys = new ArrayList<>(List.of(
        "", "a", "ab", "abc", "abcd", "abcde", "order-1", "0", "-1", " ", "\n", "\u0000", "ü", "äöü", "ß", "é", "日本語",
        "日本語のキー", "🙂", "👩‍👩‍👧‍👦", "مرحبا", "Ωmega", "a\u0300", "\ufeff", "\u007f", "\u0080", "\u07ff", "\u0800", "\uffff",
        "a".repeat(63), "a".repeat(64), "a".repeat(255), "a".repeat(256), "ü".repeat(1000), "🙂".repeat(777),
        "long-" + "x".repeat(10_000), "0199d8c2-4f3e-7aa0-b1c2-d3e4f5a6b7c8"));
    Random random = new Random(42);
    String alphabet = "abcdefghijklmnopqrstuvwxyz0123456789-_:/.äöüßé日本語🙂";
    int[] points = alphabet.codePoints().toArray();
    while (keys.size() < 2_000) {
      StringBuilder key = new StringBuilder();
      int length = 1 + random.nextInt(40);
      for (int at = 0; at < length; at++) key.appendCodePoint(points[random.nextInt(points.length)]);
      keys.add(key.toString());
    }
    StringBuilder out = new StringBuilder("{\"client\": \"org.apache.kafka:kafka-clients:4.3.1\", \"keys\": [");
    out.append(join(keys, key -> quoted(key)));
    out.append("], \"hashes\": [").append(join(keys, key -> "" + Utils.murmur2(utf8(key)))).append("], \"partitions\": {");
    for (int count : COUNTS) {
      out.append(count == COUNTS[0] ? "" : ", ").append("\"").append(count).append("\": [");
      out.append(join(keys, key -> "" + BuiltInPartitioner.partitionForKey(utf8(key), count))).append("]");
    }
    System.out.println(out.append("}}"));
  }

  private static byte[] utf8(String key) {
    return key.getBytes(StandardCharsets.UTF_8);
  }

  private static String join(List<String> keys, Function<String, String> say) {
    return keys.stream().map(say).collect(Collectors.joining(", "));
  }

  /** ASCII only, so that no encoding on the way can change a key. */
  private static String quoted(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (char unit : text.toCharArray()) {
      if (unit >= 0x20 && unit < 0x7f && unit != '"' && unit != '\\') out.append(unit);
      else out.append(String.format("\\u%04x", (int) unit));
    }
    return out.append('"').toString();
  }
}
