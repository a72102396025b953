/*
 * The load of the benchmarks, made with librdkafka so that a broker is measured and not a JavaScript
 * client. Built by `npm run bench` with the C compiler and librdkafka of the machine.
 *
 *   librdkafka-load produce BOOTSTRAP TOPIC RECORDS RECORD_BYTES ACKS CODEC
 *   librdkafka-load consume BOOTSTRAP TOPIC PARTITIONS RECORDS
 *   librdkafka-load latency BOOTSTRAP TOPIC PARTITIONS RECORDS RECORDS_PER_SECOND
 *   librdkafka-load gap     BOOTSTRAP TOPIC SECONDS
 *
 * Each prints one JSON object. `consume` is timed from the first record on. `latency` is from the call
 * of produce to the delivery to a consumer in the same process, acks=all, no linger. `gap` writes one
 * record every millisecond, acks=all, until the time is over, and prints the longest time between two
 * acknowledgements.
 */
#include <librdkafka/rdkafka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t delivered, failed;
static double last_ack_ms, longest_gap_ms;

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void die(const char *what, const char *why) {
  fprintf(stderr, "librdkafka-load: %s: %s\n", what, why);
  exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value) {
  char why[512];
  if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != RD_KAFKA_CONF_OK) die(key, why);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
  (void)rk, (void)opaque;
  if (message->err) {
    failed++;
    return;
  }
  delivered++;
  double now = now_ms();
  if (last_ack_ms > 0 && now - last_ack_ms > longest_gap_ms) longest_gap_ms = now - last_ack_ms;
  last_ack_ms = now;
}

static rd_kafka_t *producer(const char *bootstrap, const char *acks, const char *codec,
                            const char *linger_ms) {
  char why[512];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", bootstrap);
  set(conf, "acks", acks);
  set(conf, "compression.codec", codec);
  set(conf, "linger.ms", linger_ms);
  set(conf, "enable.idempotence", "false");
  set(conf, "queue.buffering.max.messages", "1000000");
  set(conf, "queue.buffering.max.kbytes", "262144");
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
  if (!rk) die("producer", why);
  return rk;
}

static rd_kafka_t *consumer(const char *bootstrap, const char *topic, int partitions,
                            int64_t offset) {
  char why[512];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", bootstrap);
  set(conf, "group.id", "samsa-bench");
  set(conf, "enable.auto.commit", "false");
  set(conf, "auto.offset.reset", "earliest");
  set(conf, "fetch.wait.max.ms", "100");
  rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
  if (!rk) die("consumer", why);
  rd_kafka_poll_set_consumer(rk);
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
  for (int p = 0; p < partitions; p++)
    rd_kafka_topic_partition_list_add(list, topic, p)->offset = offset;
  rd_kafka_assign(rk, list);
  rd_kafka_topic_partition_list_destroy(list);
  return rk;
}

static void send_record(rd_kafka_t *rk, const char *topic, void *payload, size_t bytes) {
  for (;;) {
    rd_kafka_resp_err_t err =
        rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_VALUE(payload, bytes),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (!err) return;
    if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL) die("produce", rd_kafka_err2str(err));
    rd_kafka_poll(rk, 10);
  }
}

/* Text-like bytes: they compress about as well as log lines do. */
static char *sample(size_t bytes) {
  static const char words[] = "broker leader follower epoch offset segment replica controller ";
  char *text = malloc(bytes);
  unsigned seed = 4711;
  for (size_t i = 0; i < bytes; i++) {
    seed = seed * 1103515245u + 12345u;
    text[i] = (seed >> 16) % 4 == 0 ? 'a' + (seed >> 20) % 26 : words[i % (sizeof words - 1)];
  }
  return text;
}

static int produce(char **a) {
  int64_t records = atoll(a[2]);
  size_t bytes = atoll(a[3]);
  rd_kafka_t *rk = producer(a[0], a[4], a[5], "5");
  char *payload = sample(bytes);
  double start = now_ms();
  for (int64_t i = 0; i < records; i++) {
    if (bytes >= 8) memcpy(payload, &i, 8);
    send_record(rk, a[1], payload, bytes);
    if (i % 512 == 0) rd_kafka_poll(rk, 0);
  }
  while (rd_kafka_outq_len(rk) > 0) rd_kafka_poll(rk, 50);
  double seconds = (now_ms() - start) / 1e3;
  printf("{\"records\":%lld,\"failed\":%lld,\"seconds\":%.3f,\"mbPerSecond\":%.1f}\n",
         (long long)delivered, (long long)failed, seconds, delivered * bytes / 1e6 / seconds);
  rd_kafka_destroy(rk);
  return failed > 0;
}

/* Timed from the first record: librdkafka first waits half a second for the leaders, whoever serves. */
static int consume(char **a) {
  enum { BATCH = 1000 };
  static rd_kafka_message_t *messages[BATCH];
  int64_t records = atoll(a[3]), seen = 0, bytes = 0;
  double start = now_ms(), first = 0, progress = start;
  rd_kafka_t *rk = consumer(a[0], a[1], atoi(a[2]), RD_KAFKA_OFFSET_BEGINNING);
  rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
  while (seen < records) {
    ssize_t count = rd_kafka_consume_batch_queue(queue, 10, messages, BATCH);
    double now = now_ms();
    int64_t before = seen;
    for (ssize_t i = 0; i < count; i++) {
      if (!messages[i]->err) seen++, bytes += messages[i]->len;
      rd_kafka_message_destroy(messages[i]);
    }
    if (seen > before) progress = now;
    if (first == 0 && seen > 0) first = now;
    if (now - progress > 30e3) die("consume", "nothing came for 30 s");
  }
  double end = now_ms(), seconds = (end - first) / 1e3;
  printf("{\"records\":%lld,\"seconds\":%.3f,\"mbPerSecond\":%.1f,\"secondsWithStart\":%.3f}\n",
         (long long)seen, seconds, bytes / 1e6 / seconds, (end - start) / 1e3);
  rd_kafka_queue_destroy(queue);
  rd_kafka_destroy(rk);
  return 0;
}

static int by_value(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

static int latency(char **a) {
  int64_t records = atoll(a[3]), sent = 0, seen = 0;
  double interval = 1e3 / atof(a[4]);
  double *took = calloc(records, sizeof *took);
  rd_kafka_t *in = producer(a[0], "all", "none", "0");
  rd_kafka_t *out = consumer(a[0], a[1], atoi(a[2]), RD_KAFKA_OFFSET_END);
  /* First both find their partitions, and every connection is used once. */
  double ready = now_ms() + 4000;
  while (now_ms() < ready) {
    if (now_ms() > ready - 2000 && now_ms() < ready - 1000) send_record(in, a[1], "warm", 4);
    rd_kafka_poll(in, 0);
    rd_kafka_message_t *message = rd_kafka_consumer_poll(out, 20);
    if (message) rd_kafka_message_destroy(message);
  }
  double start = now_ms();
  while (seen < records) {
    double now = now_ms();
    if (sent < records && now >= start + sent * interval) {
      char payload[100] = {0};
      memcpy(payload, &now, sizeof now);
      send_record(in, a[1], payload, sizeof payload);
      sent++;
      rd_kafka_poll(in, 0);
    }
    rd_kafka_message_t *message = rd_kafka_consumer_poll(out, 1);
    if (message && !message->err && message->len == 100) {
      double then;
      memcpy(&then, message->payload, sizeof then);
      took[seen++] = now_ms() - then;
    }
    if (message) rd_kafka_message_destroy(message);
    if (now - start > records * interval + 30e3) die("latency", "records are missing");
  }
  qsort(took, seen, sizeof *took, by_value);
  printf("{\"records\":%lld,\"p50Ms\":%.2f,\"p99Ms\":%.2f,\"p999Ms\":%.2f}\n", (long long)seen,
         took[seen / 2], took[seen * 99 / 100], took[seen * 999 / 1000]);
  rd_kafka_flush(in, 5000);
  rd_kafka_destroy(in);
  rd_kafka_destroy(out);
  return 0;
}

static int gap(char **a) {
  rd_kafka_t *rk = producer(a[0], "all", "none", "0");
  char payload[100] = {0};
  double start = now_ms(), seconds = atof(a[2]);
  for (int64_t sent = 0; now_ms() - start < seconds * 1e3;) {
    if (now_ms() >= start + sent) send_record(rk, a[1], payload, sizeof payload), sent++;
    rd_kafka_poll(rk, 1);
  }
  rd_kafka_flush(rk, 30000);
  printf("{\"records\":%lld,\"failed\":%lld,\"longestGapMs\":%.1f}\n", (long long)delivered,
         (long long)failed, longest_gap_ms);
  rd_kafka_destroy(rk);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 8 && !strcmp(argv[1], "produce")) return produce(argv + 2);
  if (argc == 6 && !strcmp(argv[1], "consume")) return consume(argv + 2);
  if (argc == 7 && !strcmp(argv[1], "latency")) return latency(argv + 2);
  if (argc == 5 && !strcmp(argv[1], "gap")) return gap(argv + 2);
  fprintf(stderr, "librdkafka-load: wrong arguments, see the head of librdkafka-load.c\n");
  return 2;
}
