"""The plain script that `publish` is measured against: rows by a server-side cursor, documents by `parallel_bulk`,
values by pipelines; `both-rabbitmq` puts RabbitMQ between, 200 documents a message.

Usage: publish_peer.py redis|search|both|both-rabbitmq INDEX
"""
import collections, json, os, sys, threading

import pika, psycopg2, redis
from elasticsearch import Elasticsearch, helpers

to, index = sys.argv[1:]
DATABASE = os.environ["RECONCILE_TEST_POSTGRES"].rsplit("/", 1)[0] + "/bench_publish"
BATCH, MESSAGE, QUEUE = 2000, 200, "bench.peer"


def rows(table):
    with psycopg2.connect(DATABASE) as connection, connection.cursor("rows") as cursor:
        cursor.itersize = BATCH
        cursor.execute(f"SELECT key, data::text FROM {table} ORDER BY 1")
        yield from cursor


def to_redis(pairs):
    client = redis.Redis.from_url(os.environ["RECONCILE_TEST_REDIS"])
    pipeline, count = client.pipeline(transaction=False), 0
    for key, data in pairs:
        pipeline.set(f"kv:{key}", data)
        count += 1
        if count % BATCH == 0:
            pipeline.execute()
    pipeline.execute()


def to_search(pairs):
    client = Elasticsearch(os.environ["RECONCILE_TEST_ELASTICSEARCH"])
    actions = ({"_index": index, "_id": key, "_source": data} for key, data in pairs)
    done = helpers.parallel_bulk(client, actions, thread_count=2, chunk_size=BATCH)
    collections.deque(done, maxlen=0)


def through(table, take):
    """A producer and a consumer of one queue."""
    queue = f"{QUEUE}.{table}"
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["RECONCILE_TEST_RABBITMQ"]))
    channel = connection.channel()
    channel.queue_declare(queue, durable=True)
    channel.queue_purge(queue)
    channel.confirm_delivery()

    def produce():
        message = []
        for pair in rows(table):
            message.append(pair)
            if len(message) == MESSAGE:
                channel.basic_publish("", queue, json.dumps(message), pika.BasicProperties(delivery_mode=2), mandatory=True)
                message = []
        channel.basic_publish("", queue, json.dumps(message + [None]), pika.BasicProperties(delivery_mode=2), mandatory=True)

    def consume():
        own = pika.BlockingConnection(pika.URLParameters(os.environ["RECONCILE_TEST_RABBITMQ"])).channel()
        own.basic_qos(prefetch_count=20)
        for method, _, body in own.consume(queue):
            pairs = json.loads(body)
            own.basic_ack(method.delivery_tag)
            yield from (pair for pair in pairs if pair)
            if pairs[-1] is None:
                return

    producer = threading.Thread(target=produce)
    producer.start()
    take(consume())
    producer.join()
    channel.queue_delete(queue)


both = [threading.Thread(target=through, args=("product_storage", to_redis)), threading.Thread(target=through, args=("product_search", to_search))]
direct = [threading.Thread(target=lambda: to_redis(rows("product_storage"))), threading.Thread(target=lambda: to_search(rows("product_search")))]
threads = {"redis": direct[:1], "search": direct[1:], "both": direct, "both-rabbitmq": both}[to]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
