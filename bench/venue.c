/* The answering venue of the round trip: the same for every arm.
 *
 *     venue CERTIFICATE KEY       TLS
 *     venue                       plain TCP, behind stunnel
 *
 * Each NewOrderSingle<D> is filled at once, by one ExecutionReport<8> that carries its ClOrdID,
 * quantity and price, shaped like the real venue's; the answers to one read leave in one write. A
 * Logon<A> is answered whoever sends it, TestRequest<1> and Logout<5> are, anything else is not.
 * One connection after the other. It says the port it listens on.
 */

#define _GNU_SOURCE
#include "process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_BYTES 65536
#define FRAME_BYTES_MIN 64
#define FRAME_BYTES_MAX 1024
#define OUT_BYTES (IN_BYTES / FRAME_BYTES_MIN * FRAME_BYTES_MAX)
#define SOH '\x01'

/* A value within the frame that is being answered. */
struct value {
    const char *text;
    int size;
};
#define TEXT(value) (value).size, (value).text

struct frame {
    struct value kind, sender, id, quantity, price, heartbeat_s, test_id;
};

static SSL_CTX *context;
static SSL *tls;
static int fd;
static char in[IN_BYTES], out[OUT_BYTES];
static size_t in_size, out_size;
static unsigned seq, executed;
static char stamp[32];

/* SendingTime<52> of what is written now, the second kept. */
static void take_time(void)
{
    static time_t kept;
    static int length;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != kept) {
        struct tm utc;
        gmtime_r(&now.tv_sec, &utc);
        length = (int)strftime(stamp, sizeof stamp, "%Y%m%d-%H:%M:%S.", &utc);
        kept = now.tv_sec;
    }
    long microsecond = now.tv_nsec / 1000;
    for (int at = length + 5; at >= length; at--, microsecond /= 10)
        stamp[at] = (char)('0' + microsecond % 10);
    stamp[length + 6] = 0;
}

/* One message around this body, which begins with 35. */
static void append(const char *body, size_t size)
{
    char *start = out + out_size;
    int head = sprintf(start, "8=FIX.4.4\x01" "9=%03zu\x01", size);
    memcpy(start + head, body, size);
    size += (size_t)head;
    unsigned sum = 0;
    for (size_t at = 0; at < size; at++)
        sum += (unsigned char)start[at];
    size += (size_t)sprintf(start + size, "10=%03u\x01", sum % 256);
    out_size += size;
}

#define HEADER "35=%s\x01" "49=SPOT\x01" "56=%.*s\x01" "34=%u\x01" "52=%s\x01"

static void report(const struct frame *order)
{
    char body[FRAME_BYTES_MAX];
    executed++;
    int size = snprintf(
        body, sizeof body,
        HEADER
        "17=%u\x01" "11=%.*s\x01" "37=%u\x01" "38=%.*s\x01" "40=2\x01" "54=1\x01" "55=BTCUSDT\x01"
        "44=%.*s\x01" "59=1\x01" "60=%s\x01" "25018=%s\x01" "25001=1\x01" "150=F\x01" "14=%.*s\x01"
        "151=0\x01" "1057=Y\x01" "1003=%u\x01" "31=%.*s\x01" "32=%.*s\x01" "39=2\x01" "636=Y\x01"
        "25023=%s\x01",
        "8", TEXT(order->sender), seq++, stamp, executed, TEXT(order->id), executed,
        TEXT(order->quantity), TEXT(order->price), stamp, stamp, TEXT(order->quantity), executed,
        TEXT(order->price), TEXT(order->quantity), stamp);
    append(body, (size_t)size);
}

static void answer(const struct frame *asked)
{
    char body[FRAME_BYTES_MAX];
    int size = 0;
    const char kind = asked->kind.size == 1 ? *asked->kind.text : 0;
    if (kind == 'D') {
        report(asked);
        return;
    }
    if (kind == 'A') {
        seq = 1;
        size = snprintf(body, sizeof body,
                        HEADER "98=0\x01" "108=%.*s\x01" "25037=bench\x01", "A",
                        TEXT(asked->sender), seq++, stamp, TEXT(asked->heartbeat_s));
    } else if (kind == '1') {
        size = snprintf(body, sizeof body, HEADER "112=%.*s\x01", "0", TEXT(asked->sender), seq++,
                        stamp, TEXT(asked->test_id));
    } else if (kind == '5') {
        size = snprintf(body, sizeof body, HEADER, "5", TEXT(asked->sender), seq++, stamp);
    } else {
        return;
    }
    append(body, (size_t)size);
}

/* Where a frame keeps the value of a tag that counts here; NULL for another. */
static struct value *place(struct frame *frame, long tag)
{
    switch (tag) {
    case 35: return &frame->kind;
    case 49: return &frame->sender;
    case 11: return &frame->id;
    case 38: return &frame->quantity;
    case 44: return &frame->price;
    case 108: return &frame->heartbeat_s;
    case 112: return &frame->test_id;
    default: return NULL;
    }
}

static void read_frame(const char *data, const char *end)
{
    struct frame frame = {0};
    while (data < end) {
        char *value;
        long tag = strtol(data, &value, 10);
        const char *behind = memchr(data, SOH, (size_t)(end - data));
        if (behind == NULL || *value != '=')
            fail("a frame that cannot be read");
        struct value *kept = place(&frame, tag);
        if (kept != NULL)
            *kept = (struct value){value + 1, (int)(behind - value - 1)};
        data = behind + 1;
    }
    answer(&frame);
}

/* The size of the frame that begins here, by BodyLength<9>; 0 where more is to come. */
static size_t frame_size(const char *data, size_t size)
{
    const char *body = size < 32 ? NULL : memchr(data + 12, SOH, 12);
    if (size < 32)
        return 0;
    if (body == NULL || memcmp(data, "8=FIX.4.4\x01" "9=", 12) != 0)
        fail("bytes that are not FIX.4.4");
    size_t whole = (size_t)(body + 1 - data) + strtoul(data + 12, NULL, 10) + 7;
    if (whole < FRAME_BYTES_MIN || whole > FRAME_BYTES_MAX)
        fail("a frame of %zu bytes", whole);
    return whole <= size ? whole : 0;
}

/* Answer all whole frames; what is left moves to the front. */
static void read_frames(void)
{
    size_t at = 0, size;
    take_time();
    while ((size = frame_size(in + at, in_size - at)) > 0) {
        read_frame(in + at, in + at + size);
        at += size;
    }
    in_size -= at;
    memmove(in, in + at, in_size);
}

static long receive(char *to, size_t room)
{
    return tls != NULL ? SSL_read(tls, to, (int)room) : read(fd, to, room);
}

static void send_all(void)
{
    for (size_t at = 0; at < out_size;) {
        size_t left = out_size - at;
        long gone = tls != NULL ? SSL_write(tls, out + at, (int)left) : write(fd, out + at, left);
        if (gone <= 0)
            break; /* the reader is gone: the next read says so */
        at += (size_t)gone;
    }
    out_size = 0;
}

static void serve(void)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (context != NULL) {
        tls = SSL_new(context);
        SSL_set_fd(tls, fd);
    }
    in_size = out_size = 0;
    seq = 1;
    if (tls == NULL || SSL_accept(tls) == 1) {
        long size;
        while ((size = receive(in + in_size, sizeof in - in_size)) > 0) {
            in_size += (size_t)size;
            read_frames();
            if (out_size > 0)
                send_all();
        }
    }
    SSL_free(tls);
    tls = NULL;
    close(fd);
}

static int listen_anywhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    char port[8];
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 8) != 0
        || getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        fail("listen: %s", strerror(errno));
    snprintf(port, sizeof port, "%d", ntohs(address.sin_port));
    say(port);
    return listener;
}

int main(int count, char **arguments)
{
    if (count != 1 && count != 3)
        fail("usage: venue [CERTIFICATE KEY]");
    if (count == 3) {
        context = SSL_CTX_new(TLS_server_method());
        SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
        SSL_CTX_set_read_ahead(context, 1);
        if (SSL_CTX_use_certificate_chain_file(context, arguments[1]) != 1
            || SSL_CTX_use_PrivateKey_file(context, arguments[2], SSL_FILETYPE_PEM) != 1)
            fail_tls(arguments[1]);
    }
    signal(SIGPIPE, SIG_IGN); /* a reader that is gone is told by the write */
    int listener = listen_anywhere();
    for (;;) {
        fd = accept(listener, NULL, NULL);
        if (fd < 0)
            fail("accept: %s", strerror(errno));
        serve();
    }
}
