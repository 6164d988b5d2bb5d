/* The strategy of the round trip: the same for every arm but for the words of its dialect.
 *
 *     strategy DIALECT ENDPOINT
 *
 * It says "ready" and then takes commands, one a line: COUNT WINDOW INTERVAL_NS. That many orders
 * are made, then sent: at most WINDOW without their report at a time, the next one not before
 * INTERVAL_NS after the one before was due. Every report is held against its order: id, price and
 * quantity, each order once. The answer is a line "TOOK_NS DIGEST", then the nanoseconds of each
 * trip, 8 bytes each, from right before the send to the return of the receive.
 */

#define _GNU_SOURCE
#include "dialect.h"

#include <errno.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <zmq.h>

#define SILENCE_MS 20000
#define SECOND_NS 1000000000u
#define ACK_EVERY 64
#define STREAM_BYTES (1 << 20)

static const struct dialect *dialect;
static void *bus;
static int bus_fd;
static uint64_t first = 1; /* the number of the first order of this command */
static uint64_t count, done, digest;
static uint64_t *sent_ns, *trip_ns;
static char stream[STREAM_BYTES]; /* what is not a whole report yet */
static size_t stream_size;
static unsigned unacknowledged;

static void connect_bus(const char *endpoint)
{
    int on = 1, silence_ms = SILENCE_MS, unbounded = 0;
    size_t size = sizeof bus_fd;
    char identity[32];
    bus = zmq_socket(zmq_ctx_new(), ZMQ_DEALER);
    snprintf(identity, sizeof identity, "bench.%d", (int)getpid());
    zmq_setsockopt(bus, ZMQ_ROUTING_ID, identity, strlen(identity));
    zmq_setsockopt(bus, ZMQ_IMMEDIATE, &on, sizeof on);
    zmq_setsockopt(bus, ZMQ_SNDHWM, &unbounded, sizeof unbounded);
    zmq_setsockopt(bus, ZMQ_RCVHWM, &unbounded, sizeof unbounded);
    zmq_setsockopt(bus, ZMQ_RCVTIMEO, &silence_ms, sizeof silence_ms);
    zmq_setsockopt(bus, ZMQ_SNDTIMEO, &silence_ms, sizeof silence_ms);
    if (zmq_connect(bus, endpoint) != 0)
        fail("%s: %s", endpoint, zmq_strerror(zmq_errno()));
    zmq_getsockopt(bus, ZMQ_FD, &bus_fd, &size);
}

static void say_on_bus(const void *data, size_t size)
{
    if (zmq_send(bus, data, size, 0) < 0)
        fail("send: %s", zmq_strerror(zmq_errno()));
}

/* Say Hello to the engine and take its epoch from Welcome. */
static void greet(void)
{
    char hello[64], data[1024];
    char *at = put_text(put_text(put_number(hello, 0x96, 0, 0), "Hello"), "bench");
    memcpy(at, "\xc0\xc0\xc2", 3);
    at = put_text(at + 3, "bench");
    say_on_bus(hello, (size_t)(at - hello));
    int size = zmq_recv(bus, data, sizeof data, 0);
    const unsigned char *column = size < 0 ? NULL : columns(data, (size_t)size, "Welcome");
    if (column == NULL)
        fail("no Welcome: %.*s", size < 0 ? 0 : size, data);
    const unsigned char *number = column + 1 + (*column & 0x1f); /* behind the strategy's name */
    epoch = (uint32_t)get_number(number + 1 + number_bytes(number));
}

static void acknowledge(const char *data, size_t size)
{
    const unsigned char *column = columns(data, size, "ExecutionReport");
    char ack[16];
    if (column == NULL || ++unacknowledged < ACK_EVERY)
        return;
    unacknowledged = 0;
    char *at = put_number(put_text(put_number(ack, 0x92, 0, 0), "Ack"), 0xcf, get_number(column), 8);
    say_on_bus(ack, (size_t)(at - ack));
}

/* Hold a report against its order. */
static void check(const char *data, size_t size, uint64_t came_ns)
{
    struct terms terms;
    const char *id = memmem(data, size, ID_PREFIX, sizeof ID_PREFIX - 1);
    if (id == NULL || id + ID_BYTES > data + size)
        fail("a report without an id: %.*s", (int)size, data);
    uint64_t number = strtoull(id + sizeof ID_PREFIX - 1, NULL, 10);
    uint64_t at = number - first;
    if (at >= count || sent_ns[at] == 0 || trip_ns[at] != 0)
        fail("a report of an order that waits for none: %.*s", (int)size, data);
    agree(&terms, number);
    const char *found[] = {terms.id, terms.price, terms.quantity};
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t which = 0; which < 3; which++) {
        const char *text = memmem(data, size, found[which], strlen(found[which]));
        if (text == NULL)
            fail("%s is not in its report: %.*s", found[which], (int)size, data);
        for (size_t byte = 0; byte < strlen(found[which]); byte++)
            hash = (hash ^ (unsigned char)text[byte]) * 0x100000001b3u;
    }
    digest += hash;
    trip_ns[at] = came_ns - sent_ns[at];
    done++;
}

/* Take all reports in the bytes of one message, or of several where they are a stream. */
static void take(const char *data, size_t size, uint64_t came_ns)
{
    size_t at = 0, whole;
    int is_report = 0;
    if (size > sizeof stream - stream_size)
        fail("half a report that does not end");
    if (stream_size > 0) {
        memcpy(stream + stream_size, data, size);
        data = stream;
        size += stream_size;
    }
    while (at < size && (whole = dialect->report(data + at, size - at, &is_report)) > 0) {
        if (is_report)
            check(data + at, whole, came_ns);
        at += whole;
    }
    stream_size = size - at;
    memmove(stream, data + at, stream_size);
}

/* Take one message; whether there was one. flags: ZMQ_DONTWAIT, or 0 to wait for it. */
static int receive(int flags)
{
    zmq_msg_t message;
    zmq_msg_init(&message);
    int size = zmq_msg_recv(&message, bus, flags);
    uint64_t came_ns = now_ns();
    if (size < 0) {
        if (flags == ZMQ_DONTWAIT && zmq_errno() == EAGAIN)
            return 0;
        fail("%lu of %lu orders have no report within %d ms: %s", (unsigned long)(count - done),
             (unsigned long)count, SILENCE_MS, zmq_strerror(zmq_errno()));
    }
    const char *data = zmq_msg_data(&message);
    take(data, (size_t)size, came_ns);
    if (dialect == &DIALECTS[0])
        acknowledge(data, (size_t)size);
    zmq_msg_close(&message);
    return 1;
}

/* Take what comes until it is time for the next order. */
static void receive_until(uint64_t due_ns)
{
    for (uint64_t now; (now = now_ns()) < due_ns;) {
        struct timespec left = {.tv_nsec = (long)((due_ns - now) % SECOND_NS),
                                .tv_sec = (time_t)((due_ns - now) / SECOND_NS)};
        struct pollfd end = {.fd = bus_fd, .events = POLLIN};
        if (!receive(ZMQ_DONTWAIT))
            ppoll(&end, 1, &left, NULL);
    }
}

static void send_one(struct order *order, uint64_t at)
{
    sent_ns[at] = now_ns();
    if (order->sent_at != UNTIMED)
        put_number(order->bytes + order->sent_at - 1, 0xcf, sent_ns[at], 8);
    say_on_bus(order->bytes, order->size);
}

/* Carry out one command; see the top. */
static void run(uint64_t window, uint64_t interval_ns)
{
    struct order *orders = malloc(count * sizeof *orders);
    sent_ns = calloc(count, sizeof *sent_ns);
    trip_ns = calloc(count, sizeof *trip_ns);
    if (orders == NULL || sent_ns == NULL || trip_ns == NULL)
        fail("no memory for %lu orders", (unsigned long)count);
    for (uint64_t at = 0; at < count; at++)
        dialect->write(&orders[at], first + at);
    done = digest = 0;
    uint64_t begun_ns = now_ns();
    for (uint64_t sent = 0; sent < count; sent++) {
        if (interval_ns > 0)
            receive_until(begun_ns + sent * interval_ns);
        while (sent - done >= window)
            receive(0);
        send_one(&orders[sent], sent);
        if (window > 1)
            receive(ZMQ_DONTWAIT);
    }
    while (done < count)
        receive(0);
    printf("%lu %016lx\n", (unsigned long)(now_ns() - begun_ns), (unsigned long)digest);
    fwrite(trip_ns, sizeof *trip_ns, count, stdout);
    fflush(stdout);
    first += count;
    free(orders);
    free(sent_ns);
    free(trip_ns);
}

int main(int given, char **arguments)
{
    if (given != 3)
        fail("usage: strategy DIALECT ENDPOINT");
    for (size_t at = 0; at < sizeof DIALECTS / sizeof *DIALECTS; at++)
        if (strcmp(DIALECTS[at].name, arguments[1]) == 0)
            dialect = &DIALECTS[at];
    if (dialect == NULL)
        fail("no dialect %s", arguments[1]);
    prctl(PR_SET_TIMERSLACK, 1ul); /* or what is paced comes up to 50 us late */
    connect_bus(arguments[2]);
    if (dialect == &DIALECTS[0])
        greet();
    say("ready");
    unsigned long window, interval_ns, wanted;
    while (scanf("%lu %lu %lu", &wanted, &window, &interval_ns) == 3) {
        count = wanted;
        run(window, interval_ns);
    }
    return 0;
}
