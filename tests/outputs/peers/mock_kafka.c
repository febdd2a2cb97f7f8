/* librdkafka's mock cluster in a process of its own: prints its address, then what arrives in a topic, one line per
 * message: key, a tab, value. Ends after a number of messages, or after a minute.
 *   mock_kafka TOPIC COUNT [FAIL]     FAIL: as many produce requests are answered with an error first */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv)
{
	char why[256];
	rd_kafka_t *host, *consumer;
	rd_kafka_mock_cluster_t *m;
	rd_kafka_topic_partition_list_t *l;
	rd_kafka_conf_t *c = rd_kafka_conf_new();
	time_t end = time(NULL) + 60;
	long want;

	if (argc < 3)
		return 2;
	want = atol(argv[2]);
	host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof(why));
	m = host ? rd_kafka_mock_cluster_new(host, 3) : NULL;
	if (!m || rd_kafka_mock_topic_create(m, argv[1], 4, 3))
		return 1;
	for (int i = 0; argc > 3 && i < atoi(argv[3]); i++)
		rd_kafka_mock_push_request_errors(m, 0 /* Produce */, 1, i % 2 ? RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS :
									    RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	printf("%s\n", rd_kafka_mock_cluster_bootstraps(m));
	fflush(stdout);
	rd_kafka_conf_set(c, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(m), why, sizeof(why));
	rd_kafka_conf_set(c, "group.id", "test", why, sizeof(why));
	rd_kafka_conf_set(c, "auto.offset.reset", "earliest", why, sizeof(why));
	consumer = rd_kafka_new(RD_KAFKA_CONSUMER, c, why, sizeof(why));
	l = rd_kafka_topic_partition_list_new(4);
	for (int i = 0; i < 4; i++)
		rd_kafka_topic_partition_list_add(l, argv[1], i)->offset = RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(consumer, l);
	rd_kafka_poll_set_consumer(consumer);
	while (want > 0 && time(NULL) < end) {
		rd_kafka_message_t *msg = rd_kafka_consumer_poll(consumer, 100);

		if (msg && !msg->err) {
			printf("%.*s\t%.*s\n", (int)msg->key_len, (const char *)msg->key, (int)msg->len, (const char *)msg->payload);
			want--;
		}
		if (msg)
			rd_kafka_message_destroy(msg);
	}
	fflush(stdout);
	rd_kafka_topic_partition_list_destroy(l);
	rd_kafka_consumer_close(consumer);
	rd_kafka_destroy(consumer);
	rd_kafka_mock_cluster_destroy(m);
	rd_kafka_destroy(host);
	return want > 0;
}
