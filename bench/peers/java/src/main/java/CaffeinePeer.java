import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/** Caffeine among the contestants of bench/peers/run.py, where the protocol is told. */
public final class CaffeinePeer {
  private final Cache<Long, Long> cache;
  private final boolean hit;
  // Boxed beforehand: making keys is not measured.
  private final Long[] stream;
  private final int threads;

  private CaffeinePeer(boolean hit, int entries, int threads, Path file) throws Exception {
    var numbers = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer();
    var universe = new Long[(int) numbers.get()];
    for (int i = 0; i < universe.length; i++) universe[i] = numbers.get();
    this.stream = new Long[numbers.remaining()];
    for (int i = 0; i < stream.length; i++) stream[i] = numbers.get();
    this.hit = hit;
    this.threads = threads;
    this.cache = Caffeine.newBuilder().maximumSize(hit ? entries + entries / 8 : entries).build();
    if (hit) {
      for (Long key : universe) cache.put(key, 1L);
      cache.cleanUp();
    }
  }

  /** What one thread did, and when it began. */
  private static final class Counts {
    long began;
    long sum; // of the values: as many as operations
    long made;
  }

  private void hits(int begin, int end, Counts counts) {
    long sum = 0;
    for (int i = begin; i < end; i++) {
      Long value = cache.getIfPresent(stream[i]);
      if (value != null) sum += value;
    }
    counts.sum += sum;
  }

  private void churn(int begin, int end, Counts counts) {
    long sum = 0;
    var made = new long[1]; // this thread's own: not on a line with the other's
    Function<Long, Long> make = key -> {
      made[0]++;
      return 1L;
    };
    for (int i = begin; i < end; i++) sum += cache.get(stream[i], make);
    counts.sum += sum;
    counts.made += made[0];
  }

  /** Each thread goes through its own part of the stream; they begin together. From the begin to the end of all. */
  private void takeTurn(int passes, String form) throws InterruptedException {
    var ready = new AtomicInteger();
    var all = new Counts[threads];
    var running = new Thread[threads];
    int length = stream.length / threads;
    for (int t = 0; t < threads; t++) {
      var counts = all[t] = new Counts();
      int begin = t * length;
      running[t] = new Thread(() -> {
        ready.incrementAndGet();
        while (ready.get() < threads) Thread.onSpinWait();
        counts.began = System.nanoTime();
        for (int pass = 0; pass < passes; pass++) {
          if (hit) hits(begin, begin + length, counts);
          else churn(begin, begin + length, counts);
        }
      });
      running[t].start();
    }
    for (Thread thread : running) thread.join();
    long ended = System.nanoTime();
    long took = 0;
    long sum = 0;
    long made = 0;
    for (Counts counts : all) {
      took = Math.max(took, ended - counts.began);
      sum += counts.sum;
      made += counts.made;
    }
    long operations = (long) length * threads * passes;
    if (sum != operations) throw new IllegalStateException("not all were hits");
    System.out.println(String.format(Locale.ROOT, form, (double) took * threads / operations, (double) made / operations));
  }

  public static void main(String[] given) throws Exception {
    if (given.length != 4) throw new IllegalArgumentException("usage: CaffeinePeer hit|churn ENTRIES THREADS FILE");
    int entries = Integer.parseInt(given[1]);
    int threads = Integer.parseInt(given[2]);
    var peer = new CaffeinePeer(given[0].equals("hit"), entries, threads, Path.of(given[3]));
    String form = "{\"name\": \"caffeine\", \"what\": \"" + given[0] + "\", \"entries\": " + entries + ", \"threads\": "
        + threads + ", \"ns\": %.3f, \"made\": %.4f}";
    var lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = lines.readLine()) != null;) peer.takeTurn(Integer.parseInt(line.trim()), form);
  }
}
