/* The floor of the round trip: a relay that knows nothing of what it passes on.
 *
 *     relay ENDPOINT PORT CA_FILE SERVER_NAME
 *
 * A ROUTER of libzmq on one side, OpenSSL on a non-blocking socket on the other, poll between them.
 * The messages of one wake-up leave as one TLS record, what one record brings goes to the strategy
 * as one message; bytes are not looked at. TLS is verified as the engine's: chain, host name, SNI,
 * TLS 1.2 or newer. Whoever spoke last gets what comes.
 */

#include "process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string.h>
#include <zmq.h>

#define RECORD_BYTES 16384
#define PEER_BYTES_MAX 255

static void *bus;
static SSL *tls;
static int venue_fd;
static char peer[PEER_BYTES_MAX];
static size_t peer_size;
static char out[RECORD_BYTES];
static size_t out_size;

static void *bind_bus(const char *endpoint)
{
    void *socket = zmq_socket(zmq_ctx_new(), ZMQ_ROUTER);
    int on = 1, unbounded = 0;
    zmq_setsockopt(socket, ZMQ_ROUTER_MANDATORY, &on, sizeof on);
    zmq_setsockopt(socket, ZMQ_SNDHWM, &unbounded, sizeof unbounded);
    if (zmq_bind(socket, endpoint) != 0)
        fail("%s: %s", endpoint, zmq_strerror(zmq_errno()));
    return socket;
}

static int connect_tcp(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("port %d: %s", port, strerror(errno));
    return fd;
}

static SSL *connect_tls(int fd, const char *ca_file, const char *server_name)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_read_ahead(context, 1);
    if (SSL_CTX_load_verify_locations(context, ca_file, NULL) != 1)
        fail_tls(ca_file);
    SSL *made = SSL_new(context);
    SSL_set_tlsext_host_name(made, server_name);
    if (SSL_set1_host(made, server_name) != 1 || SSL_set_fd(made, fd) != 1)
        fail_tls("TLS");
    if (SSL_connect(made) != 1)
        fail_tls("TLS handshake");
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
        fail("non-blocking: %s", strerror(errno));
    return made;
}

/* One part of a message to where there is room; its size, or -1 where there is none now. */
static int part(char *to, size_t room)
{
    int size = zmq_recv(bus, to, room, ZMQ_DONTWAIT);
    if (size < 0 && zmq_errno() != EAGAIN && zmq_errno() != EINTR)
        fail("bus: %s", zmq_strerror(zmq_errno()));
    if (size > (int)room)
        fail("a message of %d bytes is too long", size);
    return size;
}

/* What strategies say, into `out`, as far as one record holds it. */
static void gather(void)
{
    while (out_size <= RECORD_BYTES / 2) {
        int named = part(peer, sizeof peer);
        if (named < 0)
            return;
        peer_size = (size_t)named;
        int size = part(out + out_size, RECORD_BYTES - out_size);
        if (size < 0)
            fail("a message without a second part");
        out_size += (size_t)size;
    }
}

/* Whether all of `out` has left; the same bytes are given again where they have not. */
static int written(void)
{
    ERR_clear_error();
    int size = SSL_write(tls, out, (int)out_size);
    if (size <= 0) {
        int why = SSL_get_error(tls, size);
        if (why != SSL_ERROR_WANT_WRITE && why != SSL_ERROR_WANT_READ)
            fail_tls("write");
        return 0;
    }
    out_size = 0;
    return 1;
}

/* What the venue has sent goes to the strategy. */
static void pass_back(void)
{
    static char in[RECORD_BYTES];
    do {
        ERR_clear_error();
        int size = SSL_read(tls, in, sizeof in);
        if (size <= 0) {
            int why = SSL_get_error(tls, size);
            if (why == SSL_ERROR_ZERO_RETURN)
                exit(0);
            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
                fail_tls("read");
            return;
        }
        if (peer_size == 0)
            continue;
        if (zmq_send(bus, peer, peer_size, ZMQ_SNDMORE) < 0
            || zmq_send(bus, in, (size_t)size, 0) < 0)
            fail("bus: %s", zmq_strerror(zmq_errno()));
    } while (SSL_has_pending(tls));
}

int main(int count, char **arguments)
{
    if (count != 5)
        fail("usage: relay ENDPOINT PORT CA_FILE SERVER_NAME");
    venue_fd = connect_tcp(atoi(arguments[2]));
    tls = connect_tls(venue_fd, arguments[3], arguments[4]);
    bus = bind_bus(arguments[1]);
    int bus_fd;
    size_t size = sizeof bus_fd;
    zmq_getsockopt(bus, ZMQ_FD, &bus_fd, &size);
    say("ready");
    for (;;) {
        int stuck = out_size > 0 && !written();
        while (!stuck) {
            /* The bus's descriptor tells edges only: wait once nothing was found, not before. */
            gather();
            if (out_size == 0)
                break;
            stuck = !written();
        }
        struct pollfd ends[] = {
            {.fd = venue_fd, .events = (short)(stuck ? POLLIN | POLLOUT : POLLIN)},
            {.fd = bus_fd, .events = POLLIN},
        };
        if (poll(ends, stuck ? 1 : 2, -1) < 0 && errno != EINTR)
            fail("poll: %s", strerror(errno));
        if (ends[0].revents & (POLLIN | POLLERR | POLLHUP))
            pass_back();
    }
}
